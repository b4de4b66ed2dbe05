"""What makes a row an item of its own: its content, that it is a row, or the user's own id."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.record import item_id
from labelyard.generate.rows import Rows
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Pass
from labelyard.generate.source import Source
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.launch.planning import identity, seen_ids
from labelyard.launch.planning.new_items import Sieve
from labelyard.launch.planning.plan import plan
from labelyard.launch.planning.refused_rows import Refusals
from labelyard.utils.errors import UserError
from tests.conftest import MakeList, call, fake_run

A: dict[str, Any] = {"image": "a.jpg", "caption": "x"}
B: dict[str, Any] = {"image": "b.jpg", "caption": ""}


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def planned(source: Source, run: Path, limit: int | None = None) -> Pass:
    folder = RunFolder(run)
    folder.make()
    return plan(folder, source, limit, None, lambda rows: None).passes[-1]


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for shard in sorted(run.glob("shards/*.jsonl")) for line in shard.open()]


def refusals(run: Path) -> list[tuple[str, str]]:
    found = [json.loads(line) for line in (run / "refused.jsonl").open()]
    return [(line["where"], line["reason"]) for line in found]


def test_by_content_equal_rows_are_one_item_with_the_id_that_it_always_had(tmp_path: Path) -> None:
    found = planned(Jsonl(path=written(tmp_path / "l.jsonl", [A, B, A])), tmp_path / "run")
    assert (found.items, found.duplicates) == (2, 1)
    assert [line["id"] for line in lines(tmp_path / "run")] == [item_id("a.jpg", "x"), item_id("b.jpg", "")]


def test_by_row_equal_rows_are_items_and_the_first_has_the_id_of_the_content(tmp_path: Path) -> None:
    rows = [{**A, "n": 0}, B, {**A, "n": 1}, {**A, "n": 2}, B]
    found = planned(Jsonl(path=written(tmp_path / "l.jsonl", rows), identity="row"), tmp_path / "run")
    assert (found.items, found.duplicates) == (5, 0)
    there = lines(tmp_path / "run")
    assert [line.get("given", {}).get("n") for line in there] == [0, None, 1, 2, None]
    assert len({line["id"] for line in there}) == 5
    assert [there[0]["id"], there[1]["id"]] == [item_id("a.jpg", "x"), item_id("b.jpg", "")]


def test_rows_that_are_appended_only_add(tmp_path: Path) -> None:
    source = Jsonl(path=written(tmp_path / "l.jsonl", [A, B, A]), identity="row")
    planned(source, tmp_path / "run")
    before = lines(tmp_path / "run")
    written(tmp_path / "l.jsonl", [A, B, A, B, A, A])
    found = planned(source, tmp_path / "run")
    assert (found.items, found.known) == (3, 3)
    assert lines(tmp_path / "run")[:3] == before and len({line["id"] for line in lines(tmp_path / "run")}) == 6


@pytest.mark.parametrize("few", [1 << 16, 8])
def test_ids_of_rows_do_not_depend_on_how_many_are_read_at_once(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on what is remembered of the numbers given: a row that comes often has them looked up among the marks."""
    monkeypatch.setattr(seen_ids, "FEW", few)
    texts = [("a", "bb", "ab", "aac")[n % 7 % 4] for n in range(300)]

    def ids(at_once: int, counted: int) -> list[str]:
        monkeypatch.setattr(identity, "COUNTED", counted)
        source = Jsonl(path=__file__, identity="row")
        sieve, rows = Sieve(source, Refusals(1.0)), iter(texts)
        found: list[str] = []
        while some := list(islice(rows, at_once)):
            for sifted in sieve.sift([Rows(len(some), some, [""] * len(some))], lambda rows: None):
                assert list(sifted.new) == list(range(len(some)))
                found += sifted.ids
        return found

    whole = ids(300, 1 << 16)
    assert len(set(whole)) == 300
    assert ids(1, 0) == ids(7, 0) == ids(50, 1 << 16) == whole


