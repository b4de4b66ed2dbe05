"""Records written anew in another frame, with or without their images inside, and a train list of them."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.exporter import Damage, Exporter, Labels, Part
from labelyard.generate.media.load import Load, load
from labelyard.generate.phrases import renumbered
from labelyard.generate.record import Item
from labelyard.generate.record_json.body import image_of, instances_of, newer, read_record
from labelyard.generate.record_json.check import record_problems
from labelyard.generate.record_json.embeddings import has_embeddings, how_to_embed
from labelyard.generate.record_json.encode import Frame, Write, to_json
from labelyard.generate.record_json.fields import LABEL_EMBEDDING
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump

IMAGE = ("embedded", "file", "none")


@dataclass(kw_only=True)
class InstanceDiffusion(Exporter):
    """Boxes and masks come from the original pixels, where nothing is rounded. So does the image, if the frame changes.

    The trainer needs the image in the record. With `image=file` it lies under images/, and `image_path` says where.
    """

    short_side: int | None = setting(512, least=1, most=LONGEST_SIDE)  # null: the original size
    jpeg_quality: int = setting(95, least=1, most=100)  # of images that change their size, 1 to 100
    image: str = "embedded"  # or file, or none

    def __post_init__(self) -> None:
        if self.image not in IMAGE:
            raise UserError(f"image={self.image}: give {', '.join(IMAGE[:-1])} or {IMAGE[-1]}")

    @property
    def needs_image(self) -> bool:
        return True

    def refuse(self, dest: Path, run: RunFolder) -> None:
        try:
            self._frame = Write(short_side=self.short_side, jpeg_quality=self.jpeg_quality)
        except ValueError as error:
            raise UserError(str(error).replace("write.", "")) from None
        if not has_embeddings(run):
            raise UserError(
                f"the records of {run.path} have no embeddings, since no step of its pipeline makes them, and the "
                f"trainer stops without. Nothing was written. {how_to_embed(run)}\nThen export that run"
            )

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._run, self._root = run, run.read_run()["config"]["image_root"]
        (dest / "records").mkdir(exist_ok=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        names = []
        for record in self.taken(records, part):
            try:
                body = self._body(record)
            except (ItemError, PassingError) as error:
                part.leave_out(record, error)
                continue
            if self.image != "embedded":
                self._take_out(body, dest / "images" / f"{number:05d}", record)
            path = dest / "records" / f"{number:05d}" / record.path.name
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, dump(body), sync=False)
            names.append(f"{number:05d}/{record.path.name}")
        part.facts["names"] = names

    def _body(self, record: Finished) -> dict[str, Any]:
        width, height = record.size(original=True)
        frame = Frame.of(width, height, self.short_side)
        body = record.written(self.wanted, image=True)
        if "image" not in body or (frame.width, frame.height) != record.size():
            body = self._in_frame(record)
        if any(LABEL_EMBEDDING not in entry for entry in body["annos"]):
            raise ItemError("an instance without an embedding of its label, which the trainer needs", record.item.id)
        for entry in (*body.get("images", {}).values(), *newer(body, "clips").values()):
            if "path" in entry:  # what was given stays where it lies
                entry["path"] = str(self._run.path / entry["path"])
        return body

    def _take_out(self, body: dict[str, Any], folder: Path, record: Finished) -> None:
        data = image_of(body)
        del body["image"]
        if self.image == "file":
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / record.image_name(data)
            write_atomic(path, data, sync=False)
            body["image_path"] = str(path.resolve())

    def _in_frame(self, record: Finished) -> dict[str, Any]:
        item, old = record.item, record.body
        known = {"record": str(record.path)}
        again = load(
            Item(item.id, item.index, item.image, item.caption, item.given, item.place, known), self._root, Load()
        )
        said = [{**one.extra, "pred_score": one.score} for one in again.instances]
        renumbered(again, [number for number, one in enumerate(said) if self.wanted.takes(one)])
        body = {**to_json(again, self._frame, old["made_by"]), "dataset_name": old["dataset_name"]}
        return {**body, **{key: old[key] for key in ("images", "clips") if key in old}}

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        with replacing(dest / "train.txt") as file:
            for part in parts:
                file.writelines(
                    os.fsencode((dest / "records" / name).resolve()) + b"\n" for name in part.facts["names"]
                )

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        with (dest / "train.txt").open("rb") as file:
            paths = [Path(os.fsdecode(line.rstrip(b"\n"))) for line in file]
        instances = 0
        for path in paths:
            body = read_record(path)
            problems = ["not whole JSON"] if body is None else self._problems(body)
            if body is None or problems:
                raise Damage(f"{path}: {problems[0]}")
            instances += len(instances_of(body))
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if (len(paths), instances) != expected:
            raise Damage(f"{dest} has {len(paths)} records with {instances} instances, not {expected}")

    def _problems(self, body: dict[str, Any]) -> list[str]:
        if self.image == "file":
            body = {**body, "image": base64.b64encode(Path(body["image_path"]).read_bytes()).decode()}
        problems = record_problems(body)
        return problems if self.image != "none" else [text for text in problems if not text.startswith("image:")]
