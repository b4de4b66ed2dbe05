"""Which of a record's texts a step works with: its caption, or one that an earlier step has written."""

from __future__ import annotations

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Record

CAPTION = "caption"
TEXTS = "texts."


def check_text(name: str) -> None:
    """For a step's `__post_init__`."""
    if name != CAPTION and not (name.startswith(TEXTS) and len(name) > len(TEXTS)):
        raise ValueError(f"text={name!r}: give caption, or texts.NAME for one that a step writes")


def text_of(record: Record, name: str) -> str:
    text = record.caption if name == CAPTION else record.texts[name.removeprefix(TEXTS)].text
    if not text.strip():
        raise ItemError(f"{name} is empty: there is nothing to go by", record.item.id)
    return text.strip()
