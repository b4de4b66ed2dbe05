"""Grounded captions as GLaMM trains on them: GranDf_HA_GCG_train.json, pictures, and files for its evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.exporter import Damage, Labels, Part
from labelyard.generate.exporters.common.grand_names import free_name
from labelyard.generate.exporters.common.grounded import Grounded, apart, moved, plain_caption, union
from labelyard.generate.exporters.common.split import Split
from labelyard.generate.exporters.common.upright import Upright
from labelyard.generate.phrases import ABOUT
from labelyard.generate.record_json.body import newer, original_mask
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.grand import DENSE
from labelyard.utils.jsons import dump

PARTS = ".parts"  # what each part adds to the lists, kept for the next time
TRAIN, VAL, TEST = "train", "val", "test"
LIST = "GranDf/annotations/train/GranDf_HA_GCG_train.json"
PICTURES = "GranDf/GranDf_HA_images"
EVALUATION = Path("GranDf/annotations/val_test")
Line = dict[str, Any]


@dataclass(kw_only=True)
class Gcg(Upright):
    """DEST is GLaMM's folder of data, or what is linked there. Of each record one text, with the masks of what its
    phrases are about; a record without any such phrase is left out, since GLaMM would look for another for ever."""

    caption: str = DENSE  # which of the texts
    eval: bool = False  # files for its evaluation: of what val and test take; without these of all, as val
    val: float = setting(0.0, least=0, most=0.9)  # of the records, by their ids and the seed
    test: float = setting(0.0, least=0, most=0.9)  # likewise
    seed: int = 0  # another one makes another split

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        shares = ",".join(f"{name}={share}" for name, share in ((VAL, self.val), (TEST, self.test)) if share)
        self._split = Split.of_options(shares or None, self.seed, TRAIN)
        evaluation = [str(EVALUATION)] if self._evaluated() else []
        for folder in (PARTS, f"{PICTURES}/train", str(Path(LIST).parent), *evaluation):
            (dest / folder).mkdir(parents=True, exist_ok=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        lines: list[bytes] = []
        pictures = part.facts["pictures"] = list[str]()
        for record in self.taken(records, part):
            caption, found = self._grounded(record)
            if not found:
                part.leave_out(record, f"no phrase of its text '{self.caption}' has a mask")
                continue
            name, subset = free_name(record, whole=False, names=labels), self._split.of(record.item.id)
            try:
                for folder in self._folders(subset):
                    self.place_picture(record, dest / PICTURES / folder / name)
                    pictures.append(f"{PICTURES}/{folder}/{name}")
            except ItemError as error:
                part.leave_out(record, error.reason)
                continue
            groundings = {one.in_text(caption): _grounding(one) for one in found}
            item = {"file_name": name, "image_id": Path(name).stem, "caption": caption, "groundings": groundings}
            lines.append(dump({"subset": subset, "item": item}))
        write_atomic(dest / PARTS / f"{number:05d}.jsonl", b"".join(lines))

    def files_of(self, part: Part) -> Iterable[str]:
        pictures: list[str] = part.facts.get("pictures", [])
        return pictures

    def _folders(self, subset: str) -> list[str]:
        if subset != TRAIN:
            return ["val_test"]
        return ["train", "val_test"] if self.eval and not (self.val or self.test) else ["train"]

    def _grounded(self, record: Finished) -> tuple[str, list[Grounded]]:
        """The caption as GLaMM will have it, and its phrases that have a mask."""
        text = newer(record.body, "texts").get(self.caption)
        if text is None:
            return "", []
        masks = {}
        for entry in record.annotations:
            mask = original_mask(record.body, entry)
            if mask is not None and self.wanted.takes(entry):
                masks[entry["id"]] = mask
        there = [
            Grounded(phrase["start"], phrase["end"], mask)
            for phrase in text.get("phrases", ())
            if (mask := union([masks[number] for number in phrase[ABOUT] if number in masks])) is not None
        ]
        caption, lost = plain_caption(text["text"])
        return caption, apart(moved(there, caption, lost), caption)

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        lines = Lines(dest, len(parts))
        trained = Items(lines, TRAIN)
        if next(iter(trained), None) is None:  # GLaMM would look for a first one for ever
            (dest / LIST).unlink(missing_ok=True)
        else:
            with replacing(dest / LIST) as file:
                _list(file, trained)
        for split in self._evaluated():
            some = Items(lines, self._subset_of(split))
            with replacing(dest / EVALUATION / f"{split}_gcg_coco_caption_gt.json") as file:
                _coco(file, some, _captions(some))
            with replacing(dest / EVALUATION / f"{split}_gcg_coco_mask_gt.json") as file:
                _coco(file, some, _masks(some), categories=[{"id": 1, "name": "object"}])

    def _evaluated(self) -> list[str]:
        if self.val or self.test:
            return [name for name, share in ((VAL, self.val), (TEST, self.test)) if share]
        return [VAL] if self.eval else []

    def _subset_of(self, split: str) -> str:
        return split if self.val or self.test else TRAIN

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        number = 0
        for line in Lines(dest, len(parts)):
            number += 1
            self._check(dest, line["item"], self._folders(line["subset"]))
        if number != sum(part.records for part in parts):
            raise Damage(f"{dest} has {number} captions, not {sum(part.records for part in parts)}")
        if (dest / LIST).exists():
            with (dest / LIST).open("rb") as file:
                json.load(file)

    def told(self, dest: Path) -> list[str]:
        return [] if (dest / LIST).exists() else [f"nothing to train on, so {LIST} is not written"]

    def _check(self, dest: Path, item: Line, folders: Iterable[str]) -> None:
        from PIL import Image

        sizes = {tuple(one["rle_masks"][0]["size"]) for one in item["groundings"].values()}
        caption, ends = item["caption"], 0
        if caption.strip('"').strip() != caption:
            raise Damage(f"{item['file_name']}: GLaMM would strip its caption, {caption!r}")
        for phrase, one in sorted(item["groundings"].items(), key=lambda pair: pair[1]["token_positives"][0]):
            start, end = one["token_positives"]
            if caption[start:end] != phrase or start < ends:
                raise Damage(f"{item['file_name']}: {phrase!r} is not at {start} to {end}, or overlaps another")
            ends = end
        for folder in folders if self.images != "none" else ():
            with Image.open(dest / PICTURES / folder / item["file_name"]) as image:
                turned = image.getexif().get(0x0112, 1) != 1
                if turned or {(image.height, image.width)} != sizes:
                    raise Damage(f"{item['file_name']}: a picture of {image.size}, turned or not, and masks of {sizes}")


class Lines:
    """What all parts say, from the disk each time it is gone through."""

    def __init__(self, dest: Path, parts: int) -> None:
        self._paths = [dest / PARTS / f"{number:05d}.jsonl" for number in range(parts)]

    def __iter__(self) -> Iterator[Line]:
        for path in self._paths:
            with path.open("rb") as file:
                yield from map(json.loads, file)


class Items:
    def __init__(self, lines: Lines, subset: str) -> None:
        self._lines, self._subset = lines, subset

    def __iter__(self) -> Iterator[Line]:
        return (line["item"] for line in self._lines if line["subset"] == self._subset)


def _list(file: IO[bytes], entries: Iterable[Any]) -> None:
    file.write(b"[")
    for number, entry in enumerate(entries):
        file.write((b",\n" if number else b"\n") + dump(entry).strip())
    file.write(b"\n]\n")


def _coco(file: IO[bytes], items: Items, annotations: Iterable[Any], **more: Any) -> None:
    file.write(b'{"images":')
    _list(file, ({"id": item["image_id"], "file_name": item["file_name"], **_size(item)} for item in items))
    file.write(b',"annotations":')
    _list(file, annotations)
    for key, value in more.items():
        file.write(f',"{key}":'.encode() + dump(value).strip())
    file.write(b"}\n")


def _size(item: Line) -> dict[str, int]:
    height, width = next(iter(item["groundings"].values()))["rle_masks"][0]["size"]
    return {"width": width, "height": height}


def _captions(items: Items) -> Iterator[Line]:
    for number, item in enumerate(items, 1):
        labels = list(item["groundings"])
        yield {"id": number, "image_id": item["image_id"], "caption": item["caption"], "labels": labels}


def _masks(items: Items) -> Iterator[Line]:
    """In the order of the labels."""
    from pycocotools import mask as coco

    number = 0
    for item in items:
        for one in item["groundings"].values():
            number += 1
            (mask,) = one["rle_masks"]
            code = {**mask, "counts": mask["counts"].encode("ascii")}
            yield {
                "id": number,
                "image_id": item["image_id"],
                "bbox": coco.toBbox(code).tolist(),
                "area": int(coco.area(code)),
                "segmentation": mask,
                "iscrowd": 0,
                "category_id": 1,
            }


def _grounding(one: Grounded) -> Line:
    return {"token_positives": [one.start, one.end], "rle_masks": [one.mask]}
