"""What an item shows from here on: something that an earlier run has found, in the place of its own image, text or
video. The item stays what it is; it is only read otherwise.

{"record": …, "image": "images.draw"}    an image that a step made
{"record": …, "caption": "texts.say"}    a text
{"record": …, "video": "clips.film"}     a video
{…: "given.KEY"}                         what the user gave under a key: a location, or a text
{…: "none"}                              nothing: it is not even read
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Item
from labelyard.generate.record_json.beside import place_of
from labelyard.generate.record_json.body import earlier, newer
from labelyard.utils.errors import UserError, nearest

NONE, GIVEN = "none", "given"
KINDS = {"image": "images", "caption": "texts", "video": "clips"}
OF_THE_PICTURE = ("tags", "instances", "aside")  # what is found in one picture is nothing to another


@dataclass(frozen=True)
class Choice:
    """None: the item's own."""

    image: str | None = None
    caption: str | None = None
    video: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Choice:
        return cls(*(values.get(f.name) for f in fields(cls)))

    @property
    def said(self) -> dict[str, str]:
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None}

    def check(self, made: Iterable[str]) -> None:
        """`made`: the fields that the earlier run's records have."""
        known = list(made)
        for name, value in self.said.items():
            kind, _, key = value.partition(".")
            if value == NONE or (kind == GIVEN and key):
                continue
            there = [field for field in known if field.startswith(f"{KINDS[name]}.")]
            if value in there:
                continue
            likely = nearest(value, there)
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(
                f"source.{name}={value}: give {' or '.join(there) or f'{KINDS[name]}.NAME, where a step made one'}, "
                f"given.KEY (a key of the list), or {NONE}.{hint}"
            )

    def gives(self, gives: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """What is left of what the earlier run found."""
        if self.image is None:
            return {maker: tuple(found) for maker, found in gives.items()}
        return {
            maker: tuple(field for field in found if field.partition(".")[0] not in OF_THE_PICTURE)
            for maker, found in gives.items()
        }

    def brings(self, brought: Sequence[str]) -> tuple[str, ...]:
        """Which of image, video and caption the items may have."""
        said = self.said
        return tuple(field for field in KINDS if (said[field] != NONE if field in said else field in brought))


def shown(item: Item) -> Item:
    """The item as it is to be read."""
    known = item.known or {}
    choice = Choice.of(known)
    if "record" not in known or not choice.said:
        return item
    path = Path(known["record"])
    body = earlier(path, item.id) if any(_is_made(value) for value in choice.said.values()) else {}
    if choice.caption is not None:
        item = replace(item, caption=_caption(item, choice.caption, body))
    if choice.image is not None:
        item = _with_image(item, choice.image, body, path)
    return item if choice.video is None else _with_video(item, choice.video, body, path)


def _is_made(value: str) -> bool:
    return value != NONE and not value.startswith(f"{GIVEN}.")


def _caption(item: Item, value: str, body: Mapping[str, Any]) -> str:
    if value == NONE:
        return ""
    kind, _, name = value.partition(".")
    found = item.given.get(name) if kind == GIVEN else newer(body, "texts").get(name, {}).get("text")
    if not isinstance(found, str):
        raise ItemError(f"has no text {value}", item.id)
    return found


def _with_image(item: Item, value: str, body: Mapping[str, Any], path: Path) -> Item:
    video = {"video": item.place["video"]} if item.place and "video" in item.place else None
    if not _is_made(value):
        return replace(item, image=_given(item, value), place=video)
    place = _place(item, value, body.get("images", {}), path)
    return replace(item, image=str(place["file"]), place={**place, **(video or {})} if len(place) > 1 else video)


def _with_video(item: Item, value: str, body: Mapping[str, Any], path: Path) -> Item:
    place = {key: part for key, part in item.place.items() if key != "video"} if item.place else None
    if not _is_made(value):
        return replace(item, video=_given(item, value), place=place)
    where = _place(item, value, newer(body, "clips"), path)
    part = {"video": where} if "offset" in where else {}
    return replace(item, video=str(where["file"]), place={**(place or {}), **part} or None)


def _given(item: Item, value: str) -> str:
    if value == NONE:
        return ""
    found = item.given.get(value.partition(".")[2])
    if not isinstance(found, str) or not found:
        raise ItemError(f"has no location {value}", item.id)
    return found


def _place(item: Item, value: str, made: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Where it lies; of what the earlier run made, in its folder."""
    entry = made.get(value.partition(".")[2])
    if entry is None:
        raise ItemError(f"has no {value}: {path}", item.id)
    return {"file": str(path.parent.parent.parent / entry["path"])} if "path" in entry else place_of(entry)
