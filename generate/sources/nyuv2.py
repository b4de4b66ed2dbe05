"""NYU Depth v2: rooms with their depth, in each of the four layouts in which they are passed on."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.media import hdf5
from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record import Record, Tag
from labelyard.generate.record_json.beside import given_image
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.settings import setting, transient
from labelyard.generate.sources.common.dataset import (
    MILLIMETRES,
    Dataset,
    content,
    instance,
    is_there,
    listed,
    said,
    side,
)
from labelyard.utils.errors import UserError
from labelyard.utils.images import UnreadableImage, decode_as_it_is

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAT = "nyu_depth_v2_labeled.mat"
LAYOUTS = ("mdet", "csv", "labelled", "extracted")
DEEP = 10.0  # metres that a picture of 8 bits reaches to


@dataclass(kw_only=True)
class Nyuv2(Dataset):
    """`path` is the folder with nyu_train.txt (mdet), with data/nyu2_train.csv (csv), with nyu_images/ and nyu_depths/
    (extracted), or nyu_depth_v2_labeled.mat itself (labelled), which has labels of things, too."""

    layout: str | None = setting(None, words=LAYOUTS)  # null: by what is there
    split: str = (
        "train"  # or test; of the labelled ones splits.mat beside them says which, and without it all are taken
    )
    depth_scale: float | None = setting(None, above=0)  # of a pixel's value to a metre; null: by the layout
    depth_max: float = setting(9.9955, above=0)  # extracted: metres of the brightest pixel there is
    splits: str | None = transient(None)  # labelled: splits.mat, if it lies elsewhere

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return _layout_of(path) is not None

    def top(self) -> Path:
        path = Path(self.path)
        return path.parent if path.is_file() and path.suffix == ".mat" else super().top()

    def gives(self) -> dict[str, tuple[str, ...]]:
        labelled = ("tags", "instances", "instances.mask") if self._layout() == "labelled" else ("tags",)
        return {"nyuv2": ("images.depth", *labelled)}

    def _layout(self) -> str:
        found = self.layout or _layout_of(Path(self.path))
        if found is None:
            self.top()
            raise UserError(
                f"source.path={self.path}: neither nyu_….txt nor data/nyu2_….csv nor {MAT} nor nyu_images/ is in it"
            )
        return found

    def entries(self) -> Iterator[Row]:
        of = {"mdet": self._mdet, "csv": self._csv, "labelled": self._labelled, "extracted": self._extracted}
        return of[self._layout()]()

    def _mdet(self) -> Iterator[Row]:
        path = self.top() / f"nyu_{self.split}.txt"
        for number, line in self.lines(path):
            words, where = [word.lstrip("/") for word in line.split()], f"{path}, line {number}"
            if len(words) < 2 or words[1] == "None":
                lacking = "has no depth" if len(words) > 1 else f"{line!r:.80} is not 'IMAGE DEPTH FOCAL'"
                yield Refusal(where, lacking)
                continue
            scene = words[0].rpartition("/")[0].rpartition("/")[2]
            yield self._with_depth(words[0], words[1], scene, where, {})

    def _csv(self) -> Iterator[Row]:
        path = self.top() / "data" / f"nyu2_{self.split}.csv"
        for number, line in self.lines(path):
            words, where = next(csv.reader([line])), f"{path}, line {number}"
            if len(words) != 2:
                yield Refusal(where, f"{line!r:.80} is not 'image,depth'")
                continue
            scene = words[0].rpartition("/")[0].rpartition("/")[2]
            yield self._with_depth(words[0].lstrip("/"), words[1].lstrip("/"), scene, where, {"by_bits": True})

    def _extracted(self) -> Iterator[Row]:
        top = self.top()
        for name in listed(top / "nyu_images"):
            depth = f"nyu_depths/{name.rpartition('.')[0]}.png"
            scale = {"scale": self.depth_max / 255}
            yield self._with_depth(f"nyu_images/{name}", depth, "", f"{top}/nyu_images/{name}", scale)

    def _with_depth(self, image: str, depth: str, scene: str, where: str, more: Mapping[str, Any]) -> Row:
        stem = Path(image).stem
        known: dict[str, Any] = {"depth": depth, **more}
        if self.depth_scale is not None:
            known["scale"] = 1 / self.depth_scale
        if tag := _scene_name(scene):
            known["tag"] = tag
        return self.item(image, f"{scene}_{stem}" if tag else stem, where, known)

    def _labelled(self) -> Iterator[Row]:
        path = Path(self.path) if Path(self.path).is_file() else self.top() / MAT
        with hdf5.opened(path) as file:
            if not {"images", "depths"} <= set(file):
                raise UserError(f"{path} has no images and depths; it has {', '.join(sorted(file))}")
            count, names = int(file["images"].shape[0]), "names" in file and "labels" in file
        scenes = hdf5.texts(path, "sceneTypes") if _has(path, "sceneTypes") else []
        for row in self._rows_of_split(path, count):
            known: dict[str, Any] = {"file": path.name, "row": row, "labelled": names}
            if row < len(scenes):
                known["tag"] = said(scenes[row])
            made = self.item(f"{path.name}#{row:05d}", f"{row:05d}", f"{path}, row {row}", known)
            if isinstance(made, Entry):
                made = replace(made, place={"file": path.name, "row": row, "hdf5": "images"})
            yield made

    def _rows_of_split(self, path: Path, count: int) -> list[int]:
        splits = path.parent / "splits.mat" if self.splits is None else Path(self.there("splits", self.splits))
        if not splits.is_file():
            return list(range(count))
        from scipy.io import loadmat

        found = loadmat(splits)
        key = {"train": "trainNdxs", "test": "testNdxs"}.get(self.split)
        if key is None or key not in found:
            raise UserError(f"source.split={self.split}: {splits} has trainNdxs and testNdxs; give train or test")
        return [int(number) - 1 for number in found[key].ravel() if 0 < number <= count]


def _layout_of(path: Path) -> str | None:
    if path.is_file():
        return "labelled" if path.suffix == ".mat" and _has(path, "depths") else None
    if any(path.glob("nyu_t*.txt")):
        return "mdet"
    if any(path.glob("data/nyu2_t*.csv")):
        return "csv"
    if (path / MAT).is_file():
        return "labelled"
    return "extracted" if (path / "nyu_images").is_dir() and (path / "nyu_depths").is_dir() else None


def _has(path: Path, name: str) -> bool:
    try:
        with hdf5.opened(path) as file:
            return name in file
    except UserError:
        return False


def _scene_name(scene: str) -> str:
    """living room of living_room_0010a; nothing of what is no scene."""
    parts = scene.split("_")
    words = list(takewhile(lambda part: not part[:1].isdigit(), parts))
    return " ".join(words) if 0 < len(words) < len(parts) else ""


def take(record: Record, known: Mapping[str, Any]) -> None:
    root = known.get("root")
    record.tags = [Tag(known["tag"], 1.0)] if known.get("tag") else []
    if "depth" in known:
        meta = {**MILLIMETRES, **({"scale": known["scale"]} if "scale" in known else {})}
        if known.get("by_bits") and "scale" not in known and is_there(known["depth"], root):
            meta["scale"] = _scale_by_bits(known["depth"], root, record)
        side(record, "depth", known["depth"], root, meta)
        return
    place = {"file": known["file"], "row": known["row"], "hdf5": "depths"}
    record.images["depth"] = given_image(place, root, record.item.id, dict(MILLIMETRES))
    if known["labelled"]:
        path = resolve(known["file"], root)
        numbers = hdf5.row(path, "labels", known["row"])
        names = _names(path)
        found = sorted(set(numbers.ravel().tolist()) - {0})
        record.instances = [_thing(numbers, number, names) for number in found if number <= len(names)]


def _thing(numbers: NDArray[np.integer], number: int, names: tuple[str, ...]) -> Any:
    return instance(numbers == number, names[number - 1])


@cache
def _names(path: Path) -> tuple[str, ...]:
    return tuple(map(said, hdf5.texts(path, "names")))


def _scale_by_bits(file: str, root: str | None, record: Record) -> float:
    """A picture of 8 bits reaches to ten metres, one of 16 counts millimetres."""
    try:
        deep = decode_as_it_is(content(file, root, record)).mode.startswith("I")
    except UnreadableImage as error:
        raise ItemError(f"a depth that can't be read: {error}: {file}", record.item.id) from None
    return 0.001 if deep else DEEP / 255
