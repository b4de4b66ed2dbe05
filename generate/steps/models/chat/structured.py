"""Answers that are JSON of a certain form, read out of what a model says around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labelyard.utils.text import one_line

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
BEGINNINGS = {"object": "{", "array": "["}
ANY = '{["-0123456789tfn'
KNOWN = {
    *("type", "properties", "required", "items", "enum", "const", "additionalProperties", "anyOf", "title", "default"),
    *("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "description", "examples", "$schema"),
}


class NotFitting(ValueError):
    """What a model said is not of the form that was asked for."""


def check_schema(schema: Any, place: str = "schema") -> None:
    """Refused: what these checks do not know, which would be no check at all."""
    if not isinstance(schema, Mapping):
        raise ValueError(f"{place}={schema!r}: give a JSON schema, such as {{type: object, properties: …}}")
    unknown = [str(key) for key in schema if key not in KNOWN]
    if unknown:
        raise ValueError(
            f"{place}: '{unknown[0]}' is not known here; known are {', '.join(sorted(KNOWN - {'$schema'}))}"
        )
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in TYPES:
            raise ValueError(f"{place}.type={kind!r}: give one of {', '.join(TYPES)}")
    for name, part in schema.get("properties", {}).items():
        check_schema(part, f"{place}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), Mapping):
            check_schema(schema[name], f"{place}.{name}")
    for number, part in enumerate(schema.get("anyOf", ())):
        check_schema(part, f"{place}.anyOf[{number}]")


def read(text: str, schema: Mapping[str, Any]) -> Any:
    """The first JSON value in the text that fits. Models put it in code fences, and words around it."""
    trouble, kind = "", schema.get("type")
    for value in _values(text, BEGINNINGS.get(kind if isinstance(kind, str) else "", ANY)):
        trouble = next(problems(value, schema), "")
        if not trouble:
            return value
    raise NotFitting(trouble or "there is no JSON in it" + (f" that is an {kind}" if kind in BEGINNINGS else ""))


def _values(text: str, beginnings: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(parse_constant=_refuse), 0
    while place < len(text):
        if text[place] in beginnings:
            try:
                value, place = decoder.raw_decode(text, place)
            except RecursionError:
                return
            except ValueError:
                place += 1
                continue
            yield value
            continue
        place += 1


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def problems(value: Any, schema: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """What does not fit, as one would say it to the model."""
    where = place or "it"
    kinds = schema.get("type")
    if kinds is not None and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{where} is {_kind(value)}, not {kinds if isinstance(kinds, str) else ' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {_short(value)}, not one of {', '.join(map(_short, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {_short(value)}, not {_short(schema['const'])}"
    if "anyOf" in schema and not any(next(problems(value, part, place), None) is None for part in schema["anyOf"]):
        yield f"{where} is {_short(value)}, which is none of what it may be"
    yield from _bounds(value, schema, where)
    if isinstance(value, dict):
        yield from _of_object(value, schema, place)
    if isinstance(value, list) and "items" in schema:
        for number, part in enumerate(value):
            yield from problems(part, schema["items"], f"{place}[{number}]")


def _of_object(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    described, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place or 'it'} has no '{name}'"
    for name, part in value.items():
        inner = f"{place}.{name}" if place else name
        if name in described:
            yield from problems(part, described[name], inner)
        elif others is False:
            yield f"{inner} was not asked for"
        elif isinstance(others, Mapping):
            yield from problems(part, others, inner)


def _bounds(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    sizes: Sequence[tuple[str, type | tuple[type, ...], Any]] = (
        ("imum", (int, float), value),
        ("Items", list, len(value) if isinstance(value, list) else 0),
        ("Length", str, len(value) if isinstance(value, str) else 0),
    )
    for ending, kind, size in sizes:
        if not isinstance(value, kind) or isinstance(value, bool):
            continue
        if size < schema.get("min" + ending, size):
            yield f"{where} is less than {schema['min' + ending]}" + _unit(ending)
        if size > schema.get("max" + ending, size):
            yield f"{where} is more than {schema['max' + ending]}" + _unit(ending)


def _unit(ending: str) -> str:
    return {"Items": " items", "Length": " characters"}.get(ending, "")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float) and kind == "integer":
        return value.is_integer()
    return isinstance(value, TYPES[kind])


def _kind(value: Any) -> str:
    return next((kind for kind in TYPES if kind not in ("number",) and _is(value, kind)), "number")


def _short(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), 60)


def one_of(text: str, options: Sequence[str]) -> str:
    """The one that the text names, whatever stands around it; `dark red` names no `red`."""
    said = " ".join(text.split()).strip(" .\"'`*").lower()
    found = [option for option in options if option.lower() == said]
    found = found or [option for option in options if _names(said, option)]
    longest = [one for one in found if not any(one != other and _names(other.lower(), one) for other in found)]
    if len(longest) != 1:
        named = f"it names {' and '.join(longest)}" if longest else "it names none"
        raise NotFitting(f"{named} of what it may be")
    return longest[0]


def _names(text: str, option: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(option.lower())}(?!\w)", text) is not None


def asked_again(text: str, said: str, trouble: str, options: Sequence[str] = ()) -> str:
    """The same question, with what was wrong about the answer."""
    form = f"one of these, and nothing else: {', '.join(options)}" if options else "the JSON alone, and no other words"
    return f"{text}\n\nYour answer was: {one_line(said, 400)}\nThat can't be used: {trouble}. Answer with {form}."
