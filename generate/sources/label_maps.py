"""Pictures of labels, a number at every pixel: ADE20K, COCO-Stuff, Mapillary Vistas, or one's own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record import Instance, Record
from labelyard.generate.record_json.given import read_known
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.settings import allowing, setting, transient
from labelyard.generate.source import Source
from labelyard.generate.sources.common.input_folder import InputFolder, marks_of, refuse_run
from labelyard.utils import ade20k, cocostuff, rle
from labelyard.utils.errors import UserError
from labelyard.utils.images import UnreadableImage, decode_as_it_is

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAKE = "labelyard.generate.sources.label_maps.take"
KNOWN = {"ade20k": ade20k.NAMES, "cocostuff": cocostuff.NAMES}
USUAL = {"ade20k": (1, [0])}  # the number of the first name, and those that are nothing
ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(kw_only=True)
class LabelMaps(Source):
    """`path`: the pictures; `maps`: their maps, of the same names but for the ending. One instance a class, whose mask
    is all that has its number; with `components` one for each piece of it that hangs together."""

    caption_key: str | None = None
    maps: str = transient("???")  # the folder of maps
    names: str = "???"  # ade20k, cocostuff, a file with a name a line, or JSON: a list, or Mapillary's config
    # the number of the first name; null: 1 for ade20k, 0 for all others
    offset: int | None = setting(None, least=0, most=65535)
    # numbers that are nothing; others without a name are an error. null: 0 for ade20k, 255 for all others
    ignore: list[int] | None = field(default=None, metadata=allowing(least=0, most=65535))
    components: bool = False  # every piece is an instance of its own

    def __post_init__(self) -> None:
        super().__post_init__()
        self.maps = self.there("maps", self.maps)
        if self.names not in KNOWN:
            self.names = self.there("names", self.names)
        if self.components and find_spec("cv2") is None:
            raise UserError("source.components=true needs OpenCV. Try: pip install -e '.[formats]'")

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"label_maps": ("instances", "instances.mask")}

    def fingerprint(self) -> dict[str, Any]:
        return {**marks_of(self._top("path", self.path)), "maps": marks_of(self._top("maps", self.maps))}

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What the worker needs to know of every map, as short as can be."""
        names = self.names
        if names not in KNOWN:
            path = Path(names).resolve()
            if not path.is_file():
                raise UserError(f"source.names={names}: neither a file nor one of {', '.join(KNOWN)}")
            names = self._from_root(path)
        names_of(names, str(self.image_root()))  # raises where they can't be read
        offset, ignored = USUAL.get(self.names, (0, [255]))
        said = {
            "first": offset if self.offset is None else self.offset,
            "ignore": ignored if self.ignore is None else self.ignore,
            "components": self.components,
        }
        return {"by": TAKE, "names": names, **{key: value for key, value in said.items() if value}}

    def _from_root(self, path: Path) -> str:
        return os.path.relpath(path, self.image_root())

    def _top(self, option: str, place: str) -> Path:
        top = Path(place)
        if not top.is_dir():
            raise UserError(f"source.{option}={place}: there is no such folder (looked in {Path.cwd()})")
        return top

    def entries(self) -> Iterator[Row]:
        top, maps = self._top("path", self.path), self._top("maps", self.maps)
        refuse_run(top, "source=label_maps")
        folder, shared = InputFolder(top), self._shared
        self._left_out = folder.left_out
        for at in folder.folders():
            inside = folder.inside(at.place)
            for name in at.names:
                stem, ending = os.path.splitext(name)
                if ending.lower() not in ENDINGS:
                    folder.leave_out(name)
                    continue
                beside = maps.resolve() / f"{inside}{stem}.png"
                if beside.exists():
                    yield Entry(f"{inside}{name}", "", known={**shared, "file": self._from_root(beside)})
                else:
                    yield Refusal(f"{at.place}/{name}", f"has no map; looked for {beside}")


def take(record: Record, known: Mapping[str, Any]) -> None:
    import numpy as np

    names = names_of(known["names"], known.get("root"))
    try:
        pixels = np.asarray(decode_as_it_is(read_known(record, known)))
    except UnreadableImage as error:
        raise ItemError(f"its map can't be read: {error}: {known['file']}", record.item.id) from None
    if pixels.shape != (record.height, record.width):
        raise ItemError(
            f"a map of {pixels.shape[1]}x{pixels.shape[0]}{' with colours' * (pixels.ndim > 2)}, for an image of "
            f"{record.width}x{record.height}: {record.item.image}",
            record.item.id,
        )
    offset, ignored = known.get("first", 0), set(known.get("ignore", ()))
    record.instances = []
    for value in (int(value) for value in np.unique(pixels)):
        if value in ignored:
            continue
        if not 0 <= value - offset < len(names):
            raise ItemError(
                f"its map has the number {value}, and there are {len(names)} names from {offset} on (source.ignore "
                f"leaves numbers out): {known['file']}",
                record.item.id,
            )
        whole = pixels == value
        pieces = _pieces(whole) if known.get("components") else [whole]
        stuff = {} if known.get("components") else {"is_stuff": 1}
        record.instances += [_instance(mask, names[value - offset], stuff) for mask in pieces]


take.gives = ("instances", "instances.mask")  # type: ignore[attr-defined]


def _instance(mask: NDArray[np.bool_], label: str, extra: Mapping[str, Any]) -> Instance:
    rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Instance(box, 1.0, label, mask=rle.encode(mask), extra=dict(extra))


def _pieces(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """What hangs together, corners too, in the order of their first pixels."""
    import cv2
    import numpy as np

    number, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    for piece in range(1, number):
        yield pieces == piece


@lru_cache(maxsize=8)
def names_of(names: str, root: str | None) -> tuple[str, ...]:
    """A list that comes along, or a file of the user's."""
    if names in KNOWN:
        return KNOWN[names]
    path = resolve(names, root)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".json":
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        found = json.loads(text)
        found = found["labels"] if isinstance(found, dict) else found
        return tuple(entry if isinstance(entry, str) else entry["readable"] for entry in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"source.names={names} can't be read as a list of names: {error}") from None
