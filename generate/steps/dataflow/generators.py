"""Users' own generators: from a text to another text, or to an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.record import MadeImage, Record
from labelyard.generate.settings import transient
from labelyard.generate.steps.dataflow.own_class import OwnClass, TextOfOwnClass


@dataclass(kw_only=True)
class TextGenerator(TextOfOwnClass):
    reads = ("caption",)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        return [record.caption for record in records]


@dataclass(kw_only=True)
class ImageGenerator(OwnClass):
    reads = ("caption",)

    batch_size: int = transient(1, least=1, most=1_000_000)

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"images.{self.name}",)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        return [record.caption for record in records]

    def wrong(self, answer: Any) -> str | None:
        from PIL.Image import Image

        return None if isinstance(answer, Image) else f"{type(answer).__name__}, and an image (of PIL) belongs there"

    def take(self, record: Record, answer: Any) -> None:
        kept = answer if answer.mode in ("RGB", "L", "RGBA") else answer.convert("RGB")
        record.images[self.name] = MadeImage(kept, {"prompt": record.caption})
