"""How every item stands is answered in one place: by lines, by numbers, and by those who ask it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from labelyard.generate.record_json.finished import finished
from labelyard.generate.run_folder.journal_tails import JournalTails
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Counts, Standing
from labelyard.launch.merging.merge import merge, records_of
from labelyard.launch.report.sample import sample
from labelyard.launch.watching.progress import Watch
from tests.launch.made import make_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """24 items in 3 shards, 2 finished; 3 quarantined, of which one in the open shard; 1 pending."""
    pictures = [Image.new("RGB", (48, 40), (40 * n, 90, 120)) for n in range(6)]
    return make_run(tmp_path / "run", pictures, 24, 8, failing=(5, 6, 18), open_shards=1)


def names(run: RunFolder) -> list[str]:
    return [record.path.name for record in finished(run)]


def test_numbers_are_those_of_the_lines_finished_or_not(run: RunFolder) -> None:
    standing = Standing(run)
    assert standing.touched() == [0, 1, 2]
    for number in standing.touched():
        for said in (True, False):
            assert standing.counts(number, said) == Counts.of_lines(standing.of(number))
        done = [line for line in standing.of(number) if line["status"] == "done"]
        assert standing.done(number) == standing.done(number, said=True) == done
    assert [len(standing.quarantined(number)) for number in range(3)] == [2, 0, 1]
    first = standing.counts(0)
    assert (first.done, first.quarantined, first.instances) == (6, 2, 0 + 1 + 2 + 3 + 0 + 3)
    assert first.reasons == {"load: no such file": (2, "/pictures/0005.jpg: no such file: /pictures/0005.jpg")}


def test_what_a_retry_took_back_since_the_listing_is_told_by_the_journals(run: RunFolder) -> None:
    standing = Standing(run)
    counts, quarantined = standing.counts(0), standing.quarantined(0)
    files = [line["file"] for line in standing.done(0)]
    run.manifest(0).unlink()
    assert (standing.counts(0), standing.quarantined(0)) == (counts, quarantined)
    assert (
        [line["file"] for line in standing.done(0)] == [line["file"] for line in standing.done(0, said=True)] == files
    )


def test_of_records_that_are_gone_only_what_was_said_is_left(run: RunFolder) -> None:
    gone = run.records_of(0) / Standing(run).done(0)[1]["file"]
    gone.unlink()
    counts, said = Standing(run).counts(0), Standing(run).counts(0, said=True)
    assert (counts.done, counts.gone, said.done, said.gone) == (5, 1, 6, 0)
    assert len(Standing(run).done(0)) == 5 and len(Standing(run).done(0, said=True)) == 6


def test_merge_export_and_records_as_a_source_have_the_same_records(run: RunFolder) -> None:
    """Also where one is gone, one is torn in an open shard, and one lies there of which no journal says a word."""
    standing = Standing(run)
    torn = run.records_of(2) / standing.done(2)[0]["file"]
    os.truncate(torn, 40)
    (run.records_of(1) / standing.done(1)[3]["file"]).unlink()
    (pending,) = (item for item in run.items(2) if item.index == 23)
    run.record(2, pending).write_text(json.dumps({"id": pending.id, "annos": []}))
    merged = merge(run)
    listed = [Path(line).name for line in (run.path / "train.txt").read_text().splitlines()]
    of_merge = [Path(path).name for paths in records_of(run, "train.txt", check=True) for path in paths]
    assert names(run) == listed == of_merge
    assert len(listed) == merged.done == 18 and torn.name not in listed
    assert run.record(2, pending).name not in listed


def test_a_sample_of_everything_is_everything_in_order(run: RunFolder) -> None:
    found = sample(run, 100, 0)
    assert found.done == 20 and [one.path.name for one in found.chosen] == names(run)


def test_tails_say_what_whole_journals_say_while_they_grow(run: RunFolder) -> None:
    watch = Watch(run)
    assert (watch.look().done, watch.look().quarantined) == (20, 3)
    tails, paths = JournalTails(), run.journals_of(2)
    whole = paths[0].read_bytes()
    for length in (*range(0, len(whole), 7), len(whole)):
        if whole[length : length + 1] == b"\n":
            continue  # a line that has all but its end: the tail waits for that, and it makes no difference
        paths[0].write_bytes(whole[:length])
        said = [line["status"] for line in Standing(run).said(2) if line["status"] != "pending"]
        assert sorted(tails.states(paths)) == sorted(said)
    tails.keep([])
    assert sorted(tails.states(paths)) == sorted(said)
