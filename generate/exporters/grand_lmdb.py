"""GranD for GLaMM's training: LMDBs of captions and of referring expressions, their lists, and the pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.exporter import Damage, Labels, Part
from labelyard.generate.exporters.common.grand_bodies import Json, body_of, caption_records, referring_records
from labelyard.generate.exporters.common.grand_names import free_name
from labelyard.generate.exporters.common.lmdb_parts import keep_only, opened, put
from labelyard.generate.exporters.common.split import Split
from labelyard.generate.exporters.common.upright import Upright
from labelyard.generate.exporters.grand import texts_named
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.atomic import replacing
from labelyard.utils.grand import SHORT
from labelyard.utils.jsons import dump

if TYPE_CHECKING:
    from lmdb import Environment

CAPTIONS, REFERRING = DATABASES = ("Grand_Caption_Grounding_lmdb", "Grand_Referring_Expression_lmdb")
TOP = "GranD_Data"
TRAIN, VAL = SPLITS = ("Train", "Val")


@dataclass(kw_only=True)
class GrandLmdb(Upright):
    """DEST is GLaMM's folder of data. A picture is under its name below images/, with a list of records.

    A picture without captions is in no list of captions, one without masks of described objects in none of referring
    expressions: GLaMM's classes would fail at it.
    """

    floating: bool = True  # phrases about objects that float, too; those have no mask there
    captions: str = ",".join(SHORT)  # the texts that are its short captions
    dense: bool = False  # the dense caption, too, in the shape of a short one
    val: float = setting(0.01, least=0, most=0.99)  # of the pictures, by the records' ids and the seed
    seed: int = 0  # another one makes another split
    # referring expressions of a picture, those of the best scores; with more GLaMM makes more boxes than questions
    per_image: int = setting(10, least=1)

    def __post_init__(self) -> None:
        texts_named(self.captions)

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        self._split = Split.of_options(f"{VAL}={self.val}" if self.val else None, self.seed, TRAIN)
        self._environments: dict[str, Environment] = {}
        for name in DATABASES:
            (dest / TOP / name).mkdir(parents=True, exist_ok=True)
            self._environments[name] = opened(dest / TOP / name)
        (dest / TOP / "images").mkdir(exist_ok=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        entries: dict[str, dict[bytes, bytes]] = {name: {} for name in DATABASES}
        keys: dict[str, dict[str, list[str]]] = {name: {split: [] for split in SPLITS} for name in DATABASES}
        for record in self.taken(records, part):
            if "original" not in record.body:
                part.leave_out(record, "has no picture")
                continue
            body = _inside(body_of(record, texts_named(self.captions), self.wanted), *record.size(original=True))
            values = {CAPTIONS: caption_records(body, self.dense), REFERRING: referring_records(body, self.per_image)}
            if not any(values.values()):
                part.leave_out(record, "has neither a caption nor an attribute of an object with a mask")
                continue
            name = free_name(record, whole=True, names=labels)
            try:
                self.place_picture(record, dest / TOP / "images" / name)
            except ItemError as error:
                part.leave_out(record, error.reason)
                continue
            for database, value in values.items():
                if value:
                    entries[database][name.encode()] = dump({name: value}).strip()
                    keys[database][self._split.of(record.item.id)].append(name)
        for database, some in entries.items():
            put(self._environments[database], some)
        part.facts["keys"] = keys

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        for database, environment in self._environments.items():
            keep_only(environment, {key.encode() for split in SPLITS for key in _keys(parts, database, split)})
            for split in SPLITS:
                with replacing(_list(dest, database, split)) as file:
                    file.writelines(key.encode() + b"\n" for key in _keys(parts, database, split))

    def files_of(self, part: Part) -> Iterable[str]:
        keys: dict[str, dict[str, list[str]]] = part.facts["keys"]
        return (f"{TOP}/images/{key}" for some in keys.values() for names in some.values() for key in names)

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        for database, check in ((CAPTIONS, _check_captions), (REFERRING, _check_referring)):
            with self._environments[database].begin() as there:
                listed = 0
                for key in (line for split in SPLITS for line in _lines(_list(dest, database, split))):
                    listed += 1
                    self._check(dest, database, key, there.get(key.encode()), check)
                if there.stat()["entries"] != listed:
                    raise Damage(f"{dest / TOP / database} has {there.stat()['entries']} keys, its lists {listed}")
        for environment in self._environments.values():
            environment.close()

    def _check(self, dest: Path, database: str, key: str, data: Any, check: Callable[[str, Json, Any], None]) -> None:
        from PIL import Image

        if data is None:
            raise Damage(f"{database} has no key {key!r}, which its list names")
        size = None
        if self.images != "none":
            try:
                with Image.open(dest / TOP / "images" / key) as image:
                    size = image.size
            except OSError as error:
                raise Damage(f"the picture of {key!r} can't be opened: {error}") from None
        found = json.loads(bytes(data))[key]
        if not found:
            raise Damage(f"{database}: {key!r} has no records")
        for one in found:
            check(key, one, size)


def _list(dest: Path, database: str, split: str) -> Path:
    return dest / TOP / database / f"{database}_{split}.txt"


def _keys(parts: Sequence[Part], database: str, split: str) -> Iterator[str]:
    return (key for part in parts for key in part.facts["keys"][database][split])


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in file)


def _inside(body: Json, width: int, height: int) -> Json:
    """With boxes that end where the picture does."""

    def clipped(box: Sequence[float]) -> list[float]:
        return [min(max(side, 0.0), float(most)) for side, most in zip(box, (width, height) * 2, strict=True)]

    body["objects"] = [{**one, "bbox": clipped(one["bbox"])} for one in body["objects"]]
    for caption in body["short_captions"]:
        caption["details"] = [{**one, "bbox": clipped(one["bbox"])} for one in caption["details"]]
    dense = body["dense_caption"]
    dense["details"] = [{**one, "bbox": [clipped(box) for box in one["bbox"]]} for one in dense["details"]]
    return body


def _check_captions(key: str, caption: Json, size: tuple[int, int] | None) -> None:
    for detail in caption["details"]:
        start, end = detail["tokens_positive"]
        if caption["caption"][start:end] != detail["phrase"]:
            raise Damage(f"{key!r}: {detail['phrase']!r} is not what stands at {start} to {end} of its caption")
        _check_place(key, detail, size)


def _check_referring(key: str, one: Json, size: tuple[int, int] | None) -> None:
    if not one["attribute"] or not one["segmentation"]:
        raise Damage(f"{key!r}: an expression without words or without a mask")
    _check_place(key, one, size)


def _check_place(key: str, one: Mapping[str, Any], size: tuple[int, int] | None) -> None:
    if size is None:
        return
    width, height = size
    x0, y0, x1, y1 = one["bbox"]
    if not (0 <= x0 <= x1 <= width and 0 <= y0 <= y1 <= height):
        raise Damage(f"{key!r}: the box {one['bbox']} is not inside its picture of {width}x{height}")
    mask = one["segmentation"]
    if mask and list(mask["size"]) != [height, width]:
        raise Damage(f"{key!r}: a mask of {mask['size']}, and a picture of {width}x{height}")
