"""YOLO: labels/train/ with boxes or outlines for images/train/, and data.yaml with the names of the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.exporter import Damage, Labels, Part
from labelyard.generate.exporters.common.split import Divided
from labelyard.generate.record_json.finished import Finished, Found
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils import rle
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labelyard.utils.rle import Rle

    Points = NDArray[np.int64]

Point = tuple[int, int]
AT_ONCE = 256  # points whose distances are held at the same time
MANY = 256  # pieces; in a mask of more the way to the largest one will do
RESERVED = {"path", "names", "nc", "download", "backup", "classes"}
YAML: dict[str, Any] = {"allow_unicode": True, "sort_keys": False}
SIDES = 6  # decimals of a number between 0 and 1: a thousandth of a pixel in an image of 1000


@dataclass(kw_only=True)
class Yolo(Divided):
    """Classes are numbered in the order of their first appearance.

    An outline is one polygon through the centres of a mask's outermost pixels. Pieces of a mask, and its holes, are
    joined by lines there and back: drawn again at the same size, these lines are all that is more than the mask.
    """

    segments: bool = False  # outlines instead of boxes, where there are masks

    def __post_init__(self) -> None:
        super().__post_init__()
        if taken := RESERVED & set(self.subsets()):
            raise UserError(f"'{min(taken)}' is a word of data.yaml's own. Give the subset another name")

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        for kind in ("labels", *(("images",) if self.images else ())):
            for subset in self.subsets():
                (dest / kind / subset).mkdir(exist_ok=True, parents=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        names: dict[str, list[str]] = {}
        for record, data in self.pictured(self.taken(records, part), part):
            subset = self.subset_of(record)
            if self.images:
                write_atomic(dest / "images" / subset / record.image_name(data), data, sync=False)
            size = record.size(self.original)
            text = [self._line(found, size, labels) for found in record.instances(self.wanted, self.original)]
            names.setdefault(subset, []).append(record.item.name)
            write_atomic(dest / "labels" / subset / f"{record.item.name}.txt", "".join(text).encode(), sync=False)
        part.facts["names"] = names

    def _line(self, found: Found, size: tuple[int, int], labels: Labels) -> str:
        width, height = size
        numbers: list[float] = []
        if self.segments and found.mask is not None:
            # A pixel's centre stays in that pixel whatever a reader does: cut off, or rounded at another size.
            numbers = [(at + 0.5) / side for point in outline(found.mask) for at, side in zip(point, size, strict=True)]
        if not numbers:
            x, y, w, h = found.box
            left, right = (min(max(at / width, 0.0), 1.0) for at in (x, x + w))
            top, bottom = (min(max(at / height, 0.0), 1.0) for at in (y, y + h))
            numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
            if self.segments:
                numbers = [left, top, right, top, right, bottom, left, bottom]
        return f"{labels.number(found.label)} {' '.join(f'{number:.{SIDES}f}' for number in numbers)}\n"

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        import yaml

        for subset in self.subsets():
            names = {name for part in parts for name in part.facts["names"].get(subset, ())}
            for kind in ("labels", "images"):  # whatever lies there is trained on
                for path in (dest / kind / subset).glob("*"):
                    if path.stem not in names:
                        path.unlink()
        write_atomic(dest / "data.yaml", yaml.safe_dump(self._data(parts, labels), **YAML).encode())

    def _data(self, parts: Sequence[Part], labels: Sequence[str]) -> dict[str, Any]:
        """Without a `path` the folders are sought beside this file, wherever it is moved to."""
        filled = [name for name in self.subsets() if any(part.facts["names"].get(name) for part in parts)]
        data = {name: f"images/{name}" for name in filled or self.subsets()}
        for needed in ("train", "val"):  # trainers do not begin without the two
            data.setdefault(needed, next(iter(data.values())))
        return {**data, "names": dict(enumerate(labels))}

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        import yaml

        names = yaml.safe_load((dest / "data.yaml").read_bytes())["names"]
        files = lines = 0
        for path in (path for subset in self.subsets() for path in (dest / "labels" / subset).iterdir()):
            files += 1
            for line in path.read_text().splitlines():
                lines += 1
                label, *numbers = line.split()
                well = int(label) in names and all(0 <= float(number) <= 1 for number in numbers)
                if not well or (len(numbers) != 4 if not self.segments else len(numbers) < 6 or len(numbers) % 2):
                    raise Damage(f"{path} has the line {line[:80]!r}")
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if (files, lines) != expected:
            raise Damage(f"{dest / 'labels'} has {files} files with {lines} lines, not {expected}")
        if self.images and (pictures := sum(1 for _ in (dest / "images").glob("*/*"))) != files:
            raise Damage(f"{dest / 'images'} has {pictures} images, not {files}")


def outline(mask: Rle) -> list[Point]:
    """The mask's edges as one closed path: filled by the even-odd rule, and drawn, it is the mask."""
    import cv2
    import numpy as np

    pixels = rle.decode(mask).astype(np.uint8)
    found, _ = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    pieces: list[Points] = [piece.reshape(-1, 2).astype(np.int64) for piece in found]
    if not pieces:
        return []
    pieces.sort(key=len, reverse=True)
    path: list[Point] = [(x, y) for x, y in pieces[0].tolist()]
    for piece, at, back in _bridges(pieces):
        around: list[Point] = [(x, y) for x, y in np.roll(piece, -at, axis=0).tolist()]
        place = path.index(back)
        path[place + 1 : place + 1] = [*around, around[0], back]
    path = _corners(path)
    return path if len(path) > 2 else (path * 3)[:3]  # two points are no polygon to any reader


def _corners(path: list[Point]) -> list[Point]:
    """Without the points between which it goes straight on."""
    import numpy as np

    points = np.array(path)
    coming, going = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    straight = (coming[:, 0] * going[:, 1] == coming[:, 1] * going[:, 0]) & ((coming * going).sum(axis=1) > 0)
    return [(x, y) for x, y in points[~straight].tolist()]


def _bridges(pieces: list[Points]) -> Iterator[tuple[Points, int, Point]]:
    """The pieces behind the first, each time the one next to those that are joined: from which of its points to which
    of theirs it is nearest."""
    waiting = {number: _nearest(piece, pieces[0]) for number, piece in enumerate(pieces) if number}
    while waiting:
        number = min(waiting, key=lambda key: waiting[key][0])
        _, at, back = waiting.pop(number)
        yield pieces[number], at, back
        for other, before in waiting.items() if len(pieces) <= MANY else ():
            waiting[other] = min(before, _nearest(pieces[other], pieces[number]))


def _nearest(piece: Points, others: Points) -> tuple[int, int, Point]:
    """The square of the distance, where in the piece, and the other end."""
    best: tuple[int, int, Point] | None = None
    for first in range(0, len(piece), AT_ONCE):
        squares = ((piece[first : first + AT_ONCE, None] - others[None]) ** 2).sum(axis=2)
        at, there = divmod(int(squares.argmin()), len(others))
        x, y = others[there].tolist()
        found = (int(squares[at, there]), first + at, (x, y))
        best = found if best is None else min(best, found)
    assert best is not None
    return best
