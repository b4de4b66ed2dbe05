"""Graph200K's rows, in whatever they lie: a dataset that was saved, Parquet, or a list that we have exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.rows import Entry, Row, Rows, grouped
from labelyard.generate.source import Source, kind_of
from labelyard.generate.sources.common.arrow_columns import ColumnSource
from labelyard.generate.sources.hf import Hf
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.train_json import TrainJson
from labelyard.utils.errors import UserError
from labelyard.utils.graph200k import FILL_EDITS, FINDINGS, IMAGES, STYLES, caption_of, style_references, styled

if TYPE_CHECKING:
    from pyarrow import Schema

DATASET = "VisualCloze/Graph200K"
# What a list calls an image, where that is not what its column is called.
RENAMED = {"reference": "ref", "mask": "qwen_2_5_mask", "bbox": "qwen_2_5_bounding_box"}


@dataclass(kw_only=True)
class Rowwise(Source):
    """Rows one by one, each with what Graph200K says of it."""

    def entries(self) -> Iterator[Row]:
        for row in super().entries():
            yield self.told(row) if isinstance(row, Entry) else row

    def rows(self) -> Iterator[Rows]:
        return grouped(self.entries())

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"given": (*super().gives().get("given", ()), *(f"found.{name}" for name in FINDINGS))}

    def told(self, entry: Entry) -> Entry:
        caption = entry.caption if self.caption_key is not None else caption_of(entry.given.get("description"))
        return with_findings(replace(entry, caption=caption))


def with_findings(entry: Entry) -> Entry:
    findings = [name for name in FINDINGS if entry.given.get(name) is not None]
    known = {**(entry.known or {}), **({"found": findings} if findings else {})}
    return replace(entry, known=known or None)


@dataclass(kw_only=True)
class Table(Rowwise, ColumnSource):
    published: ClassVar[str | None] = DATASET

    def side_columns(self, schema: Schema, path: Path) -> dict[str, str]:
        there = [name for name in IMAGES if name in schema.names]
        self._refuse_others(schema, path)
        return {name: name for name in there if name != self.image_key}

    def _refuse_others(self, schema: Schema, path: Path) -> None:
        for field in schema:
            wanted = self.keep is None or field.name in self.keep
            if wanted and field.name not in (*IMAGES, self.image_key) and is_of_images(field.type):
                raise UserError(
                    f"{path}: the column '{field.name}' holds images, and Graph200K has none of this name. "
                    f"'source.keep=[{','.join(FINDINGS)}]' leaves it out"
                )


def is_of_images(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return {"bytes", "path"} <= {inner.name for inner in kind}
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


@dataclass(kw_only=True)
class SavedTable(Table, Hf):
    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"given": (*(f"images.{name}" for name in IMAGES), *super().gives()["given"])}


@dataclass(kw_only=True)
class ParquetTable(Table, Parquet):
    split: str | None = None

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"given": (*(f"images.{name}" for name in IMAGES), *super().gives()["given"])}

    def files(self) -> list[Path]:
        """Of a folder with several splits those of one: they are called after it, or lie in a folder of its name."""
        found, top = super().files(), Path(self.path)
        if self.split is None or not top.is_dir():
            return found
        names = [path.relative_to(top) for path in found]
        chosen = [top / name for name in names if name.name.startswith(self.split) or self.split in name.parts[:-1]]
        if not chosen:
            raise UserError(f"source.split={self.split}: no file of this split in {top}. The first is {names[0]}")
        return chosen


@dataclass(kw_only=True)
class Listed(Rowwise):
    """Elements as the trainer reads them: paths of images under `condition`."""

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"given": (*(f"images.{name}" for name in IMAGES), *super().gives()["given"])}

    def taken_from(self, row: dict[str, Any]) -> Mapping[str, Any] | str | None:
        condition = row.pop("condition", None)
        if not isinstance(condition, dict):
            return (
                f"'condition' is {kind_of(condition)}, not an object with the paths of images: no list of Graph200K's"
            )
        files = dict(paths_in(condition))
        row[str(self.image_key)] = files.pop("target", None)
        row["qwen_2_5_meta"] = condition.get("qwen_2_5_meta")
        fill = condition.get("FillEdit")
        row["FillEdit_meta"] = {key: fill[key] for key in fill if key != "image_path"} if fill else None
        for name in [name for name in FINDINGS if row.get(name) is None]:
            row.pop(name, None)
        return {"files": {name: files[name] for name in IMAGES if name in files}} if files else None


def paths_in(condition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The columns and where their images lie."""
    for key, value in condition.items():
        if isinstance(value, str):
            yield RENAMED.get(key, key), value
    groups = [("FillEdit", "image_path", FILL_EDITS)]
    groups += [(style, "image_path", styled(style)) for style in STYLES]
    groups += [(style, "style_path", style_references(style)) for style in STYLES]
    for key, paths, names in groups:
        yield from zip(names, condition.get(key, {}).get(paths, ()), strict=False)


@dataclass(kw_only=True)
class ListedJson(Listed, TrainJson):
    pass


@dataclass(kw_only=True)
class ListedJsonl(Listed, Jsonl):
    pass
