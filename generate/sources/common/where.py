"""Which rows of a list are wanted: `score >= 3 and (kind in ['a', 'b'] or not meta.blurred exists)`.

    condition   = condition "or" condition | condition "and" condition | "not" condition | "(" condition ")" | test
    test        = KEY ("==" | "!=" | "<" | "<=" | ">" | ">=") VALUE | KEY ["not"] "in" "[" VALUE, … "]" | KEY "exists"
    KEY         = name.name…, a name in `backquotes` where it holds other letters; a number picks from a list
    VALUE       = 'text' | "text" | number | true | false | null

A test of a key that a row does not have is false, `!=` and `not in` among them. A number is compared with numbers, and
with text that reads as one (all that a table of text has). Else values of different kinds are different, in no order.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labelyard.utils.errors import UserError

Test = Callable[[Mapping[str, Any]], bool]
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WORDS = ("and", "or", "not", "in", "exists", "true", "false", "null")
VALUES = {"true": True, "false": False, "null": None}
DEEPEST = 50  # parentheses and `not` in one another
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<key>(?:[^\W\d][\w-]*|`[^`]+`)(?:\.(?:[\w-]+|`[^`]+`))*)
    | (?P<sign>[=!<>]=|[<>]|[()\[\],])
    )""",
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"`([^`]+)`|([^.`]+)")
_ABSENT = object()


@dataclass(frozen=True)
class Where:
    """A condition, ready to be asked of rows."""

    text: str
    keys: frozenset[str]  # of a row, that it looks at
    holds: Test

    @classmethod
    def of(cls, text: str, setting: str = "source.where") -> Where:
        """UserError where the text is no condition, with the place."""
        reader = _Reader(text, setting)
        holds = reader.whole()
        return cls(text, frozenset(reader.keys), holds)


@dataclass(frozen=True)
class _Token:
    kind: str  # text, number, key, sign, word; end
    text: str
    at: int


class _Reader:
    """Recursive descent: one method for each line of the grammar."""

    def __init__(self, text: str, setting: str) -> None:
        self.keys: set[str] = set()
        self._text, self._setting, self._deep = text, setting, 0
        self._tokens = self._read()
        self._next = 0

    def _read(self) -> list[_Token]:
        found, at = list[_Token](), 0
        while self._text[at:].strip():
            match = _TOKEN.match(self._text, at)
            if match is None:
                at += len(self._text[at:]) - len(self._text[at:].lstrip())
                quote = self._text[at] in "'\"`"
                what = "a quotation mark that is never closed" if quote else "nothing that can stand here"
                raise self._wrong(f"{what} (equal is ==)" if self._text[at] == "=" else what, at)
            kind = str(match.lastgroup)
            text = match[kind]
            kind = "word" if kind == "key" and text in WORDS else kind
            found.append(_Token(kind, text, match.start(kind if kind != "word" else "key")))
            at = match.end()
        return [*found, _Token("end", "", len(self._text))]

    def whole(self) -> Test:
        test = self._either()
        if self._token.kind != "end":
            raise self._expected("'and', 'or' or the end")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        self._deep += 1
        if self._deep > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} conditions in one another", self._token.at)
        try:
            if self._take("not"):
                test = self._one()
                return lambda row: not test(row)
            if self._take("("):
                test = self._either()
                self._need(")")
                return test
            return self._test()
        finally:
            self._deep -= 1

    def _test(self) -> Test:
        if self._token.kind != "key":
            raise self._expected("a key")
        value_of, token = self._key(), self._token
        if self._take("exists"):
            return lambda row: value_of(row) is not _ABSENT
        turned = self._take("not")
        if self._take("in"):
            wanted = self._list()
            return lambda row: (
                (value := value_of(row)) is not _ABSENT and turned != any(_equal(value, w) for w in wanted)
            )
        if turned or token.text not in ("==", "!=", *ORDERS):
            raise self._expected("'in'" if turned else "a comparison (== != < <= > >= in exists)")
        self._next += 1
        at, value = self._token.at, self._value()
        if token.text in ("==", "!="):
            differs = token.text == "!="
            return lambda row: (found := value_of(row)) is not _ABSENT and differs != _equal(found, value)
        if value is None or isinstance(value, bool):
            raise self._wrong(f"{token.text} needs a number or text", at)
        order = ORDERS[token.text]
        if isinstance(value, str):
            return lambda row: isinstance(found := value_of(row), str) and order(found, value)
        return lambda row: (number := _number(value_of(row))) is not None and order(number, value)

    def _key(self) -> Callable[[Mapping[str, Any]], Any]:
        text = self._token.text
        names = [quoted or plain for quoted, plain in _NAME.findall(text)]
        whole, first, below = ".".join(names), names[0], names[1:]
        self.keys |= {whole, first}
        self._next += 1

        def value_of(row: Mapping[str, Any]) -> Any:
            if whole in row:  # a table's column may have dots in its name
                return row[whole]
            value = row.get(first, _ABSENT)
            for name in below:
                value = _below(value, name)
            return value

        return value_of

    def _list(self) -> list[Any]:
        self._need("[")
        values = [] if self._token.text == "]" else [self._value()]
        while self._token.text != "]":
            self._need(",", "',' or ']'")
            values.append(self._value())
        self._need("]")
        return values

    def _value(self) -> Any:
        token = self._token
        self._next += 1
        if token.kind == "text":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        if token.kind == "number":
            return int(token.text) if re.fullmatch(r"[-+]?\d+", token.text) else float(token.text)
        if token.text in VALUES and token.kind == "word":
            return VALUES[token.text]
        self._next -= 1
        quotes = f" (text stands in quotation marks: '{token.text}')" if token.kind == "key" else ""
        raise self._expected(f"a value{quotes}")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, text: str) -> bool:
        if self._token.text != text or self._token.kind not in ("word", "sign"):
            return False
        self._next += 1
        return True

    def _need(self, text: str, told: str | None = None) -> None:
        if not self._take(text):
            raise self._expected(told or f"'{text}'")

    def _expected(self, what: str) -> UserError:
        return self._wrong(f"{what} is expected", self._token.at)

    def _wrong(self, what: str, at: int) -> UserError:
        place = f"at letter {at + 1}, before {self._text[at : at + 30]!r}" if self._text[at:].strip() else "at its end"
        return UserError(f"{self._setting}={self._text}: {what}, {place}")


def _below(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, _ABSENT)
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return _ABSENT


def _equal(value: Any, wanted: Any) -> bool:
    if wanted is None or isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and value == wanted
    return bool(_number(value) == wanted)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            found = float(value)
        except ValueError:
            return None
        return found if math.isfinite(found) else None
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value
