"""`tag=list`: tags that nobody found: names of the user's, the same for every picture, for a detector to ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record, Tag
from labelyard.generate.roles import SYNONYMS, THRESHOLD
from labelyard.generate.step import Step


@dataclass(kw_only=True)
class ListedNames(Step):
    """An entry is a name, or `name = prompt | synonym | synonym @ 0.4`: what a detector asks for, where that is not the
    name itself, what it asks for besides, and the least score of what it finds by that name. A name counts once, where
    it stands first; empty lines and those that begin with # count for nothing."""

    writes = ("tags",)

    names: list[str] = field(default_factory=list)  # as they are, before those of the file
    file: str | None = None  # a UTF-8 text with one on each line

    def __post_init__(self) -> None:
        read(self.names)

    def setup(self, device: str) -> None:
        try:
            self._tags = read([*self.names, *lines(self.file)])
        except ValueError as error:
            raise FatalError(f"file={self.file}: {error}") from None
        if not self._tags:
            whence = "names=[]" if self.file is None else f"file={self.file}"
            raise FatalError(f"{whence}: there is no name in it; give names=[dog,cat], or a file with one on each line")

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.tags = [Tag(tag.name, tag.score, tag.prompt, dict(tag.extra)) for tag in self._tags]

    def model(self) -> dict[str, Any]:
        told = "\n".join(f"{tag.name}={tag.prompt}{tag.extra or ''}" for tag in self._tags)
        digest = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
        return {"name": "list", "checkpoint": None, "names": len(self._tags), "digest": digest}


def lines(file: str | None) -> list[str]:
    if file is None:
        return []
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"file={file}: can't be read ({error}); give a UTF-8 text, one name a line") from None


def _with_threshold(text: str) -> tuple[str, dict[str, Any]]:
    """An entry without it, and what it says of it. An @ before anything but a number is part of a name."""
    rest, at, number = text.rpartition(" @ ")
    try:
        least = float(number) if at else None
    except ValueError:
        return text, {}
    if least is None:
        return text, {}
    if not 0 <= least <= 1:
        raise ValueError(f"{text!r}: a threshold is a number from 0 to 1")
    return rest.strip(), {THRESHOLD: least}


def read(entries: Sequence[str]) -> list[Tag]:
    found: dict[str, Tag] = {}
    for entry in entries:
        text = " ".join(entry.split())
        if not text or text.startswith("#"):
            continue
        rest, extra = _with_threshold(text)
        name, equals, asked = (part.strip() for part in rest.partition("="))
        prompts = [part.strip() for part in asked.split("|")]
        if not name or (equals and not all(prompts)):
            raise ValueError(f"{text!r} is neither a name nor `name = prompt`, nor `name = prompt | synonym @ 0.4`")
        if len(prompts) > 1:
            extra[SYNONYMS] = prompts[1:]
        found.setdefault(name, Tag(name, 1.0, prompts[0], extra))
    return list(found.values())
