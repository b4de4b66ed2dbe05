"""Lists as people have them: read as a stream, or refused with the place and the next thing to do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelyard.generate.rows import Entry
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.train_json import TrainJson
from labelyard.utils.errors import UserError

ROW = {"image": "a.jpg", "caption": "c"}


def source(path: Path, content: bytes | str | object, **more: object) -> Source:
    data = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else None
    path.write_bytes(json.dumps(content).encode() if data is None else data)
    kind = Jsonl if path.suffix == ".jsonl" else TrainJson
    return kind(path=str(path), **more)  # type: ignore[arg-type]


def entries(path: Path, content: object, **more: object) -> list[Entry]:
    rows = list(source(path, content, **more).entries())
    assert all(isinstance(row, Entry) for row in rows), [str(row) for row in rows]
    return rows  # type: ignore[return-value]


def refusal(path: Path, content: object, **more: object) -> str:
    """What is said of the list, or of the one row of it that is no item."""
    try:
        (said,) = [str(row) for row in source(path, content, **more).entries() if not isinstance(row, Entry)]
    except UserError as error:
        said = str(error)
    return said


TEXT = st.text(alphabet=st.characters(), max_size=40)
GIVEN = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT, max_size=3)


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXT.filter(bool), TEXT, GIVEN), max_size=6), st.booleans())
def test_both_formats_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, dict[str, Any]]], escaped: bool
) -> None:
    folder = tmp_path_factory.mktemp("list")
    listed = [{**given_, "image": image, "caption": caption} for image, caption, given_ in rows]
    expected = [
        Entry(image, caption, {k: v for k, v in g.items() if k not in ("image", "caption")})
        for image, caption, g in rows
    ]
    lines = [json.dumps(row, ensure_ascii=True) + "\n" for row in listed]
    assert entries(folder / "a.jsonl", "".join(lines)) == expected
    # Half a surrogate pair can only be written escaped, and the stream parser takes it for damage.
    if not any(0xD800 <= ord(c) < 0xE000 for c in json.dumps(listed, ensure_ascii=False)):
        text = json.dumps(listed, ensure_ascii=escaped)
        assert entries(folder / "a.json", text.encode()) == expected


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"   \n ", "is not a JSON list"),
        (b"{}", "holds an object, not a list. If it is one object per line, say source=jsonl"),
        (b"image,caption\na.jpg,c\n", "it begins with b'image,caption"),
        (b'"text"', "is not a JSON list"),
        (b"\x89PNG\r\n\x1a\n", "is not a JSON list"),
        (json.dumps([ROW] * 3).encode()[:-20], "is not whole JSON: after entry 1"),
        (json.dumps([ROW]).encode() + b"]]", "is not whole JSON"),
        ('[{"image": "é.jpg"}]'.encode("latin-1"), "is not whole JSON"),
        (json.dumps([ROW]).encode("utf-16"), "is not a JSON list"),
        (b"[5]", "a number, not an object"),
        (b"[null]", "entry 0: null"),
        (b'[{"image": "a.jpg"}, ["a.jpg", "c"]]', "entry 1: a list"),
        (b'[{"image": ""}]', "'image' is text ('')"),
        (b'[{"image": 7}]', "'image' is a number (7)"),
        (b'[{"image": "a", "caption": ["x"]}]', "'caption' is a list"),
        (b'[{"imgae": "a"}]', "Did you mean source.image_key=imgae?"),
        (b'[{"file_name": "a"}]', "its keys are file_name. Name the right one with source.image_key="),
        (b"[{}]", "its keys are none"),
        (b'[{"image": "a", "x": ' + b"[" * 500 + b"]" * 500 + b"}]", "nested more than 100 levels deep"),
    ],
)
def test_what_is_wrong_with_a_json_list(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in refusal(tmp_path / "list.json", content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"image": "a"}\n{"image": "b"', "line 2 is not JSON"),
        (b'{"image": "a"}\n\xff\xfe\n', "line 2 is not UTF-8"),
        (b'[{"image": "a"}]', "line 1: a list"),
        (b'{"image": "a", "n": ' + b"9" * 5000 + b"}", "line 1 is not JSON"),
        (b'{"image": "a", "x": ' + b"[" * 500 + b"]" * 500 + b"}", "nested more than 100 levels deep"),
        (b"[" * 200_000, "nested too deep"),
    ],
)
def test_what_is_wrong_with_lines(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in refusal(tmp_path / "list.jsonl", content)


@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, name: str) -> None:
    body = json.dumps(ROW if name.endswith("l") else [ROW]).encode()
    assert entries(tmp_path / name, b"\xef\xbb\xbf" + body) == [Entry("a.jpg", "c")]


@pytest.mark.parametrize("number", [b"1e999", b"-1e999"])
def test_numbers_that_no_float_holds_become_null(tmp_path: Path, number: bytes) -> None:
    row = b'{"image": "a", "caption": "c", "score": ' + number + b', "small": 1e-5, "big": 12345678901234567890123}'
    for name, content in (("a.jsonl", row), ("a.json", b"[" + row + b"]")):
        (found,) = entries(tmp_path / name, content)
        assert found.given == {"score": None, "small": 1e-5, "big": 12345678901234567890123}


def test_nan_as_python_writes_it(tmp_path: Path) -> None:
    (found,) = entries(tmp_path / "a.jsonl", b'{"image": "a", "similarity": NaN, "x": [Infinity, {"y": -Infinity}]}')
    assert found.given == {"similarity": None, "x": [None, {"y": None}]}


def test_captions_may_be_null_or_absent_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    found = entries(tmp_path / "a.jsonl", b'{"image": "a", "caption": null}\n\n  \n{"image": "b"}\n')
    assert [(e.caption, e.has_caption) for e in found] == [("", True), ("", False)]


def test_other_keys(tmp_path: Path) -> None:
    (found,) = entries(
        tmp_path / "a.json", [{"url": "a", "text": "c", "image": 5}], image_key="url", caption_key="text"
    )
    assert found == Entry("a", "c", {"image": 5})
    (found,) = entries(tmp_path / "a.json", [{"image": "a", "caption": 5}], caption_key=None)
    assert found.caption == "" and found.given == {"caption": 5}


def test_the_last_of_equal_keys_counts_as_everywhere_in_json(tmp_path: Path) -> None:
    for name, text in (("a.json", '[{"image": "a", "image": "b"}]'), ("a.jsonl", '{"image": "a", "image": "b"}')):
        assert entries(tmp_path / name, text)[0].image == "b"


def test_auto_goes_by_the_name(tmp_path: Path) -> None:
    source(tmp_path / "a.jsonl", json.dumps(ROW))
    assert isinstance(Auto(path=str(tmp_path / "a.jsonl")).chosen, Jsonl)
    assert isinstance(Auto(path="A.JSON").chosen, TrainJson)
    (tmp_path / "list.xls").write_bytes(b"?")
    with pytest.raises(UserError, match="can't tell the format"):
        next(Auto(path=str(tmp_path / "list.xls")).entries())


@pytest.mark.parametrize("missing", ["no.json", "."])
def test_no_list(tmp_path: Path, missing: str) -> None:
    with pytest.raises(UserError, match=r"no such file|is a folder"):
        next(TrainJson(path=str(tmp_path / missing)).entries())


def test_an_edit_that_keeps_size_and_time_is_noticed(tmp_path: Path) -> None:
    listed = source(tmp_path / "a.json", [{"image": "a.jpg"}])
    before, status = listed.fingerprint(), os.stat(listed.path)
    assert listed.fingerprint() == before
    source(tmp_path / "a.json", [{"image": "b.jpg"}])
    os.utime(listed.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(listed.path).st_mtime_ns == status.st_mtime_ns
    assert listed.fingerprint() != before
