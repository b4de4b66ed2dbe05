"""Subjects200K: two pictures of one subject in one image; each may be the image, and the other one is its reference."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.settings import setting, transient
from labelyard.generate.source import Source
from labelyard.generate.sources.common.stand_in import StandIn
from labelyard.generate.sources.common.subjects200k_rows import DATASET, Pairs, ParquetPairs, SavedPairs


@dataclass(kw_only=True)
class MinScores:
    """Rows with less, or without a score, are left out and counted, as by source.where."""

    compositeStructure: float | None = transient(None, least=0, most=5)  # the least, from 0 to 5; null: any
    objectConsistency: float | None = transient(None, least=0, most=5)  # likewise: whether it is one subject
    imageQuality: float | None = transient(None, least=0, most=5)  # likewise


@dataclass(kw_only=True)
class Subjects200k(StandIn):
    """Parquet as it is published, or what `save_to_disk` made of it. The halves are cut when they are read."""

    caption_key: str | None = None  # null: the description's item and the half's own description
    split: str | None = transient(None)  # of a dataset with several
    # which half is the image: left, which the first description is of; right; or both, two items of each row
    target: str = setting("left", words=("left", "right", "both"))
    padding: int | None = setting(None, least=0)  # pixels of the border; null: as each picture's size says
    min_scores: MinScores = field(default_factory=MinScores, metadata={"transient": True})

    published: ClassVar[str | None] = DATASET

    def __post_init__(self) -> None:
        if isinstance(self.min_scores, dict):
            self.min_scores = MinScores(**self.min_scores)
        least = [
            f"quality_assessment.{name}>={value:g}"
            for name, value in vars(self.min_scores).items()
            if value is not None
        ]
        if least:
            self.where = " and ".join([*least, *([f"({self.where})"] if self.where is not None else [])])
        super().__post_init__()

    def choose(self) -> Source:
        kind: type[Pairs] = SavedPairs if SavedPairs.recognises(Path(self.path)) else ParquetPairs
        given = {f.name: getattr(self, f.name) for f in fields(Source)}
        halves = ("left", "right") if self.target == "both" else (self.target,)
        more: dict[str, Any] = {"split": self.split} if issubclass(kind, SavedPairs) else {}
        return kind(**given, **more, halves=halves, padding=self.padding)
