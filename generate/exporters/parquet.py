"""Parquet with Hugging Face's features: one row per image, or one per instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.exporter import Damage, Labels, Part, Pictured
from labelyard.generate.exporters.graph200k.columns import AT_ONCE, features, row_of
from labelyard.generate.exporters.graph200k.images import RecordImages
from labelyard.generate.exporters.graph200k.pictures import Coding, Pictures, Shape
from labelyard.generate.record_json.body import given_of
from labelyard.generate.record_json.finished import Finished, Found
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.atomic import replacing
from labelyard.utils.errors import UserError
from labelyard.utils.graph200k import TARGET
from labelyard.utils.images import UnreadableImage
from labelyard.utils.jsons import dump

if TYPE_CHECKING:
    from datasets import Features

NAME = "data-{:05d}.parquet"


@dataclass(kw_only=True)
class Parquet(Pictured):
    per: str = "image"  # or instance: a row for each, that names its image
    # graph200k: the columns of that dataset, for a made one to be published in its form
    columns: str = setting("labelyard", words=("labelyard", "graph200k"))
    per_file: int = setting(1000, least=1)  # records of the run

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.per not in ("image", "instance"):
            raise UserError(f"per={self.per}: give image or instance")

        if self.columns == "graph200k" and (self.per, self.images) != ("image", True):
            raise UserError(
                f"columns=graph200k has a row per image, with its images: per={self.per} images={self.images}"
            )

    def refuse(self, dest: Path, run: RunFolder) -> None:
        if self.columns != "graph200k":  # which takes the original ones where the records hold none
            super().refuse(dest, run)

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        self._all_images = RecordImages.of_run(run, self.original, Pictures(Shape(), Coding()))

    def part_size(self) -> int:
        return self.per_file

    @property
    def with_images(self) -> bool:
        return self.images and self.per == "image"

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        import pyarrow
        import pyarrow.parquet

        schema = self._features().arrow_schema
        with replacing(dest / NAME.format(number)) as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
            rows: list[dict[str, Any]] = []
            # Images of a hundred rows make a row group that readers like.
            at_once = AT_ONCE if self.columns == "graph200k" else 100
            for record in self.taken(records, part):
                rows += self._rows(record, part)
                if len(rows) >= at_once:
                    writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
                    rows = []
            if rows:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))

    def _rows(self, record: Finished, part: Part) -> list[dict[str, Any]]:
        if self.columns == "graph200k":
            try:
                return [row_of(record, self._all_images)]
            except (ItemError, UnreadableImage, OSError) as error:
                part.leave_out(record, error)
                return []
        found = record.instances(self.wanted, self.original)
        width, height = record.size(self.original)
        image: dict[str, Any] = {
            "id": record.item.id,
            "file_name": record.item.image,
            "width": width,
            "height": height,
        }
        if self.per == "instance":
            return [{**image, "number": number, **_instance(entry)} for number, entry in enumerate(found)]
        image |= {
            "caption": record.body["caption"],
            "tags": [{"name": tag["name"], "score": tag["score"]} for tag in record.body["tags"]],
            "instances": [_instance(entry) for entry in found],
            "given": dump(given_of(record.body)).decode().strip(),
        }
        if self.with_images:
            for _, data in self.pictured([record], part):
                return [{**image, "image": {"bytes": data, "path": record.image_name(data)}}]
            return []
        return [image]

    def _features(self) -> Features:
        if self.columns == "graph200k":
            return features()
        from datasets import Features, Image, List, Value

        text, number, real = Value("string"), Value("int32"), Value("float64")
        mask = {"size": List(number), "counts": text}
        instance = {"label": text, "score": real, "bbox": List(real), "caption": text, "mask": mask}
        row: dict[str, Any] = {"id": text, "file_name": text, "width": number, "height": number}
        if self.per == "instance":
            return Features({**row, "number": number, **instance})
        row |= {"caption": text, "tags": List({"name": text, "score": real}), "instances": List(instance)}
        return Features({**row, "given": text, **({"image": Image()} if self.with_images else {})})

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        for path in dest.glob(NAME.replace("{:05d}", "*")):
            if int(path.stem.rpartition("-")[2]) >= len(parts):
                path.unlink()  # of a run that had more records

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        import pyarrow.parquet
        from datasets import Features

        for number, part in enumerate(parts):
            path = dest / NAME.format(number)
            with pyarrow.parquet.ParquetFile(path) as table:
                if Features.from_arrow_schema(table.schema_arrow) != self._features():
                    raise Damage(f"{path}: datasets reads other features than were meant")
                rows = instances = 0
                for row in self._read(table):
                    rows += 1
                    instances += 1 if self.per == "instance" else len(row.get("instances", ()))
            expected = part.instances if self.per == "instance" else part.records
            if (rows, instances) != (expected, 0 if self.columns == "graph200k" else part.instances):
                raise Damage(f"{path} has {rows} rows with {instances} instances, not {expected} with {part.instances}")

    def _read(self, table: Any) -> Iterator[dict[str, Any]]:
        """Every row; of every batch the first as `datasets` decodes it, its image opened."""
        features = self._features()
        for batch in table.iter_batches(batch_size=64):
            rows = batch.to_pylist()
            if rows and self.with_images:
                features.decode_example(rows[0])[TARGET if self.columns == "graph200k" else "image"].load()
            yield from rows


def _instance(found: Found) -> dict[str, Any]:
    return {
        "label": found.label,
        "score": found.score,
        "bbox": [float(side) for side in found.box],
        "caption": found.caption,
        "mask": found.mask,
    }
