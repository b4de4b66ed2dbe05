"""YOLO: a text file of boxes or outlines beside every image, and data.yaml with the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generate.exporter import Damage, Labels, Part, Pictured
from generate.finished import Finished, Found
from generate.run_folder import RunFolder
from utils import rle
from utils.atomic import write_atomic

if TYPE_CHECKING:
    from utils.rle import Rle

SIDES = 6  # decimals of a number between 0 and 1: a thousandth of a pixel in an image of 1000


@dataclass(kw_only=True)
class Yolo(Pictured):
    """Classes are numbered in the order of their first appearance.

    An outline is one polygon: of a mask in several pieces the pieces are joined by lines there and back, and holes are
    lost, as the format has it.
    """

    segments: bool = False  # outlines instead of boxes, where there are masks

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        for name in ("labels", *(("images",) if self.images else ())):
            (dest / name).mkdir(exist_ok=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        lines = 0
        for record, data in self.pictured(self.taken(records, part), part):
            if self.images:
                write_atomic(dest / "images" / record.image_name(data), data, sync=False)
            size = record.size(self.original)
            text = [self._line(found, size, labels) for found in record.instances(self.min_score, self.original)]
            lines += len(text)
            write_atomic(dest / "labels" / f"{record.item.name}.txt", "".join(text).encode(), sync=False)
        part.facts["lines"] = lines

    def _line(self, found: Found, size: tuple[int, int], labels: Labels) -> str:
        width, height = size
        numbers: list[float] = []
        if self.segments and found.mask is not None:
            numbers = [side / limit for x, y in outline(found.mask) for side, limit in ((x, width), (y, height))]
        if not numbers:
            x, y, w, h = found.box
            left, top = max(0.0, x / width), max(0.0, y / height)
            right, bottom = min(1.0, (x + w) / width), min(1.0, (y + h) / height)
            numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
            if self.segments:
                numbers = [left, top, right, top, right, bottom, left, bottom]
        return f"{labels.number(found.label)} {' '.join(f'{number:.{SIDES}f}' for number in numbers)}\n"

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        import yaml

        data = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(labels))}
        write_atomic(dest / "data.yaml", yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode())

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        import yaml

        names = yaml.safe_load((dest / "data.yaml").read_bytes())["names"]
        files = lines = 0
        for path in (dest / "labels").iterdir():
            files += 1
            for line in path.read_text().splitlines():
                lines += 1
                label, *numbers = line.split()
                well = int(label) in names and all(0 <= float(number) <= 1 for number in numbers)
                if not well or (len(numbers) != 4 if not self.segments else len(numbers) < 6 or len(numbers) % 2):
                    raise Damage(f"{path} has the line {line[:80]!r}")
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if files < expected[0] or lines < expected[1]:
            raise Damage(f"{dest / 'labels'} has {files} files with {lines} lines, not {expected}")


def outline(mask: Rle) -> list[tuple[float, float]]:
    """The mask's edge as one polygon."""
    import cv2
    import numpy as np

    pixels = rle.decode(mask).astype(np.uint8)
    found, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    pieces: list[Any] = [piece.reshape(-1, 2) for piece in found]
    pieces = [np.repeat(piece, 3, axis=0)[:3] if len(piece) < 3 else piece for piece in pieces]
    if not pieces:
        return []
    pieces.sort(key=len, reverse=True)
    first, *others = pieces
    path: list[tuple[float, float]] = [(float(x), float(y)) for x, y in first]
    for piece in others:  # from the point before to the piece, around it, and back by the same way
        back = path[-1]
        path += [(float(x), float(y)) for x, y in (*piece, piece[0])] + [back]
    return path
