"""COCO: annotations/instances_train.json with masks as run lengths, captions_train.json, and images/train/."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labelyard.generate.exporter import Damage, Labels, Part, Pictured
from labelyard.generate.exporters.common.split import Divided
from labelyard.generate.record_json.finished import Finished, Found
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.jsons import dump

PARTS = ".parts"  # what each part adds to the lists, kept for the next time


@dataclass(frozen=True)
class Places:
    """Of one subset, as seen from the destination."""

    instances: str
    captions: str
    images: str


@dataclass(kw_only=True)
class CocoJson(Pictured):
    """An image's id is its data_id plus one; its own id, the instances' captions and what second opinions say of them
    stand beside COCO's keys."""

    def places(self) -> dict[str, Places]:
        """Of every subset by its name."""
        raise NotImplementedError

    def subset_of(self, record: Finished) -> str:
        raise NotImplementedError

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        (dest / PARTS).mkdir(exist_ok=True)
        for places in self.places().values():
            # The folder of images is there without images, too: importers look for it before they look into the JSON.
            for folder in (dest / places.images, (dest / places.instances).parent):
                folder.mkdir(exist_ok=True, parents=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        lines, places = [], self.places()
        for record, data in self.pictured(self.taken(records, part), part):
            name, subset = record.item.image, self.subset_of(record)
            if self.images:
                name = record.image_name(data)
                write_atomic(dest / places[subset].images / name, data, sync=False)
            lines.append(dump({"subset": subset, **self._entry(record, name, labels)}))
        write_atomic(dest / PARTS / f"{number:05d}.jsonl", b"".join(lines))

    def _entry(self, record: Finished, name: str, labels: Labels) -> dict[str, Any]:
        width, height = record.size(self.original)
        image_id = record.item.index + 1
        found = record.instances(self.wanted, self.original)
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
        for subset, places in self.places().items():
            self._end(dest, places, Entries(dest, len(parts), subset), labels)

    def _end(self, dest: Path, places: Places, entries: Entries, labels: Sequence[str]) -> None:
        categories = [{"id": number, "name": label, "supercategory": ""} for number, label in enumerate(labels, 1)]
        with replacing(dest / places.instances) as file:
            file.write(b'{"info":{"description":"made by Labelyard"},"licenses":[],"categories":')
            file.write(dump(categories).strip())
            _stream(file, "images", (entry["image"] for entry in entries))
            annotations = (entry for both in entries for entry in both["annotations"])
            _stream(file, "annotations", ({"id": number, **entry} for number, entry in enumerate(annotations, 1)))
            file.write(b"}\n")
        captioned = (entry["image"] for entry in entries if entry["image"]["caption"])
        with replacing(dest / places.captions) as file:
            file.write(b'{"info":{"description":"made by Labelyard"},"licenses":[],"type":"captions"')
            _stream(file, "images", (entry["image"] for entry in entries))
            captions = ({"id": n, "image_id": i["id"], "caption": i["caption"]} for n, i in enumerate(captioned, 1))
            _stream(file, "annotations", captions)
            file.write(b"}\n")

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        images = instances = 0
        for places in self.places().values():
            found = self._check(dest, places)
            images, instances = images + found[0], instances + found[1]
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if (images, instances) != expected:
            raise Damage(f"pycocotools reads {images} images and {instances} instances, not {expected}")

    def _check(self, dest: Path, places: Places) -> tuple[int, int]:
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            read, captions = COCO(str(dest / places.instances)), COCO(str(dest / places.captions))
        if len(captions.imgs) != len(read.imgs):
            raise Damage(f"{dest / places.captions} has {len(captions.imgs)} images, not {len(read.imgs)}")
        for annotation in read.anns.values():
            if annotation["segmentation"] and int(read.annToMask(annotation).sum()) != annotation["area"]:
                raise Damage(f"the mask of annotation {annotation['id']} does not decode to its area")
        if self.images:
            absent = next((i for i in read.imgs.values() if not (dest / places.images / i["file_name"]).exists()), None)
            if absent is not None:
                raise Damage(f"{dest / places.images / absent['file_name']} is not there")
        return len(read.imgs), len(read.anns)


@dataclass(kw_only=True)
class Coco(Divided, CocoJson):
    """The folders are those in which COCO itself comes, and where CVAT's and others' importers look."""

    def places(self) -> dict[str, Places]:
        return {
            name: Places(f"annotations/instances_{name}.json", f"annotations/captions_{name}.json", f"images/{name}")
            for name in self.subsets()
        }


class Entries:
    """What all parts say of one subset, from the disk each time it is gone through."""

    def __init__(self, dest: Path, parts: int, subset: str) -> None:
        self._dest, self._parts, self._subset = dest, parts, subset

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(self._parts):
            with (self._dest / PARTS / f"{number:05d}.jsonl").open("rb") as file:
                for line in file:
                    entry = json.loads(line)
                    if entry["subset"] == self._subset:
                        yield entry


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
    if found.agreement:
        result["agreement"] = dict(found.agreement)
    return result


def _stream(file: IO[bytes], key: str, entries: Iterator[dict[str, Any]]) -> None:
    file.write(f',"{key}":['.encode())
    for number, entry in enumerate(entries):
        file.write((b",\n" if number else b"\n") + dump(entry).strip())
    file.write(b"]")
