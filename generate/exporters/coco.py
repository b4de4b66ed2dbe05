"""COCO: instances.json with masks as run lengths, captions.json, and the images."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from generate.exporter import Damage, Labels, Part, Pictured
from generate.finished import Finished, Found
from generate.run_folder import RunFolder
from utils.atomic import replacing, write_atomic
from utils.jsons import dump

PARTS = ".parts"  # what each part adds to the lists, kept for the next time


@dataclass(kw_only=True)
class Coco(Pictured):
    """An image's id is its data_id plus one; its own id and the instances' captions stand beside COCO's keys."""

    folder: ClassVar[str] = "images"
    file: ClassVar[str] = "instances.json"

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        (dest / PARTS).mkdir(exist_ok=True)
        if self.images:
            (dest / self.folder).mkdir(exist_ok=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        lines = []
        for record, data in self.pictured(self.taken(records, part), part):
            name = record.item.image
            if self.images:
                name = record.image_name(data)
                write_atomic(dest / self.folder / name, data, sync=False)
            lines.append(dump(self._entry(record, name, labels)))
        write_atomic(dest / PARTS / f"{number:05d}.jsonl", b"".join(lines))

    def _entry(self, record: Finished, name: str, labels: Labels) -> dict[str, Any]:
        width, height = record.size(self.original)
        image_id = record.item.index + 1
        found = record.instances(self.min_score, self.original)
        return {
            "image": {
                "id": image_id,
                "file_name": name,
                "width": width,
                "height": height,
                "caption": record.body["caption"],
                "item": record.item.id,
            },
            "annotations": [_annotation(entry, image_id, labels.number(entry.label) + 1) for entry in found],
        }

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        categories = [{"id": number, "name": label, "supercategory": ""} for number, label in enumerate(labels, 1)]
        with replacing(dest / self.file) as file:
            file.write(b'{"info":{"description":"made by Labelyard"},"licenses":[],"categories":')
            file.write(dump(categories).strip())
            _stream(file, "images", (entry["image"] for entry in _entries(dest, len(parts))))
            annotations = (entry for both in _entries(dest, len(parts)) for entry in both["annotations"])
            _stream(file, "annotations", ({"id": number, **entry} for number, entry in enumerate(annotations, 1)))
            file.write(b"}\n")
        captioned = (entry["image"] for entry in _entries(dest, len(parts)) if entry["image"]["caption"])
        with replacing(dest / "captions.json") as file:
            file.write(b'{"info":{"description":"made by Labelyard"},"licenses":[],"type":"captions"')
            _stream(file, "images", (entry["image"] for entry in _entries(dest, len(parts))))
            captions = ({"id": n, "image_id": i["id"], "caption": i["caption"]} for n, i in enumerate(captioned, 1))
            _stream(file, "annotations", captions)
            file.write(b"}\n")

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            read, captions = COCO(str(dest / self.file)), COCO(str(dest / "captions.json"))
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if (len(read.imgs), len(read.anns)) != expected or len(captions.imgs) != expected[0]:
            raise Damage(f"pycocotools reads {len(read.imgs)} images and {len(read.anns)} instances, not {expected}")
        for annotation in read.anns.values():
            if annotation["segmentation"] and int(read.annToMask(annotation).sum()) != annotation["area"]:
                raise Damage(f"the mask of annotation {annotation['id']} does not decode to its area")
        if self.images:
            absent = next((i for i in read.imgs.values() if not (dest / self.folder / i["file_name"]).exists()), None)
            if absent is not None:
                raise Damage(f"{dest / self.folder / absent['file_name']} is not there")


def _annotation(found: Found, image_id: int, category: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "image_id": image_id,
        "category_id": category,
        "bbox": list(found.box),
        "area": found.area,
        "segmentation": found.mask or [],
        "iscrowd": 0,
        "score": found.score,
    }
    if found.caption:
        result["caption"] = found.caption
    return result


def _entries(dest: Path, parts: int) -> Iterator[dict[str, Any]]:
    for number in range(parts):
        with (dest / PARTS / f"{number:05d}.jsonl").open("rb") as file:
            for line in file:
                yield json.loads(line)


def _stream(file: IO[bytes], key: str, entries: Iterator[dict[str, Any]]) -> None:
    file.write(f',"{key}":['.encode())
    for number, entry in enumerate(entries):
        file.write((b",\n" if number else b"\n") + dump(entry).strip())
    file.write(b"]")
