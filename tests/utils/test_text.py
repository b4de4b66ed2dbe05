"""File names and lines out of anybody's text."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labelyard.utils.text import harmless, one_line, safe_stem

# Everything that a JSON string can hold, half surrogate pairs included.
ANY = st.text(alphabet=st.characters(), max_size=300)


@given(ANY)
@example("../../etc/passwd")
@example("/absolute/…")
@example("a\nb\0c\x1b[31m.jpg")
@example("x" * 4000 + ".jpg")
@example("😀" * 1000)
@example("\ud800\udc00\udfff.png")
@example("e\u0301" * 90)
@example(".hidden.jpg")
@example("-rf.jpg")
@example("$(touch hacked).jpg")
@example("con.jpg ")
def test_a_stem_is_one_harmless_file_name_part(location: str) -> None:
    stem = safe_stem(location)
    assert 0 < len(stem.encode("utf-8")) <= 60
    assert not set(stem) & (set(string.whitespace + string.punctuation) - set("_.-"))
    assert stem[0] not in ".-" and "/" not in stem and "\0" not in stem


@given(ANY)
def test_a_stem_names_a_file_inside_its_folder(location: str) -> None:
    folder = Path("/run/records/00000")
    path = folder / f"label_{safe_stem(location)}-0123456789abcdef.json"
    assert os.path.normpath(path) == str(path) and path.parent == folder
    assert len(os.fsencode(path.name)) < 120


@pytest.mark.parametrize(
    ("location", "stem"),
    [
        ("photos/Grüße aus Köln.jpg", "Grüße_aus_Köln"),
        ("C:\\pictures\\a b.png", "a_b"),
        ("猫/写真.webp", "写真"),
        ("archive.tar.gz", "archive.tar"),
        ("noending", "noending"),
        ("???", "image"),
        ("", "image"),
    ],
)
def test_a_stem_still_reminds_of_the_name(location: str, stem: str) -> None:
    assert safe_stem(location) == stem


@given(ANY, st.integers(1, 400))
def test_a_line_is_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit and len(line.splitlines()) <= 1
    assert line.isprintable()
    line.encode("utf-8")


def test_a_line_keeps_short_text() -> None:
    assert one_line("  no such\n file:  a.jpg ") == "no such file: a.jpg"
    assert one_line("\x1b[31mred\x07") == "?[31mred?"


@given(ANY)
@example("a\r\x9b2J\u202e\udcff\nb")
def test_harmless_text_keeps_its_lines_and_steers_no_terminal(text: str) -> None:
    shown = harmless(text)
    assert shown.count("\n") == text.count("\n") and len(shown) == len(text)
    assert shown.replace("\n", "").isprintable()
    shown.encode("utf-8")


def test_harmless_text_keeps_what_can_be_shown() -> None:
    assert harmless("Grüße, 写真 and 😀\n\x1b]0;title\x07\t!") == "Grüße, 写真 and 😀\n?]0;title? !"
