"""Phrases as tags: what several texts say alike is one."""

from __future__ import annotations

from collections.abc import Sequence

from labelyard.generate.record import Tag


def merged(tags: Sequence[Tag]) -> list[Tag]:
    """Each once, whatever the case, at its first place, with all places that it was found at."""
    found: dict[str, Tag] = {}
    for tag in tags:
        if not tag.name:
            continue
        first = found.setdefault(tag.name.lower(), Tag(tag.name, tag.score, tag.prompt, {**tag.extra, "spans": []}))
        first.extra["spans"].extend(span for span in tag.extra["spans"] if span not in first.extra["spans"])
    return list(found.values())


def check_texts(texts: Sequence[str]) -> None:
    if not texts:
        raise ValueError("texts=[]: nothing to read; give texts=[NAME,NAME] with the names of the record's texts")