def test_the_users_own_ids_tell_rows_apart(tmp_path: Path) -> None:
    rows = [
        {**A, "id": "p1"},
        {**A, "id": 7},
        {**B, "id": "7"},
        {**B, "id": None},
        B,
        {**B, "id": 2.5},
        {**B, "id": "p1"},
    ]
    found = planned(Jsonl(path=written(tmp_path / "l.jsonl", rows), identity="key:id", keep=[]), tmp_path / "run")
    assert (found.items, found.duplicates, found.refused) == (2, 0, 5)
    assert [line.get("given") for line in lines(tmp_path / "run")] == [None, None]  # `keep` still says what passes
    place = f"{tmp_path}/l.jsonl, row"
    assert refusals(tmp_path / "run") == [
        (f"{place} 3", "its 'id' is '7', as that of row 2 is"),
        (f"{place} 4", "has no 'id', which source.identity=key:id names; its keys are image, caption, id"),
        (f"{place} 5", "has no 'id', which source.identity=key:id names; its keys are image, caption"),
        (f"{place} 6", "its 'id' is 2.5, and an id is text or a whole number"),
        (f"{place} 7", "its 'id' is 'p1', as that of row 1 is"),
    ]


def test_places_are_right_behind_rows_that_are_none_and_in_long_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "FEW", 3)
    rows = [{"caption": "no image"}, {**A, "id": 1}, {"image": 3}, {**B, "id": 2}, {**A, "id": 3}, {**A, "id": 2}]
    planned(Jsonl(path=written(tmp_path / "l.jsonl", rows), identity="key:id"), tmp_path / "run")
    assert refusals(tmp_path / "run")[-1] == (f"{tmp_path}/l.jsonl, row 6", "its 'id' is 2, as that of row 4 is")


def test_the_same_ids_are_the_same_items_in_another_format(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [{**A, "id": n} for n in range(5)]
    written(tmp_path / "l.jsonl", rows)
    (tmp_path / "l.csv").write_text("image,caption,id\n" + "".join(f"a.jpg,x,{n}\n" for n in range(5)))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "l.parquet")
    found = []
    for kind, name in ((Jsonl, "l.jsonl"), (Csv, "l.csv"), (Parquet, "l.parquet")):
        planned(kind(path=str(tmp_path / name), identity="key:id"), tmp_path / name.replace(".", "-"))
        found.append([line["id"] for line in lines(tmp_path / name.replace(".", "-"))])
    assert found[0] == found[1] == found[2] and len(set(found[0])) == 5


def test_a_word_that_is_no_identity_is_refused() -> None:
    for wrong in ("rows", "key:", "key"):
        with pytest.raises(UserError, match=r"give content, row, or key:NAME"):
            Jsonl(path="l.jsonl", identity=wrong)


def test_a_run_is_told_apart_in_one_way(make_list: MakeList, tmp_path: Path) -> None:
    """And a run on its records keeps the ids."""
    path = make_list(3)
    path.write_text(json.dumps(json.loads(path.read_text()) * 2))
    command = [*fake_run(path, tmp_path / "run"), "plan_only=true"]
    rows = call("run", *command, "source.identity=row")
    assert "6 rows: 6 new items in 2 shards, every row an item" in rows.stdout, rows.stderr
    other = call("run", *command)
    assert other.returncode == 1 and 'source.identity: "row" in the run, "content" now' in other.stderr
    dry = call("run", *fake_run(path, tmp_path / "other"), "dry_run=true", "source.identity=row")
    assert "6 new of 6 rows" in dry.stdout and "identity   row" in dry.stdout
    assert call("run", *command[:-1], "source.identity=row", "cluster.num_jobs=1").returncode == 0
    again = call("run", *fake_run(tmp_path / "run", tmp_path / "second", "pipeline.steps=[]"), "plan_only=true")
    assert "6 rows: 6 new items" in again.stdout, again.stderr
    assert [line["id"] for line in lines(tmp_path / "second")] == [line["id"] for line in lines(tmp_path / "run")]


def test_an_item_knows_its_row_and_that_makes_it_no_other_item(tmp_path: Path) -> None:
    path = written(tmp_path / "l.jsonl", [A, {"caption": "no image"}, {**B, "n": 1}])
    source = Jsonl(path=path, identity="row", row_key="row")
    planned(source, tmp_path / "run")
    assert [line["given"] for line in lines(tmp_path / "run")] == [{"row": 0}, {"n": 1, "row": 2}]
    written(tmp_path / "l.jsonl", [B, A, {**B, "n": 1}])
    assert planned(source, tmp_path / "run").known == 2
    assert [line["given"]["row"] for line in lines(tmp_path / "run")] == [0, 2, 2], "of the list in which it came first"
    with pytest.raises(UserError, match=r"source\.row_key=n: row 3 has a 'n' of its own"):
        planned(Jsonl(path=path, identity="row", row_key="n"), tmp_path / "other")
