"""COCO's JSON: images with their captions, and their instances as given boxes and masks.

The annotations of an image may stand anywhere in the file. They are put aside in a temporary file, and of each only its
image and its place there are kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.settings import transient
from labelyard.generate.source import Source, fingerprint
from labelyard.generate.sources.common.coco_lists import Aside, first_of, instance, is_id, list_of, size_of
from labelyard.utils.errors import UserError
from labelyard.utils.streams import Damaged, opened

SPANS = "tokens_positive"  # the parts of its image's caption that an annotation is about, as MDETR has them


@dataclass(kw_only=True)
class Coco(Source):
    """`path`: instances_….json or captions_….json, or the folder above `annotations/`. Images are sought beside the
    JSON, in the folder of its split (val2017/, images/val2017/) and above it.

    The first caption of an image is its caption, all of them pass through as `captions`. A pipeline that starts at
    captions finds boxes and masks; one that starts with boxes overwrites them. Where annotations say which parts of
    their image's caption they are about (MDETR's tokens_positive), these are the phrases of the text `caption`.
    """

    image_key: str = "file_name"
    split: str | None = None  # of a folder with several instances_….json: val2017, …
    captions_path: str | None = transient(None)  # captions_….json beside instances_….json
    instances: bool = True  # take boxes and masks over
    mask_key: str = "segmentation"  # of an annotation's mask, such as sam_mask
    # what divides a thing from its part in a category's name: ":" in "cup_(drink):handle"; they are told besides
    part_separator: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if Path(self.path).is_dir():
            self.path = str(self._of_folder(Path(self.path)))
        if self.captions_path is not None:
            self.captions_path = self.there("captions_path", self.captions_path)

    def _of_folder(self, folder: Path) -> Path:
        there = sorted(folder.glob("annotations/instances_*.json"))
        found = [path for path in there if self.split in (None, _split_of(path))]
        if len(found) == 1:
            return found[0]
        names = ", ".join(map(_split_of, there))
        if not there:
            raise UserError(f"source.path={folder}: no annotations/instances_….json in this folder")
        if found:
            raise UserError(
                f"source.path={folder} has several lists. Name one: source.split={_split_of(found[-1])} ({names})"
            )
        raise UserError(
            f"source.split={self.split}: {folder}/annotations has no instances_{self.split}.json, but {names}"
        )

    def image_root(self) -> str:
        if self.root is not None:
            return self.root
        path = Path(self.path).resolve()
        split, top = _split_of(path), path.parent.parent
        names = [image.get(self.image_key) for image in islice(list_of(path, "images"), 20) if isinstance(image, dict)]
        if path.parent.name == "annotations":
            for place in (path.parent, top / split, top / "images" / split, top / "images", top):
                if any((place / name).exists() for name in names if isinstance(name, str) and name):
                    return str(place)
        return super().image_root()

    @classmethod
    def recognises(cls, path: Path) -> bool:
        if path.is_dir():
            return any(path.glob("annotations/instances_*.json"))
        if not path.name.lower().endswith((".json", ".json.gz", ".json.zst")):
            return False
        with opened(path) as file:
            try:
                return file.peek(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and _is_coco(path)
            except (Damaged, UserError):  # not to be read as COCO's JSON
                return False

    def gives(self) -> dict[str, tuple[str, ...]]:
        first = next(first_of(self.readable(), "annotations"), None)
        if not self.instances or first is None or "bbox" not in first:
            return {}
        return {"coco": ("instances", "instances.mask", *(["texts.caption"] if SPANS in first else []))}

    def fingerprint(self) -> dict[str, Any]:
        captions = self._captions()
        own = super().fingerprint()
        return own if captions is None else {**own, "captions": fingerprint(str(captions), [captions])}

    def entries(self) -> Iterator[Row]:
        path = self.readable()
        labels = {entry.get("id"): entry.get("name") for entry in list_of(path, "categories")}
        with Aside(path) as found, Aside(self._captions()) as captions:
            for number, image in enumerate(list_of(path, "images")):
                where = f"{path}: image {number}"
                image_id = image.get("id") if isinstance(image, dict) else None
                if not is_id(image_id):
                    yield Refusal(where, "has no 'id' that is a number or text")
                elif found.is_taken(image_id):
                    yield Refusal(where, f"has the id {image_id} of an earlier image, which has got its annotations")
                else:
                    yield self._row(image, found.of(image_id), captions.of(image_id), labels, where)
            found.check_any_taken("annotations")
            captions.check_any_taken("captions")
            for entry in found.strangers():
                where = f"{path}: annotation {entry.get('id')}"
                yield Refusal(where, f"points to image {entry.get('image_id')}, which is not among the images")

    def _captions(self) -> Path | None:
        return None if self.captions_path is None else self.readable(Path(self.captions_path), "captions_path")

    def _row(
        self,
        image: dict[str, Any],
        annotations: list[dict[str, Any]],
        captioned: list[dict[str, Any]],
        labels: dict[Any, Any],
        where: str,
    ) -> Row:
        words = [entry["caption"] for entry in (*captioned, *annotations) if "caption" in entry and "bbox" not in entry]
        boxes = [entry for entry in annotations if "bbox" in entry]
        given = {key: value for key, value in image.items() if key not in (self.image_key, "id")}
        given["coco_id"] = image["id"]
        if words:
            given["captions"] = words
        row = self.entry({**given, **{key: image[key] for key in (self.image_key,) if key in image}}, where)
        if isinstance(row, Refusal):
            return row
        caption = row.caption or (words[0] if words and self.caption_key is not None else "")
        if not isinstance(caption, str):
            return Refusal(where, f"its caption is {caption!r:.60}, not text")
        try:
            known = self._known(image, row.caption, boxes, labels) if self.instances and boxes else None
        except (KeyError, TypeError, ValueError) as error:
            return Refusal(where, f"an annotation of it can't be used: {type(error).__name__}: {error}")
        # A file without captions says nothing about their key, so nothing is missed.
        return Entry(row.image, caption, row.given, has_caption=True, known=known)

    def _known(
        self, image: Mapping[str, Any], caption: str, boxes: Sequence[Mapping[str, Any]], labels: Mapping[Any, Any]
    ) -> dict[str, Any]:
        found = [instance(entry, labels, self.mask_key) for entry in boxes]
        for one in found if self.part_separator else ():
            if parts := _parts_of(one["label"], self.part_separator or ""):
                one["extra"] = parts
        phrases = _phrases(boxes, caption) if caption else []
        return {"instances": found, **({"phrases": phrases} if phrases else {}), **size_of(image)}


def _parts_of(label: str, separator: str) -> dict[str, str]:
    """What is a part of what; without what is said of a name in brackets: bottle_(container)."""
    names = [name.partition("_(")[0].strip() for name in label.split(separator)]
    return dict(zip(("object", "part"), names, strict=True)) if len(names) == 2 and all(names) else {}


def _phrases(boxes: Sequence[Mapping[str, Any]], caption: str) -> list[list[Any]]:
    """Each part of the caption once, with the numbers of all instances that it is about."""
    about: dict[tuple[int, int], list[int]] = {}
    for number, entry in enumerate(boxes):
        for start, end in entry.get(SPANS) or ():
            if not 0 <= start < end <= len(caption):
                raise ValueError(f"annotation {entry.get('id')} is about {start} to {end} of {len(caption)} letters")
            about.setdefault((start, end), []).append(number)
    return [[start, end, numbers] for (start, end), numbers in sorted(about.items())]


def _split_of(path: Path) -> str:
    """val2017 of instances_val2017.json."""
    return path.name.partition(".")[0].partition("_")[2]


def _is_coco(path: Path) -> bool:
    """An object whose `images` is a list."""
    return any(True for _ in first_of(path, "images"))
