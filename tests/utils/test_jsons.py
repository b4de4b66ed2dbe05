"""JSON that every reader takes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelyard.utils.jsons import DEEPEST, dump, finite, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters()),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(alphabet=st.characters()), below, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_dumped_is_strict_utf8_json_on_one_line(value: object) -> None:
    data = dump(finite(value))
    assert data.endswith(b"\n") and len(data.decode().splitlines()) == 1

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    assert json.loads(data.decode("utf-8", "strict"), parse_constant=refuse) == finite(value)


@given(VALUES)
def test_only_numbers_that_json_lacks_are_changed(value: object) -> None:
    def same(one: object, other: object) -> bool:
        if isinstance(one, float) and not math.isfinite(one):
            return other is None
        if isinstance(one, dict):
            return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
        if isinstance(one, list):
            return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
        return one == other

    assert same(value, finite(value))


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"0",
    b"-",
    b".",
    b"1e",
    b"9" * 20,
]
PIECES += [
    b"e400",
    b"NaN",
    b"-Infinity",
    b"tru",
    b"\n",
    b"\t",
    b"\0",
    b"\xc3\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
]


def outcome_of(read: Callable[[bytes], object], text: bytes) -> str:
    try:
        return repr(read(text))
    except (ValueError, RecursionError) as error:
        return type(error).__name__


@settings(max_examples=400)
@given(
    VALUES, st.booleans(), st.lists(st.tuples(st.integers(0), st.integers(0, 3), st.sampled_from(PIECES)), max_size=3)
)
def test_what_is_parsed_is_what_json_makes_of_it(
    value: object, escaped: bool, edits: list[tuple[int, int, bytes]]
) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    for place, removed, added in edits:
        at = place % (len(text) + 1)
        text = text[:at] + added + text[at + removed :]
    assert outcome_of(parse, text) == outcome_of(json.loads, text)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900, b"", b"1" * 5000])
def test_what_is_deep_or_long_as_well(text: bytes) -> None:
    assert outcome_of(parse, text) == outcome_of(json.loads, text)


def test_letters_stay_readable_and_half_a_surrogate_pair_is_escaped() -> None:
    assert dump({"a": "猫"}) == '{"a":"猫"}\n'.encode()
    assert dump({"a": "\ud800"}) == b'{"a":"\\ud800"}\n'


def test_nan_is_refused_where_it_was_not_taken_out() -> None:
    with pytest.raises(ValueError):
        dump({"score": math.nan})


def test_depth_has_an_end() -> None:
    value: object = 1
    for _ in range(DEEPEST):
        value = [value]
    assert finite(value) == value
    with pytest.raises(ValueError, match="levels deep"):
        finite([value])
