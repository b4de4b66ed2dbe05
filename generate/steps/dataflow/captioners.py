"""Users' own captioners: from the path of an image or a video to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.record import Record
from labelyard.generate.settings import transient
from labelyard.generate.steps.dataflow.own_class import TextOfOwnClass
from labelyard.generate.steps.dataflow.places import Places


@dataclass(kw_only=True)
class ImageCaptioner(TextOfOwnClass):
    reads = ("image",)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        self._places = Places(self.root)
        return [self._places.image(record) for record in records]


@dataclass(kw_only=True)
class VideoCaptioner(TextOfOwnClass):
    reads = ("video",)

    batch_size: int = transient(4, least=1, most=1_000_000)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        self._places = Places(self.root)
        return [self._places.video(record) for record in records]
