"""Prompts with places: `{question}` is what the row says under that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Record
from labelyard.utils.jsons import text_of

OWN = ("caption", "tags", "labels", "given", "texts", "found", "item")


@dataclass(frozen=True)
class Template:
    """A text with places in braces; `{{` and `}}` are braces themselves.

    A place is a column of the row (`{question}`), what the record holds (`{caption}`; `{tags}` and `{labels}`, the
    instances' names, with commas between them), a text or finding by its name (`{llava}`, or in full `{texts.llava}`,
    `{found.scene.weather}`), or what the step adds of its own.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            parts = list(Formatter().parse(self.text))
        except ValueError as error:
            raise ValueError(
                f"{self.text!r}: {error}. A place is {{caption}} or a column's name; a brace itself is written twice"
            ) from None
        for _, place, how, conversion in parts:
            if place is not None and (not place or how or conversion):
                raise ValueError(f"{self.text!r}: '{{{place}}}' names no column; a brace itself is written twice")

    def places(self) -> list[str]:
        """The names in it, each once."""
        return list(dict.fromkeys(place for _, place, _, _ in Formatter().parse(self.text) if place))

    def reads(self) -> tuple[str, ...]:
        """The fields of a record that it names, for a step's `reads`. What is a column of the row is none of them."""
        fields = {"caption": "caption", "tags": "tags", "labels": "instances"}
        found = []
        for place in self.places():
            whole, _, rest = place.partition(".")
            if whole in ("texts", "found") and rest:
                found.append(f"{whole}.{rest.partition('.')[0]}")
            elif place in fields:
                found.append(fields[place])
        return tuple(dict.fromkeys(found))

    def filled(self, record: Record, own: Mapping[str, Any] | None = None) -> str:
        """For one record; `own` goes before all that the record has."""
        return "".join(self._parts(record, own or {}))

    def _parts(self, record: Record, own: Mapping[str, Any]) -> Iterator[str]:
        for words, place, _, _ in Formatter().parse(self.text):
            yield words
            if place:
                yield told(own[place] if place in own else _found(place, record))


def told(value: Any) -> str:
    """As a prompt says it: text as it is, a list with commas, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(part, str | int | float) for part in value):
        return ", ".join(map(str, value))
    return text_of(value)


def _found(place: str, record: Record) -> Any:
    whole, *parts = place.split(".")
    values: Any = _named(record, whole) if whole in OWN else _MISSING
    if values is _MISSING:
        values = next((v for v in (_column(place, record), _by_name(whole, record)) if v is not _MISSING), _MISSING)
        parts = [] if place in record.item.given else parts
    for part in parts:
        values = values.get(part, _MISSING) if isinstance(values, Mapping) else _MISSING
    if values is _MISSING or values is None:
        raise ItemError(
            f"the prompt asks for {{{place}}}, which the row does not have; {_there(record)}", record.item.id
        )
    return values


_MISSING = object()


def _named(record: Record, whole: str) -> Any:
    if whole == "caption":
        return record.caption
    if whole == "tags":
        return [tag.name for tag in record.tags]
    if whole == "labels":
        return [instance.label for instance in record.instances]
    if whole == "texts":
        return {name: text.text for name, text in record.texts.items()}
    if whole == "found":
        return record.found
    if whole == "given":
        return record.item.given
    return {"id": record.item.id, "image": record.item.image, "video": record.item.video}


def _column(place: str, record: Record) -> Any:
    given = record.item.given
    return given[place] if place in given else given.get(place.partition(".")[0], _MISSING)


def _by_name(whole: str, record: Record) -> Any:
    if whole in record.texts:
        return record.texts[whole].text
    return record.found.get(whole, _MISSING)


def _there(record: Record) -> str:
    names = [*record.item.given, *record.texts, *record.found]
    return f"it has {', '.join(names)} and caption" if names else "it has a caption alone"
