"""Graph200K, or data of your own in its form: a folder that `save_to_disk` made, Parquet, or a list of our export."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.settings import transient
from labelyard.generate.source import Source
from labelyard.generate.sources.common.graph200k_rows import DATASET, ListedJson, ListedJsonl, ParquetTable, SavedTable
from labelyard.generate.sources.common.stand_in import StandIn
from labelyard.utils.errors import UserError
from labelyard.utils.locations import how_to_fetch_dataset
from labelyard.utils.streams import without_compression

LISTS = {".json": ListedJson, ".jsonl": ListedJsonl}
EXPORTED = ("data.json", "data.jsonl")


@dataclass(kw_only=True)
class Graph200k(StandIn):
    """The image is the target; all other images are the record's under their columns' names, read where they lie.
    `description`, `quality_assessment`, `collection` and the metas are findings, whatever JSON they are."""

    image_key: str | None = "target"
    caption_key: str | None = None  # null: the description's item and description_0, one behind the other
    split: str | None = transient(None)  # of a dataset with several: train or test

    published: ClassVar[str | None] = DATASET

    def choose(self) -> Source:
        kind, path = self._kind()
        given = {f.name: getattr(self, f.name) for f in fields(Source)}
        more: dict[str, Any] = {"split": self.split} if issubclass(kind, SavedTable | ParquetTable) else {}
        chosen: Source = kind(**{**given, **more, "path": str(path)})
        return chosen

    def _kind(self) -> tuple[type[Source], Path]:
        path = Path(self.path)
        if not path.is_dir():
            suffix = Path(without_compression(path.name.lower())).suffix
            return LISTS.get(suffix, ParquetTable), path
        if SavedTable.recognises(path):
            return SavedTable, path
        listed = next((path / name for name in EXPORTED if (path / name).is_file()), None)
        if listed is not None:
            return LISTS[listed.suffix], listed
        if next(path.rglob("*.parquet"), None) is None:
            raise UserError(
                f"source.path={self.path} has no state.json (as of `save_to_disk`), no Parquet and no data.json. To "
                f"fetch the dataset: {how_to_fetch_dataset(DATASET, str(path))}"
            )
        return ParquetTable, path
