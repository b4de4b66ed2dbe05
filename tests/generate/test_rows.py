"""Thousands of rows at a time give the very bytes that one at a time would."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import labelyard.utils.json_stream
from labelyard.generate.record import Item, item_id
from labelyard.generate.rows import Entry, grouped
from labelyard.generate.run_folder.shard_lines import BYTES, digests, encoded, hex_ids, item_lines
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.train_json import TrainJson
from labelyard.utils.json_stream import NotAList, lumps
from labelyard.utils.jsons import dump
from labelyard.utils.numbers import Numbers

TEXT = st.text(alphabet=st.characters(), max_size=12) | st.sampled_from(["", "a.jpg", "},", '"}, {"', "\u2028", "猫"])
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=6,
)
ROW = st.fixed_dictionaries({"image": TEXT, "caption": TEXT | st.none()}, optional={"x": VALUE, "y": VALUE}) | VALUE


def whole(content: bytes) -> list[object]:
    return [value for some in lumps(io.BytesIO(content)) for value in some]


@settings(max_examples=150)
@given(st.lists(VALUE, max_size=8), st.sampled_from([None, 1]), st.integers(1, 40), st.booleans())
def test_a_list_is_read_the_same_wherever_it_is_cut(
    values: list[object], indent: int | None, chunk: int, trailing: bool
) -> None:
    text = json.dumps(values, indent=indent) + ("\n \t" if trailing else "")
    before = labelyard.utils.json_stream.CHUNK
    labelyard.utils.json_stream.CHUNK = chunk
    try:
        assert json.dumps(whole(text.encode())) == json.dumps(values)
        with pytest.raises(NotAList):
            whole(text.rstrip().encode()[:-1])
        with pytest.raises(NotAList):
            whole(text.encode() + b",")
    finally:
        labelyard.utils.json_stream.CHUNK = before


@pytest.mark.parametrize(
    ("content", "taken", "told"),
    [
        (b'[{"a": 1}, {"b": 2},]', 2, "no JSON value, at ']'"),
        (b'[{"a": 1}, {"b": 2} {"c": 3}]', 2, "a comma or ']' is missing"),
        (b'[{"a": 1}, {"b": 2', 1, "it ends in the middle|delimiter"),
        (b'[{"a": 1}, {"b": "x\ny"}]', 1, "Invalid control character"),
        (b'[{"a": 1}, {"b": "\xff"}]', 1, "invalid start byte"),
        (b'[{"a": 1}, nul]', 1, "no JSON value, at 'nul]'"),
        (b'[{"a": 1}] [', 1, "more behind its end"),
        (b'[{"a": 1}, ' + b"9" * 5000 + b"]", 1, "4300"),
        (b'[{"a": 1}, ' + b"[" * 100_000, 1, "nested too deep"),
        (b"[,]", 0, "no JSON value"),
    ],
)
def test_what_is_whole_comes_out_before_what_is_wrong_is_told(content: bytes, taken: int, told: str) -> None:
    found: list[object] = []
    with pytest.raises(NotAList, match=told):
        for some in lumps(io.BytesIO(content)):
            found += some
    assert len(found) == taken


@settings(max_examples=150)
@given(st.lists(ROW, min_size=1, max_size=8))
@example([{"image": "猫\x7f", "caption": "", "x": {"\ud800": None}}])  # half a surrogate pair among the extras alone
@example([{"image": "猫\x7f", "caption": "\udc80", "x": "\u2028"}])
def test_many_rows_are_the_rows_one_by_one(tmp_path_factory: pytest.TempPathFactory, rows: list[object]) -> None:
    path = tmp_path_factory.mktemp("rows") / "list.json"
    path.write_text(json.dumps(rows))
    source = TrainJson(path=str(path))
    one_by_one = list(source.entries())
    entries = [row for row in one_by_one if isinstance(row, Entry)]
    expected = [
        dump(Item(item_id(e.image, e.caption), 7 + n, e.image, e.caption, e.given).to_json())
        for n, e in enumerate(entries)
    ]
    for many in (list(source.rows()), list(grouped(one_by_one, 3))):
        refused = [refusal for rows_ in many for _, refusal in rows_.refused]
        assert refused == [row for row in one_by_one if not isinstance(row, Entry)]
        lines, index = b"", 7
        for some in many:
            ids = hex_ids(digests(some.images, some.captions))
            lines += encoded(item_lines(some, ids, range(len(ids)), index))
            index += len(ids)
        assert lines == b"".join(expected)


NAME = st.text(min_size=1, max_size=5) | st.sampled_from(["100%", "%s", "{x}", '"', "image2"])


def is_writable(text: str) -> bool:
    """Python 3.10's csv writes no NUL."""
    return sys.version_info >= (3, 11) or "\0" not in text


