"""Pascal VOC: an XML file per image; with segments, pictures of masks by class and by object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from labelyard.generate.exporter import Damage, Labels, Part
from labelyard.generate.exporters.common.coded import CODINGS, coded
from labelyard.generate.exporters.common.split import Divided
from labelyard.generate.record_json.finished import Finished, Found
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils import rle
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.images import encode_png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

BACKGROUND = "background"
HIGHEST = 254  # of a picture with a palette; 255 is VOC's border
BITS = 8  # of red, green and blue each


@dataclass(kw_only=True)
class Voc(Divided):
    """Boxes are VOC's: whole pixels counted from 1, both corners inside.

    In a picture of masks a pixel has one value, so where masks overlap the smaller lies on top; 0 is no object, 255
    the border, which is not drawn. A pixel's colour is VOC's for its number, and labelmap.txt has those of the classes.
    """

    segments: bool = False  # pictures of the masks, too
    # jpg: as VOC's readers want it, others anew as JPEG of quality 95; png: all without loss; original: as found
    image: str = setting("jpg", words=CODINGS)

    def begin(self, dest: Path, run: RunFolder) -> None:
        super().begin(dest, run)
        folders = ["Annotations", "ImageSets/Main", *(["JPEGImages"] if self.images else [])]
        pictures = ["SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"] if self.segments else []
        for name in (*folders, *pictures):
            (dest / name).mkdir(exist_ok=True, parents=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        names: dict[str, list[str]] = {}
        for record, data in self.pictured(self.taken(records, part), part):
            name = f"{record.item.name}.jpg"
            if self.images:
                data = coded(data, self.image)
                name = record.image_name(data)
                write_atomic(dest / "JPEGImages" / name, data, sync=False)
            found = record.instances(self.wanted, self.original)
            tree = self._tree(record, name, found)
            write_atomic(dest / "Annotations" / f"{record.item.name}.xml", tree, sync=False)
            for entry in found:
                labels.number(class_name(entry.label))
            if self.segments:
                self._draw(dest, record, found, labels)
            names.setdefault(self.subset_of(record), []).append(record.item.name)
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
            label = class_name(entry.label)
            for key, value in (("name", label), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
                ElementTree.SubElement(node, key).text = value
            box = ElementTree.SubElement(node, "bndbox")
            for key, side in zip(("xmin", "ymin", "xmax", "ymax"), corners(entry, width, height), strict=True):
                ElementTree.SubElement(box, key).text = str(side)
        ElementTree.indent(root)
        text: bytes = ElementTree.tostring(root, encoding="utf-8")
        return text + b"\n"

    def _draw(self, dest: Path, record: Finished, found: Sequence[Found], labels: Labels) -> None:
        import numpy as np

        width, height = record.size(self.original)
        objects, classes = np.zeros((height, width), np.int64), np.zeros((height, width), np.int64)
        for place, entry in sorted(enumerate(found, 1), key=lambda pair: -pair[1].area):
            if entry.mask is not None:
                mask = rle.decode(entry.mask)
                objects[mask], classes[mask] = place, labels.number(class_name(entry.label)) + 1
        for folder, values in (("SegmentationObject", objects), ("SegmentationClass", classes)):
            data = encode_png(painted(values))
            write_atomic(dest / folder / f"{record.item.name}.png", data, sync=False)

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        for folder in ("Main", "Segmentation") if self.segments else ("Main",):
            for subset in self.subsets():
                with replacing(dest / "ImageSets" / folder / f"{subset}.txt") as file:
                    file.writelines(f"{name}\n".encode() for name in _names(parts, subset))
        with replacing(dest / "labelmap.txt") as file:
            file.write(b"# label:color_rgb:parts:actions\n")
            for number, label in enumerate((BACKGROUND, *labels)):
                red, green, blue = colour(number)
                file.write(f"{label}:{red},{green},{blue}::\n".encode())

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        objects = 0
        names = [
            name
            for subset in self.subsets()
            for name in (dest / "ImageSets" / "Main" / f"{subset}.txt").read_text(encoding="utf-8").splitlines()
        ]
        known = {line.split(":")[0] for line in (dest / "labelmap.txt").read_text(encoding="utf-8").splitlines()}
        for name in names:
            root = ElementTree.parse(dest / "Annotations" / f"{name}.xml").getroot()
            found = root.findall("object")
            objects += len(found)
            for label in (str(entry.findtext("name")) for entry in found):
                if label not in known:
                    raise Damage(f"{name}.xml names '{label}', which is not in labelmap.txt")
            if self.segments:
                self._check_pictures(dest, name, root, len(found))
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
                highest = int(numbers(picture).max(initial=0))
                if picture.size != size or (folder == "SegmentationObject" and highest > found):
                    raise Damage(f"{path}: {picture.size} pixels and object {highest}, not {size} and {found} objects")


def painted(values: NDArray[np.int64]) -> Image:
    """With a palette, as VOC has it; in the same colours without one where that has too few."""
    import numpy as np
    from PIL import Image

    if values.max(initial=0) > HIGHEST:
        return Image.fromarray(_colours(values))
    picture = Image.fromarray(values.astype(np.uint8))
    picture.putpalette(_colours(np.arange(256)).tobytes())
    return picture


def numbers(picture: Image) -> NDArray[np.int64]:
    """What was painted."""
    import numpy as np

    pixels = np.asarray(picture).astype(np.int64)
    if pixels.ndim == 2:
        return pixels
    found = np.zeros(pixels.shape[:2], np.int64)
    for bit in range(BITS):
        for channel in range(3):
            found |= (pixels[..., channel] >> (BITS - 1 - bit) & 1) << (3 * bit + channel)
    return found


def _colours(values: NDArray[np.int64]) -> NDArray[np.uint8]:
    """VOC's: the bits of a number, three by three, are the highest bits of red, green and blue."""
    import numpy as np

    result = np.zeros((*values.shape, 3), np.uint8)
    for bit in range(BITS):
        for channel in range(3):
            result[..., channel] |= ((values >> (3 * bit + channel) & 1) << (BITS - 1 - bit)).astype(np.uint8)
    return result


def colour(number: int) -> list[int]:
    import numpy as np

    found: Any = _colours(np.array(number)).tolist()
    return list(found)


def corners(found: Found, width: int, height: int) -> tuple[int, int, int, int]:
    x, y, w, h = found.box
    left, top = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
    right, bottom = min(max(round(x + w), left + 1), width), min(max(round(y + h), top + 1), height)
    return left + 1, top + 1, right, bottom


def class_name(label: str) -> str:
    """As both files can say it: XML has no place for control characters, a line of labelmap.txt none for a colon or a
    leading '#', and 'background' is no object's."""
    name = " ".join("".join(c if c.isprintable() and c != ":" else " " for c in label).split()).lstrip("# ")
    return name if name not in ("", BACKGROUND) else f"{name} object".strip()


def _names(parts: Sequence[Part], subset: str) -> Iterator[str]:
    return (name for part in parts for name in part.facts["names"].get(subset, ()))
