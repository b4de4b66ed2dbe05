"""Rows of a list that are wanted: the grammar, and what it does to a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.sources.common.where import Where
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.utils.errors import UserError
from tests.conftest import MakeList, call, fake_run
from tests.launch.planning.test_identity import lines, planned, written

ROW = {
    "score": 4, "real": 2.5, "text": "3.5", "kind": "b", "yes": True, "nothing": None, "list": [7, {"a": 1}],
    "quality": {"sharp": 3, "by": {"whom": "M"}}, "a.b": 9, "two words": "x", "größe": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "score == 4",
        "score==4.0",
        "score != 5",
        "score>=4 and score<=4",
        "score > -1",
        "real < 2.6",
        "score in [1, 4]",
        "kind == 'b'",
        'kind == "b"',
        "kind != 4",
        "kind < 'c'",
        "kind in ['a','b']",
        "kind not in ['a']",
        "kind not in []",
        "text > 3",
        "text == 3.5",
        "text == '3.5'",
        "yes == true",
        "not yes == false",
        "nothing == null",
        "nothing exists",
        "not absent exists",
        "not absent == 1",
        "quality.sharp >= 3",
        "quality.by.whom == 'M'",
        "list.0 == 7",
        "list.1.a == 1",
        "a.b == 9",
        "`two words` == 'x'",
        "`a`.b == 9",
        "größe == 1",
        "(score == 4)",
        "score == 5 or kind == 'b'",
        "score == 4 or kind == 'x' and kind == 'y'",
        "not (score == 4 and kind == 'x')",
        "not not score == 4",
        "kind == 'b'or kind=='c'",
        "kind != 'it\\'s'",
    ],
)
def test_what_holds(text: str) -> None:
    assert Where.of(text).holds(ROW)
    assert not Where.of(f"not ({text})").holds(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "absent == 1",
        "absent != 1",
        "absent > 1",
        "absent in [1]",
        "absent not in [1]",
        "absent == null",
        "absent exists",
        "quality.absent != 3",
        "score.below != 3",
        "list.2 == 7",
        "list.x == 7",
        "score == '4'",
        "score > 'a'",
        "kind > 3",
        "yes == 1",
        "yes > 0",
        "nothing == 0",
        "nothing > 0",
        "kind == true",
        "(score == 4 or kind == 'x') and kind == 'y'",
    ],
)
def test_what_does_not_hold(text: str) -> None:
    assert not Where.of(text).holds(ROW)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a key is expected, at its end"),
        ("score >=", "a value is expected, at its end"),
        ("score = 3", "(equal is ==), at letter 7, before '= 3'"),
        ("kind == b", "text stands in quotation marks: 'b'"),
        ("(score == 1", "')' is expected, at its end"),
        ("score == 1) ", "the end is expected, at letter 11, before ') '"),
        ("score", "a comparison (== != < <= > >= in exists) is expected, at its end"),
        ("score in (1)", "'[' is expected, at letter 10"),
        ("score in [1 2]", "',' or ']' is expected, at letter 13"),
        ("score not 3", "'in' is expected, at letter 11"),
        ("kind == 'b", "a quotation mark that is never closed, at letter 9"),
        ("score < true", "< needs a number or text, at letter 9"),
        ("score == 1 && kind == 'b'", "nothing that can stand here, at letter 12"),
        ("3 == score", "a key is expected, at letter 1"),
        ("score == 1 score == 2", "'and', 'or' or the end is expected, at letter 12"),
        ("(" * 60 + "score == 1" + ")" * 60, "more than 50 conditions in one another"),
        ("__import__('os').system('true')", "nothing that can stand here, at letter 17"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place(text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        Jsonl(path="l.jsonl", where=text)
    assert str(caught.value).startswith(f"source.where={text}: ") and told in str(caught.value)


def row(n: int, **more: Any) -> dict[str, Any]:
    return {"image": f"{n}.jpg", "caption": "", **more}


def test_rows_that_are_left_out_are_counted_and_not_refused(tmp_path: Path) -> None:
    rows = [row(n, meta={"score": n % 5}, kind="ab"[n % 2]) for n in range(40)] + [row(99)]
    path = written(tmp_path / "l.jsonl", rows)
    found = planned(Jsonl(path=path, where="meta.score >= 3 and kind == 'a'", keep=["kind"]), tmp_path / "run")
    assert (found.rows, found.items, found.filtered, found.refused, found.duplicates) == (41, 8, 33, 0, 0)
    wanted = [f"{n}.jpg" for n in range(40) if n % 5 >= 3 and n % 2 == 0]
    assert [line["image"] for line in lines(tmp_path / "run")] == wanted
    assert {json.dumps(line["given"]) for line in lines(tmp_path / "run")} == {'{"kind": "a"}'}


def test_the_same_rows_in_every_format_one_by_one_or_together(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [row(n, score=n % 5, kind="ab"[n % 2]) for n in range(40)]
    written(tmp_path / "l.jsonl", rows)
    table = "".join(f"{r['image']},,{r['score']},{r['kind']}\n" for r in rows)
    (tmp_path / "l.csv").write_text("image,caption,score,kind\n" + table)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "l.parquet")
    for kind, name in ((Jsonl, "l.jsonl"), (Csv, "l.csv"), (Parquet, "l.parquet")):
        for limit in (None, 40):
            run = tmp_path / f"{name}-{limit}"
            source = kind(path=str(tmp_path / name), where="score >= 3 and image != '3.jpg'", keep=[])
            assert planned(source, run, limit).filtered == 25
            assert lines(run) == [
                {"id": line["id"], "index": at, "image": f"{n}.jpg", "caption": ""}
                for at, (line, n) in enumerate(
                    zip(lines(run), [n for n in range(40) if n % 5 >= 3 and n != 3], strict=True)
                )
            ]


def test_a_row_that_is_left_out_is_no_item_that_another_could_repeat(tmp_path: Path) -> None:
    path = written(tmp_path / "l.jsonl", [row(1, score=1), row(1, score=5), row(1, score=6)])
    found = planned(Jsonl(path=path, where="score > 2"), tmp_path / "run")
    assert (found.items, found.duplicates, found.filtered) == (1, 1, 1)
    assert lines(tmp_path / "run")[0]["given"] == {"score": 5}


@pytest.mark.parametrize("identity", ["content", "row", "key:score"])
def test_a_condition_changes_no_id(identity: str, tmp_path: Path) -> None:
    path = written(tmp_path / "l.jsonl", [row(1 + (n == 4), score=n) for n in range(6)])
    planned(Jsonl(path=path, identity=identity), tmp_path / "all")
    planned(Jsonl(path=path, identity=identity, where="score in [0, 3, 4]"), tmp_path / "some")
    ids = [{line["given"]["score"]: line["id"] for line in lines(tmp_path / name)} for name in ("all", "some")]
    assert ids[1].items() <= ids[0].items() and len(ids[1]) == (2 if identity == "content" else 3)


def test_another_condition_is_a_longer_or_a_shorter_list(make_list: MakeList, tmp_path: Path) -> None:
    """What it lets in is added; what was planned stays, and is said to."""
    path = make_list(6)
    rows = [{**entry, "score": n} for n, entry in enumerate(json.loads(path.read_text()))]
    path.write_text(json.dumps(rows))
    command = [*fake_run(path, tmp_path / "run"), "plan_only=true"]
    first = call("run", *command, "source.where=score >= 3 and image exists")
    assert "6 rows: 3 new items in 1 shard, 3 left out by source.where." in first.stdout, first.stderr
    same = call("run", *command, "source.where=score >= 3 and image exists")
    assert "as planned before" in same.stdout, same.stderr
    more = call("run", *command, "source.where=score in [1, 2, 5]")
    assert "2 new items in 1 shard, 3 left out by source.where; 1 were planned before; 2 planned before are not" in (
        more.stdout
    ), more.stderr
    dry = call("run", *command[:-1], "source.where=score <= 1", "dry_run=true")
    assert "1 new of 6 rows" in dry.stdout and "where      4 rows are not so: score <= 1" in dry.stdout, dry.stderr


def test_a_condition_that_nothing_meets_is_told_with_the_keys_that_there_are(tmp_path: Path) -> None:
    path = written(tmp_path / "l.jsonl", [row(1, score=1), row(2, score=1)])
    with pytest.raises(UserError, match=r"> 0: none of 2 rows is so. The first has the keys image, caption, score"):
        planned(Jsonl(path=path, where="scroe > 0"), tmp_path / "run")
    assert not (tmp_path / "run" / "plan.json").exists()