CELLS = {
    "string": st.none() | st.text(max_size=5).filter(is_writable),
    "int64": st.none() | st.integers(-(2**63), 2**63 - 1),
    "double": st.none() | st.floats(),
    "float": st.none() | st.floats(width=32),
    "bool": st.none() | st.booleans(),
    "list<double>": st.none() | st.lists(st.none() | st.floats(), max_size=2),
    "timestamp[s]": st.none() | st.integers(0, 2**31),
}
KINDS = st.dictionaries(
    NAME.filter(lambda name: name not in ("image", "caption") and is_writable(name)),
    st.sampled_from(sorted(CELLS)),
    max_size=4,
)


@settings(max_examples=150)
@given(st.data())
def test_many_rows_of_a_table_are_its_rows_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kinds = data.draw(KINDS)
    count = data.draw(st.integers(1, 4))
    table: dict[str, Any] = {"image": pa.array([f"{n}.jpg" for n in range(count)]), "caption": pa.array(["c"] * count)}
    for name, kind in kinds.items():
        cells = data.draw(st.lists(CELLS[kind], min_size=count, max_size=count))
        of = pa.list_(pa.float64()) if kind == "list<double>" else pa.timestamp("s") if "time" in kind else kind
        table[name] = pa.array(cells, of)
    folder = tmp_path_factory.mktemp("table")
    pq.write_table(pa.table(table), folder / "t.parquet")
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([list(table), *zip(*(column.to_pylist() for column in table.values()), strict=True)])
    for source in (Parquet(path=str(folder / "t.parquet")), Csv(path=str(folder / "t.csv"))):
        one_by_one = [
            dump(Item(item_id(e.image, e.caption), n, e.image, e.caption, e.given).to_json())
            for n, e in enumerate(source.entries())
            if isinstance(e, Entry)
        ]
        (some,) = source.rows()
        ids = hex_ids(digests(some.images, some.captions))
        assert encoded(item_lines(some, ids, range(count), 0)) == b"".join(one_by_one) and len(one_by_one) == count


def test_only_the_picked_rows_get_lines() -> None:
    (rows,) = grouped([Entry(f"{n}.jpg", "c", {"n": n}) for n in range(5)])
    ids = hex_ids(digests(rows.images, rows.captions))
    found = [json.loads(line) for line in encoded(item_lines(rows, ids, [1, 4], 10)).splitlines()]
    assert [(line["image"], line["index"], line["given"]["n"]) for line in found] == [
        ("1.jpg", 10, 1),
        ("4.jpg", 11, 4),
    ]
    assert all(line["id"] == item_id(line["image"], "c") for line in found)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=60), max_size=6))
def test_numbers_keep_their_marks_however_full_the_table_gets(batches: list[list[int]]) -> None:
    import numpy as np

    table, expected = Numbers(places=8), dict[int, int]()
    for bit, batch in zip((1, 2, 1, 4, 2, 1), batches, strict=False):
        before = table.mark(np.array(batch, np.uint64), bit)
        for number, mark in zip(batch, before.tolist(), strict=True):
            assert mark == expected.get(number, 0)
            expected[number] = mark | bit
    assert len(table) == len(expected)


def test_an_id_has_the_bytes_that_the_table_expects(tmp_path: Path) -> None:
    assert len(item_id("a", "b")) == 2 * BYTES
