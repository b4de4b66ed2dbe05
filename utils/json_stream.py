"""The values of one JSON list as a stream, thousands at a time, however long the list is.

The text is cut where an object seems to end, and what lies before the cut is parsed as a list of its own. Seeming is
enough: JSON reads the same from the left whatever follows, so what parses as a whole was cut between two values. Where
it does not parse, the values are taken one by one, which also finds the place of what is wrong.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from labelyard.utils.jsons import parse

CHUNK = 1 << 16  # what is parsed at once stays in the processor's cache: half the time of a megabyte at once
LONGEST = 1 << 26  # bytes of one value; more is a quotation mark or bracket that was never closed
_scan = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\n\r]*")


class NotAList(ValueError):
    """What is wrong, in words for the user."""


Parse = Callable[[str], list[Any]]


def lumps(file: IO[bytes], parse: Parse = parse) -> Iterator[list[Any]]:
    """All values in order. `NotAList` is raised behind the last one that is whole.

    `parse` makes the values out of most of the text; what is at its end or odd comes as `json` has it.
    """
    reading = _Reading(file, parse)
    yield from reading.lumps()


class _Reading:
    def __init__(self, file: IO[bytes], parse: Parse) -> None:
        self._file = file
        self._parse = parse
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at_end = False
        self._wrong: UnicodeDecodeError | None = None
        self._error: NotAList | None = None

    def lumps(self) -> Iterator[list[Any]]:
        self._more()
        self._text = self._text[_skip(self._text, 0) :]
        if not self._text.startswith("["):
            raise NotAList("it does not begin with '['")
        self._text, behind_comma = self._text[1:], False
        while True:
            values, cut = self._whole()
            if values is None:
                values, cut, behind_comma, ended = self._one_by_one(behind_comma)
            else:
                behind_comma, ended = True, False
            self._text = self._text[cut:]
            if values:
                yield values
            if self._error:
                raise self._error
            if ended:
                break
            if not self._more():
                raise NotAList(str(self._wrong) if self._wrong else "it ends in the middle")
        while not self._text.strip(" \t\n\r"):
            self._text = ""
            if not self._more():
                if self._wrong:
                    raise NotAList(str(self._wrong))
                return
        raise NotAList(f"there is more behind its end: {self._text.strip()[:40]!r}")

    def _more(self) -> bool:
        """Read on, twice as far where the last time was not enough for one value. False if there is nothing more."""
        if self._at_end:
            return False
        data = self._file.read(max(CHUNK, len(self._text)))
        self._at_end = not data
        try:
            self._text += self._decode(data, final=self._at_end)
        except UnicodeDecodeError as error:
            # What comes before it is given out first, so that the place can be told.
            self._wrong, self._at_end = error, True
            self._text += bytes(error.object[: error.start]).decode()
        return True

    def _whole(self) -> tuple[list[Any] | None, int]:
        """Everything up to where the last object seems to end, and the comma behind it."""
        cut = self._text.rfind("},") + 1
        if not cut:
            return None, 0
        try:
            return self._parse(f"[{self._text[:cut]}]"), cut + 1
        except (ValueError, RecursionError):
            return None, 0

    def _one_by_one(self, behind_comma: bool) -> tuple[list[Any], int, bool, bool]:
        """The values that are surely whole, where they end, whether a comma was last, whether the list has ended."""
        text, values, at = self._text, list[Any](), 0
        while True:
            start = _skip(text, at)
            if text[start : start + 1] == "]" and not behind_comma:
                return values, start + 1, False, True
            try:
                value, end = _scan(text, start)
            except json.JSONDecodeError as error:
                if self._at_end or len(text) - start > LONGEST:
                    self._stopped(at, error)
                return values, at, behind_comma, False
            except (ValueError, RecursionError) as error:
                self._stopped(at, error)
                return values, at, behind_comma, False
            end = _skip(text, end)
            separator = text[end : end + 1]
            if separator not in (",", "]") and not self._at_end and len(text) - end < 8:
                return values, at, behind_comma, False  # a comma may follow, and a number may go on: 1 . 5 e - 3
            values.append(value)
            if separator not in (",", "]"):
                self._stopped(end, NotAList("a comma or ']' is missing"))
                return values, end, False, False
            at, behind_comma = end + 1, separator == ","
            if separator == "]":
                return values, at, False, True

    def _stopped(self, at: int, error: Exception) -> None:
        """To be raised once what is whole has gone out."""
        self._error = NotAList(self._words(error, at))

    def _words(self, error: Exception, at: int) -> str:
        if self._wrong is not None:
            return str(self._wrong)
        if isinstance(error, RecursionError):
            return "a value is nested too deep to be read"
        if not self._text[at:].strip(" \t\n\r"):
            return "it ends in the middle"
        text = str(error).partition(": line")[0]
        text = "no JSON value" if text == "Expecting value" else text
        return f"{text}, at {self._text[at:].lstrip()[:40]!r}"


def _skip(text: str, at: int) -> int:
    found = _space.match(text, at)
    return found.end() if found else at
