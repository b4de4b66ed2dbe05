"""What keeps ten million items cheap, at sizes that take seconds. The measured figures are in docs/scaling.md."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import labelyard.generate.run_folder.layout
import labelyard.launch.merging.merge
import labelyard.launch.planning.plan
from labelyard.generate.run_folder.claims import Claims, Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Pass
from labelyard.generate.source import Source
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.train_json import TrainJson
from labelyard.generate.worker.next_shard import LOOKED_AT, MISSES, Claiming, Turns, some
from labelyard.generate.worker.stop_signals import Stop
from labelyard.launch.merging.by_reason import ByReason
from labelyard.launch.merging.merge import merge
from labelyard.launch.planning.plan import plan
from labelyard.launch.planning.seen_ids import FEW, Marks
from labelyard.launch.validate import digest, list_problems
from labelyard.utils.errors import UserError
from tests.bench import synthetic
from tests.bench.fleet import Fleet, Model, static
from tests.conftest import ROOT, environment
from tests.generate.conftest import planned


def test_every_phase_of_the_benchmark_at_ten_thousand_items(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.scale", str(tmp_path / "bench"), "--items", "10000"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])["phases"]
    assert facts["plan"]["items"] == facts["json.load"]["items"] == 10_000
    assert facts["plan again"]["new"] == 0
    assert facts["merge"]["listed"] == facts["status"]["done"] == 9_900
    assert facts["merge"]["quarantined"] == facts["status"]["quarantined"] == 100
    assert facts["validate the list"]["problems"] == 0 and facts["gallery's sample"]["chosen"] == 200
    assert 0.4 * 10_000 < facts["resume"]["left"] < facts["resume"]["opened"] < 0.8 * 10_000
    assert facts["plan what is new"]["items"] == 11_000
    assert not list((tmp_path / "bench").iterdir()), "it leaves nothing"


def test_a_fleet_comes_to_its_end_the_same_way_every_time() -> None:
    model = Model(items=200_000, preempted_every=1800.0)
    first, again = Fleet(model, 40).run(), Fleet(model, 40).run()
    assert first == again != Fleet(replace(model, seed=1), 40).run()
    split, kept = static(model, 40, keeps=False), static(model, 40, keeps=True)
    assert split.busy < kept.busy < 1.0 and split.hours > kept.hours > first.hours
    assert first.tail < 3.0 and first.misses_per_claim < 3.0 and first.busy > 0.85


def planned_both_ways(source: Source, tmp_path: Path) -> tuple[Pass, dict[str, bytes], bytes]:
    """Thousands of rows at a time, and one by one, which a limit asks for."""
    found: list[tuple[Pass, dict[str, bytes], bytes]] = []
    for name, limit in (("columns", None), ("rows", 1 << 40)):
        folder = RunFolder(tmp_path / name)
        folder.make()
        made = plan(folder, source, limit, None, lambda rows: None)
        shards = {path.name: path.read_bytes() for path in (folder.path / "shards").iterdir()}
        refused = folder.refused.read_bytes() if folder.refused.exists() else b""
        found.append((replace(made.passes[0], at="", limit=None), shards, refused))
    assert found[0] == found[1]
    return found[0]


def test_a_list_in_columns_is_planned_as_its_rows_are(tmp_path: Path) -> None:
    rows = [{"image": f"{n}.jpg", "caption": "two\ud800\0"[: 3 + n % 3], "n": n / 7} for n in range(20_000)]
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([*rows, {"image": 3}, *rows[:100], "none"]))
    made, _, _ = planned_both_ways(TrainJson(path=str(listed)), tmp_path)
    assert made.duplicates == 100 and made.refused == 2


def test_tables_in_columns_are_planned_as_their_rows_are(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "image": [f"{n}.jpg" if n % 5000 else None for n in range(20_000)],
        "caption": [f"number {n}\0" for n in range(20_000)],
        "n": [n / 7 for n in range(20_000)],
    }
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, part in (("a", slice(12_000)), ("b", slice(12_000, None))):
        table = pyarrow.table({key: column[part] for key, column in columns.items()})
        pyarrow.parquet.write_table(table, parts / f"{name}.parquet")
    made, _, _ = planned_both_ways(Parquet(path=str(parts)), tmp_path)
    assert (made.items, made.refused) == (19_996, 4)


def test_many_shards_are_synced_together_before_the_plan_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "list.jsonl"
    listed.write_text("".join(json.dumps({"image": f"{n}.jpg", "caption": "c"}) + "\n" for n in range(50)))
    seen: list[tuple[str, int, bool]] = []

    def watched(call: str) -> None:
        original = getattr(labelyard.generate.run_folder.layout, call)

        def watching(path: Path) -> None:
            original(path)
            if path == folder.path / "shards":
                seen.append((call, len(list(path.iterdir())), folder.plan_json.exists()))

        monkeypatch.setattr(labelyard.generate.run_folder.layout, call, watching)

    for call in ("sync_file_system", "sync_folder"):
        watched(call)
    for many, together in ((False, []), (True, [("sync_file_system", 10, False)])):
        monkeypatch.setattr(labelyard.launch.planning.plan, "LONG", 20 if many else 100)
        folder = RunFolder(tmp_path / f"run-{many}")
        folder.make()
        seen.clear()
        assert plan(folder, Jsonl(path=str(listed)), None, 5, lambda rows: None).shards == 10
        assert seen == [*together, ("sync_folder", 10, False)]


def test_a_list_that_is_cut_off_is_no_plan(tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    listed.write_text('[{"image": "a.jpg", "caption": ""}, {"image"')
    folder = RunFolder(tmp_path / "run")
    folder.make()
    with pytest.raises(UserError, match="is not whole JSON: after entry 0"):
        plan(folder, TrainJson(path=str(listed)), None, None, lambda rows: None)
    assert not folder.plan_json.exists()


def test_turns_come_in_random_order_and_end_when_the_look_is_old() -> None:
    turns = Turns(range(100), random.Random(1))
    order = []
    for number in turns:
        order.append(number)
        turns.tell(True)
    assert sorted(order) == list(range(100)) != order and not turns.old and turns.hits == 100
    stale = Turns(range(100), random.Random(1))
    tried = []
    for number in stale:
        tried.append(number)
        stale.tell(len(tried) == 3)
    assert stale.old and len(tried) == 3 + MISSES


def test_of_many_that_others_hold_a_worker_looks_at_some_and_of_few_at_all() -> None:
    chance = random.Random(0)
    assert sorted(some(set(range(10)), chance)) == list(range(10))
    seen = {number for _ in range(200) for number in some(set(range(500)), chance)}
    assert len(some(set(range(500)), chance)) == LOOKED_AT and seen == set(range(500))


def test_whatever_is_finished_or_claimed_is_not_asked_for(tmp_path: Path) -> None:
    """Nine tenths are finished, others are at work: the next shard still costs one claim."""
    folder = planned(tmp_path / "run", 200, size=1)
    synthetic.finish(folder, iter(range(180)))
    others = Claims(folder, Owner("other", "", "another-host", 1, "1", "another machine"))
    for number in range(180, 190):
        assert others.take(number)
    asked: list[int] = []

    class Watched(Claims):
        def take(self, shard: int) -> bool:
            asked.append(shard)
            return super().take(shard)

    mine = Watched(folder, Owner.here("mine"))
    claiming = Claiming(folder, mine, "mine", 3, Stop())
    got = []
    for shard in claiming.shards():
        if shard is None:
            break
        assert shard.fresh == shard.items
        shard.journal.close()
        got.append(shard.number)
    assert sorted(got) == sorted(asked[:10]) == list(range(190, 200))
    assert sorted(asked[10:]) == list(range(180, 190)), "in the end it sees whether one of the others is dead"
    assert claiming.looks <= 3


def test_an_item_that_was_left_in_a_shard_with_a_folder_is_found(tmp_path: Path) -> None:
    folder = planned(tmp_path / "run", 8, size=8)
    synthetic.begin(folder, iter([0]))
    claiming = Claiming(folder, Claims(folder, Owner.here("mine")), "mine", 3, Stop())
    shard = claiming.open(0)
    assert shard is not None and len(shard.outcomes) == 4 and len(shard.fresh) == 4
    shard.journal.close()


def test_a_large_run_is_merged_from_its_manifests_and_what_was_removed_is_still_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = planned(tmp_path / "run", 40, size=10)
    for number in range(4):
        folder.records_of(number).mkdir()
        for item in folder.items(number):
            size = 180_000 + item.index % 50_000
            folder.record(number, item).touch()
            os.truncate(folder.record(number, item), size)
    synthetic.finish(folder, iter(range(4)))
    assert merge(folder).complete
    first, second, *_ = folder.items(1)
    os.truncate(folder.record(1, first), 5)
    assert merge(folder).damaged == 1
    monkeypatch.setattr(labelyard.launch.merging.merge, "CHECKED", 0)
    assert merge(folder).damaged == 0, "torn in its place, and not looked at"
    assert merge(folder, check=True).damaged == 1
    folder.record(1, second).unlink()
    assert merge(folder).damaged == 2, "the folder has changed, so each of its records is looked at"


def test_failures_are_listed_by_reason_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelyard.launch.merging.by_reason.IN_MEMORY", 100)
    with ByReason(tmp_path) as failures:
        for n in range(60):
            reason = "many" if n % 3 else "few"
            failures.add(reason, f"{reason} {n}\n".encode(), f"e.g. {n}")
        lines = [line.decode().strip() for line in failures.lines()]
    assert lines == [f"many {n}" for n in range(60) if n % 3] + [f"few {n}" for n in range(60) if not n % 3]
    assert failures.numbers == {"many": 40, "few": 20} and failures.examples == {"few": "e.g. 0", "many": "e.g. 1"}
    assert not list(tmp_path.iterdir())


def test_marks_are_the_same_in_a_dict_and_in_a_table() -> None:
    marks, texts = Marks(), [str(n) for n in range(FEW + 10)]
    marks.mark(b"".join(map(digest, texts[:100])), 1)
    marks.mark(b"".join(map(digest, texts[50:150])), 2)
    before = marks.mark(b"".join(map(digest, texts)), 4)
    assert before == bytes([1] * 50 + [3] * 50 + [2] * 50) + bytes(len(texts) - 150)


def test_a_list_with_strangers_and_repetitions_is_told(tmp_path: Path) -> None:
    folder = planned(tmp_path / "run", 8, size=4)
    synthetic.finish(folder, iter(range(2)))
    merge(folder, check=False)
    train = folder.path / "train.txt"
    assert list(list_problems(folder, train)) == []
    lines = train.read_text().splitlines()
    train.write_text("\n".join([*lines[:5], lines[0], "/elsewhere/label_x.json"]) + "\n")
    told = " ".join(list_problems(folder, train))
    assert "1 lines stand in it twice" in told and "the first is /elsewhere/label_x.json" in told
    assert f"lists 7 of {len(lines)} records" in told
