"""Subjects200K's rows: pairs of one subject in one picture, with a border around each half and between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from labelyard.generate.rows import Entry, Row, Rows, grouped
from labelyard.generate.sources.common.arrow_columns import ColumnSource
from labelyard.generate.sources.common.graph200k_rows import with_findings
from labelyard.generate.sources.hf import Hf
from labelyard.generate.sources.parquet import Parquet
from labelyard.utils.graph200k import REFERENCE, caption_of

DATASET = "Yuanshi/Subjects200K"
OTHER = {"left": "right", "right": "left"}
FOUND = ("description", "quality_assessment", "collection")
NUMBERS = {"left": 0, "right": 1}  # of the half's description


@dataclass(kw_only=True)
class Pairs(ColumnSource):
    published: ClassVar[str | None] = DATASET

    halves: tuple[str, ...] = ("left",)
    padding: int | None = None

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"given": (f"images.{REFERENCE}", *(f"found.{name}" for name in FOUND))}

    def entries(self) -> Iterator[Row]:
        for row in super().entries():
            if isinstance(row, Entry):
                yield from (self._half(row, half) for half in self.halves)
            else:
                yield row

    def rows(self) -> Iterator[Rows]:
        return grouped(self.entries())

    def _half(self, pair: Entry, half: str) -> Entry:
        """The image is a half of the picture, its reference the other."""
        given = dict(pair.given)
        description, number = given.get("description"), NUMBERS[half]
        if isinstance(description, Mapping) and number == 1:
            first, second = description.get("description_0"), description.get("description_1")
            given["description"] = {**description, "description_0": second, "description_1": first}
        caption = pair.caption if self.caption_key is not None else caption_of(description, number)
        place, known = self._lying(pair, half)
        name = f"{pair.image}-{half}"
        return with_findings(replace(pair, image=name, caption=caption, given=given, place=place, known=known))

    def _lying(self, pair: Entry, half: str) -> tuple[dict[str, Any], dict[str, Any]]:
        border = f":{self.padding}" if self.padding is not None else ""
        whole: Mapping[str, Any] = pair.place if pair.place is not None else {"file": pair.image}
        if "offset" in whole:
            reference: dict[str, Any] = {"images": {REFERENCE: [whole["offset"], whole["bytes"]]}}
        elif "row" in whole:
            reference = {"columns": {REFERENCE: whole["column"]}}
        else:
            reference = {"files": {REFERENCE: whole["file"]}}
        return {**whole, "part": half + border}, {**reference, "part": {REFERENCE: OTHER[half] + border}}


@dataclass(kw_only=True)
class SavedPairs(Pairs, Hf):
    pass


@dataclass(kw_only=True)
class ParquetPairs(Pairs, Parquet):
    pass
