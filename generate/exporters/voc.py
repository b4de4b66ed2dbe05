"""Pascal VOC: an XML file per image; with segments, pictures of masks by class and by object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from generate.exporter import Damage, Labels, Part, Pictured
from generate.finished import Finished, Found
from generate.run_folder import RunFolder
from utils import rle
from utils.atomic import replacing, write_atomic
from utils.images import encode_png


@dataclass(kw_only=True)
class Voc(Pictured):
    """Boxes are VOC's: whole pixels counted from 1, both corners inside.

    In a picture of masks a pixel has one value, so where masks overlap the smaller lies on top; 0 is no object, 255
    the border, which is not drawn.
    """

    segments: bool = False  # pictures of the masks, too

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        folders = ["Annotations", "ImageSets/Main", *(["JPEGImages"] if self.images else [])]
        pictures = ["SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"] if self.segments else []
        for name in (*folders, *pictures):
            (dest / name).mkdir(exist_ok=True, parents=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        names = []
        for record, data in self.pictured(self.taken(records, part), part):
            name = f"{record.item.name}.jpg"
            if self.images:
                name = record.image_name(data)
                write_atomic(dest / "JPEGImages" / name, data, sync=False)
            found = record.instances(self.min_score, self.original)
            tree = self._tree(record, name, found)
            write_atomic(dest / "Annotations" / f"{record.item.name}.xml", tree, sync=False)
            for entry in found:
                labels.number(entry.label)
            if self.segments:
                self._draw(dest, record, found, labels)
            names.append(record.item.name)
        part.facts["names"] = names

    def _tree(self, record: Finished, name: str, found: Sequence[Found]) -> bytes:
        width, height = record.size(self.original)
        root = ElementTree.Element("annotation")
        for key, value in (("folder", "JPEGImages"), ("filename", name)):
            ElementTree.SubElement(root, key).text = value
        size = ElementTree.SubElement(root, "size")
        for key, number in (("width", width), ("height", height), ("depth", 3)):
            ElementTree.SubElement(size, key).text = str(number)
        ElementTree.SubElement(root, "segmented").text = str(int(self.segments))
        for entry in found:
            node = ElementTree.SubElement(root, "object")
            for key, value in (("name", entry.label), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
                ElementTree.SubElement(node, key).text = _printable(value)
            box = ElementTree.SubElement(node, "bndbox")
            for key, side in zip(("xmin", "ymin", "xmax", "ymax"), corners(entry, width, height), strict=True):
                ElementTree.SubElement(box, key).text = str(side)
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="utf-8") + b"\n"

    def _draw(self, dest: Path, record: Finished, found: Sequence[Found], labels: Labels) -> None:
        import numpy as np
        from PIL import Image

        width, height = record.size(self.original)
        objects, classes = np.zeros((height, width), np.int64), np.zeros((height, width), np.int64)
        for place, entry in sorted(enumerate(found, 1), key=lambda pair: -pair[1].area):
            if entry.mask is not None:
                mask = rle.decode(entry.mask)
                objects[mask], classes[mask] = place, labels.number(entry.label) + 1
        for folder, values in (("SegmentationObject", objects), ("SegmentationClass", classes)):
            # 8 bits as VOC has it; 16 where there are more objects or classes than these can tell apart.
            deep = values.max(initial=0) > 254
            picture = Image.fromarray(values.astype(np.uint16 if deep else np.uint8))
            if not deep:
                picture.putpalette(colours())
            write_atomic(dest / folder / f"{record.item.name}.png", encode_png(picture), sync=False)

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        for folder in ("Main", "Segmentation") if self.segments else ("Main",):
            with replacing(dest / "ImageSets" / folder / "default.txt") as file:
                file.writelines(f"{name}\n".encode() for part in parts for name in part.facts["names"])
        with replacing(dest / "labels.txt") as file:
            file.writelines(f"{_printable(label)}\n".encode() for label in labels)

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        objects = 0
        names = (dest / "ImageSets" / "Main" / "default.txt").read_text(encoding="utf-8").splitlines()
        for name in names:
            root = ElementTree.parse(dest / "Annotations" / f"{name}.xml").getroot()
            found = len(root.findall("object"))
            objects += found
            if self.segments:
                self._check_pictures(dest, name, root, found)
            if self.images and not (dest / "JPEGImages" / str(root.findtext("filename"))).exists():
                raise Damage(f"{name}.xml names {root.findtext('filename')}, which is not there")
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if (len(names), objects) != expected:
            raise Damage(f"{dest} has {len(names)} images with {objects} objects, not {expected}")

    def _check_pictures(self, dest: Path, name: str, root: ElementTree.Element, found: int) -> None:
        from PIL import Image

        size = (int(root.findtext("size/width", "0")), int(root.findtext("size/height", "0")))
        for folder in ("SegmentationObject", "SegmentationClass"):
            path = dest / folder / f"{name}.png"
            with Image.open(path) as picture:
                highest: Any = picture.getextrema()[1]
                if picture.size != size or (folder == "SegmentationObject" and highest > found):
                    raise Damage(f"{path}: {picture.size} pixels and object {highest}, not {size} and {found} objects")


def colours() -> list[int]:
    """VOC's palette: the bits of a number, three by three, are the highest bits of red, green and blue."""
    return [
        sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for number in range(256)
        for channel in range(3)
    ]


def corners(found: Found, width: int, height: int) -> tuple[int, int, int, int]:
    x, y, w, h = found.box
    left, top = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
    right, bottom = min(max(round(x + w), left + 1), width), min(max(round(y + h), top + 1), height)
    return left + 1, top + 1, right, bottom


def _printable(text: str) -> str:
    """XML has no place for control characters."""
    return "".join(c if c.isprintable() else " " for c in text)
