"""Journals torn at every byte, in any order, with retries; manifests."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelyard.generate.errors import FatalError
from labelyard.generate.run_folder.journal import History, Journal, Outcome, read_history, read_journal
from labelyard.generate.run_folder.manifest import read_manifest, read_sums, write_manifest
from labelyard.utils import faults
from labelyard.utils.errors import UserError
from tests.generate.conftest import MakeRun, item

DONE = {"file": "f.json", "bytes": 5, "instances": 1}
FAILED = {"reason": "no such file: x", "step": "load", "attempts": 1}


def journal(path: Path, *events: tuple[Any, ...]) -> Path:
    written = Journal(path)
    for kind, *about in events:
        if kind == "started":
            written.write("started", ids=list(about[0]), **(about[1] if len(about) > 1 else {}))
        elif kind == "done":
            written.outcome(Outcome(about[0], "done", DONE))
        elif kind == "quarantined":
            written.outcome(Outcome(about[0], "quarantined", FAILED))
        else:
            written.write(kind, **(about[0] if about else {}))
    written.close()
    return path


def status(history: History) -> dict[str, str]:
    return {item_id: outcome.status for item_id, outcome in history.outcomes.items()}


def test_torn_at_every_byte_it_says_what_its_whole_lines_say(tmp_path: Path) -> None:
    whole = journal(
        tmp_path / "j", ("started", "abc"), ("done", "a"), ("quarantined", "b"), ("spent", {"seconds": {"tag": 1.5}})
    )
    data = whole.read_bytes()
    lines = [json.loads(line) for line in data.splitlines()]
    for cut in range(len(data) + 1):
        whole.write_bytes(data[:cut])
        # A last line that lacks nothing but its end is whole all the same.
        expected = data[: cut + 1].count(b"\n")
        assert list(read_journal(whole)) == lines[:expected], f"cut at byte {cut}"


def test_written_on_behind_a_torn_line_nothing_more_is_lost(tmp_path: Path) -> None:
    path = journal(tmp_path / "j", ("started", "ab"), ("done", "a"))
    data = path.read_bytes()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        journal(path, ("done", "b"))
        assert status(read_history([path])).get("b") == "done", f"cut at byte {cut}"


@given(st.binary(max_size=200), st.integers(0, 3))
def test_garbage_between_lines_is_skipped(tmp_path_factory: pytest.TempPathFactory, garbage: bytes, place: int) -> None:
    path = journal(tmp_path_factory.mktemp("j") / "j", ("done", "a"), ("done", "b"), ("done", "c"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:place]) + garbage + b"\n" + b"".join(lines[place:]))
    assert status(read_history([path])) == {"a": "done", "b": "done", "c": "done"}


@pytest.mark.parametrize(
    "line",
    [b"null", b"3", b"[]", b'{"event": 5}', b'{"event": "done"}', b'{"event": "started", "ids": 7}', b"[" * 100_000],
)
def test_json_that_is_no_event_is_skipped(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(line + b"\n")
    assert list(read_journal(path)) == []


def test_starts_are_counted_once_for_every_worker_that_vanished(tmp_path: Path) -> None:
    paths = [
        journal(tmp_path / "1", ("started", "abc"), ("done", "a")),
        journal(tmp_path / "2", ("started", "bc"), ("stopping",)),
        journal(tmp_path / "3", ("started", "b"), ("started", "c", {"alone": True})),
    ]
    history = read_history(paths)
    assert history.starts == {"b": 2, "c": 2} and history.alone == {"c"}


def test_the_order_of_journals_says_nothing(tmp_path: Path) -> None:
    paths = [
        journal(tmp_path / "1", ("started", "ab"), ("quarantined", "a")),
        journal(tmp_path / "2", ("started", "ab"), ("done", "a")),
        journal(tmp_path / "3", ("opened", {"retries": ["r"]}), ("started", "b"), ("done", "b")),
        journal(tmp_path / "r", ("opened", {"retries": ["r"]}), ("retried", {"retry": "r", "ids": ["b"]})),
    ]
    found = {json.dumps(status(read_history(order)), sort_keys=True) for order in itertools.permutations(paths)}
    assert found == {'{"a": "done", "b": "done"}'}, "what is done is done, whoever failed at it"


def test_a_retry_voids_what_was_said_without_knowing_of_it(tmp_path: Path) -> None:
    before = journal(tmp_path / "1", ("started", "ab"), ("quarantined", "a"), ("quarantined", "b"))
    retry = journal(
        tmp_path / "r", ("opened", {"retries": ["r"]}), ("retried", {"retry": "r", "ids": ["a"]}), ("quarantined", "b")
    )
    history = read_history([before, retry])
    assert status(history) == {"b": "quarantined"} and history.retries == ("r",)
    assert history.starts == {}, "the starts of before the retry count no more"
    after = journal(tmp_path / "2", ("opened", {"retries": ["r"]}), ("started", "a"), ("quarantined", "a"))
    assert status(read_history([before, retry, after])) == {"a": "quarantined", "b": "quarantined"}
    # A worker that had the shard open and did not know: not believed.
    late = journal(tmp_path / "3", ("quarantined", "a"))
    assert status(read_history([before, retry, late])) == {"b": "quarantined"}


def test_one_worker_that_opens_a_shard_again_after_a_retry(tmp_path: Path) -> None:
    path = journal(tmp_path / "1", ("started", "a"), ("quarantined", "a"))
    retry = journal(tmp_path / "r", ("retried", {"retry": "r", "ids": ["a"]}))
    journal(path, ("opened", {"retries": ["r"]}), ("started", "a"))
    assert read_history([path, retry]).starts == {"a": 1}
    journal(path, ("done", "a"))
    assert status(read_history([path, retry])) == {"a": "done"}


@settings(max_examples=50)
@given(st.lists(st.sampled_from("rst"), min_size=1, max_size=3, unique=True), st.data())
def test_of_any_number_of_retries_every_one_must_be_known(
    tmp_path_factory: pytest.TempPathFactory, retries: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("j")
    paths = [journal(folder / name, ("retried", {"retry": name, "ids": ["a"]})) for name in retries]
    known = data.draw(st.lists(st.sampled_from(retries), unique=True))
    worker = journal(folder / "w", ("opened", {"retries": known}), ("quarantined", "a"))
    assert ("a" in read_history([*paths, worker]).outcomes) == (set(known) == set(retries))


def test_a_full_disk_is_told_and_the_torn_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal" / "j"
    path.parent.mkdir(parents=True)
    written = Journal(path)
    written.outcome(Outcome("a", "done", DONE))
    faults.arm("journal:1:ENOSPC:once")
    try:
        with pytest.raises(FatalError, match=r"no space left\. Make room"):
            written.outcome(Outcome("b", "done", DONE))
    finally:
        faults.arm("")
    assert not path.read_bytes().endswith(b"\n"), "the first half is there"
    written.outcome(Outcome("c", "done", DONE))
    assert status(read_history([path])) == {"a": "done", "c": "done"}


def test_a_write_that_the_system_cuts_short_is_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:7]))
    path = journal(tmp_path / "j", ("done", "a"), ("done", "b"))
    assert status(read_history([path])) == {"a": "done", "b": "done"}


def test_a_manifest_has_sums_and_every_item(make_run: MakeRun) -> None:
    folder = make_run(3)
    items = [item(n) for n in range(3)]
    outcomes = {items[0].id: Outcome(items[0].id, "done", DONE), items[2].id: Outcome(items[2].id, "done", DONE)}
    with pytest.raises(KeyError):
        write_manifest(folder, 0, items, outcomes, "w")
    assert folder.finished() == set(), "not before every item has ended"
    outcomes[items[1].id] = Outcome(items[1].id, "quarantined", FAILED)
    write_manifest(folder, 0, items, outcomes, "w")
    sums, *lines = read_manifest(folder.manifest(0))
    assert (sums["items"], sums["done"], sums["quarantined"], sums["bytes"]) == (3, 2, 1, 10)
    assert [line["id"] for line in lines] == [i.id for i in items] and lines[1]["image"] == "1.jpg"
    assert folder.finished() == {0} and read_sums(folder.manifest(0)) == sums


def test_a_manifest_cut_anywhere_is_told(make_run: MakeRun) -> None:
    folder = make_run(3)
    items = [item(n) for n in range(3)]
    write_manifest(folder, 0, items, {i.id: Outcome(i.id, "done", DONE) for i in items}, "w")
    path = folder.manifest(0)
    data = path.read_bytes()
    for cut in range(len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(UserError, match="is damaged"):
            list(read_manifest(path))
