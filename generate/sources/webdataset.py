"""Tars of samples, as img2dataset makes them: 000000012.jpg, 000000012.txt, 000000012.json stand one after another.

Only the headers and the small members are read here. Workers read the images where they lie in the tar.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from labelyard.generate.rows import Refusal, Row
from labelyard.generate.settings import target
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError

IMAGES = (
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "jp2", "avif", "ppm", "qoi", "image",
)  # fmt: skip
VIDEOS = ("mp4", "webm", "mov", "mkv", "avi", "m4v")
SMALL = 1 << 24  # bytes; metadata is smaller


@dataclass
class Sample:
    key: str
    images: list[tuple[str, str, int, int]] = field(default_factory=list)  # member, ending, offset, bytes
    videos: list[tuple[str, str, int, int]] = field(default_factory=list)  # likewise
    texts: dict[str, bytes] = field(default_factory=dict)
    endings: list[str] = field(default_factory=list)
    annotation: tuple[int, int] | None = None  # offset and bytes of the .json, where it is not read here


@dataclass(kw_only=True)
class Webdataset(Source):
    suffixes = (".tar",)

    name_key: str | None = None  # the key of the .json that names an image; null: its place, such as 00000.tar#12.jpg
    image_ending: str | None = None  # which member to take where a sample has several images, such as left.png
    videos: bool = False  # take videos, too
    images: list[str] | None = None  # endings of further images, such as depth.png: side images, read where they lie
    # a function (mine.boxes.take) that reads each sample's .json as an annotation, in the worker; it is not read here
    json_by: str | None = None

    def gives(self) -> dict[str, tuple[str, ...]]:
        fields = tuple(f"images.{_name_of(ending)}" for ending in self.images or [])
        fields += tuple(getattr(target(self.json_by), "gives", ())) if self.json_by is not None else ()
        return {"given": fields} if fields else {}

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() and next(path.glob("*.tar"), None) is not None

    def brings(self) -> tuple[str, ...]:
        return ("image", "video", "caption") if self.videos else ("image", "caption")

    def entries(self) -> Iterator[Row]:
        root = Path(self.image_root()).resolve()
        for path in self.files():
            file = path.resolve()
            label = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
            last = ""
            try:
                for sample in _samples(path, self.json_by is None):
                    yield self._row(sample, path, label)
                    last = sample.key
            except (tarfile.TarError, OSError) as error:
                where = f"after the sample {last}" if last else "from its beginning"
                raise UserError(
                    f"{path} can't be read as a tar, {where}: {error}. Fetch or make it again, or leave it out"
                ) from None

    def files(self) -> list[Path]:
        for path in (found := super().files()):
            with path.open("rb") as file:
                head = file.read(4)
            if head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd":
                raise UserError(
                    f"{path} is compressed as a whole, so nothing in it can be read in place. Unpack it to a .tar"
                )
        return found

    def _row(self, sample: Sample, path: Path, label: str) -> Row:
        where = f"{path}, sample {sample.key}"
        side = {image[1]: image for image in sample.images if image[1] in (self.images or ())}
        images = [image for image in sample.images if self.image_ending in (None, image[1]) and image[1] not in side]
        videos, endings = sample.videos if self.videos else [], ", ".join(sample.endings)
        if len(images) > 1:
            return Refusal(where, f"has several images ({endings}). Choose one with source.image_ending=…")
        if len(videos) > 1:
            return Refusal(where, f"has several videos ({endings})")
        try:
            given = _metadata(sample.texts.get("json"))
            if self.caption_key is not None and self.caption_key not in given and "txt" in sample.texts:
                given[self.caption_key] = sample.texts["txt"].decode("utf-8-sig").strip("\r\n")
        except UnicodeDecodeError as error:
            return Refusal(where, f"its text is not UTF-8: {error.reason} at byte {error.start}")
        except (ValueError, RecursionError) as error:
            return Refusal(where, f"its .json can't be used: {error}")
        if (lacking := self.lacking(images, videos, given.get(self.caption_key or ""))) is not None:
            return Refusal(where, f"{lacking}; its members end in {endings}")
        name = f"{label}#{images[0][0]}" if images else ""
        if images and self.name_key is not None:
            name = given.pop(self.name_key, None)
            if not isinstance(name, str) or not name:
                return Refusal(where, self.no_key("name_key", given))
        others = {key: value for key, value in given.items() if key == self.image_key}
        video = f"{label}#{videos[0][0]}" if videos else ""
        places = [{"file": label, "offset": offset, "bytes": size} for _, _, offset, size in (*images, *videos)]
        place = {**(places[0] if images else {}), **({"video": places[-1]} if videos else {})}
        given = {key: value for key, value in given.items() if key not in others}
        row = self.made(name, video, given, where)
        if isinstance(row, Refusal):
            return row
        known: dict[str, Any] = {} if images else {"file": label}
        if side:
            known["images"] = {_name_of(ending): list(image[2:]) for ending, image in side.items()}
        if sample.annotation is not None:
            known |= {"by": self.json_by, "offset": sample.annotation[0], "bytes": sample.annotation[1]}
        known = known if side or sample.annotation is not None else {}
        return replace(row, given={**row.given, **self.kept(others)}, place=place or None, known=known or None)


def _name_of(ending: str) -> str:
    return ending.rpartition(".")[0] or ending


def _samples(path: Path, read_json: bool = True) -> Iterator[Sample]:
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
        sample: Sample | None = None
        for member in tar:
            # tarfile keeps all members that it has seen, 45 MB for every hundred thousand.
            tar.members = []  # type: ignore[attr-defined]
            if not member.isreg():
                continue
            folder, _, name = member.name.rpartition("/")
            stem, _, ending = name.partition(".")
            key = f"{folder}/{stem}" if folder else stem
            if not stem or folder.rpartition("/")[2].startswith("__"):
                continue  # hidden files, and WebDataset's own notes
            if sample is None or sample.key != key:
                if sample is not None:
                    yield sample
                sample = Sample(key)
            if ending.lower() == "json" and not read_json:
                sample.annotation = (member.offset_data, member.size)
            else:
                _add(sample, tar, member, ending.lower())
        _check_end(file, tar.offset)
        if sample is not None:
            yield sample


def _add(sample: Sample, tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str) -> None:
    sample.endings.append(ending)
    if (last := ending.rpartition(".")[2]) in IMAGES or last in VIDEOS:
        kind = sample.images if last in IMAGES else sample.videos
        kind.append((member.name, ending, member.offset_data, member.size))
    elif ending in ("json", "txt") and member.size <= SMALL:
        content = tar.extractfile(member)
        assert content is not None
        sample.texts[ending] = content.read()


def _check_end(file: IO[bytes], offset: int) -> None:
    """Python's tarfile takes a damaged header for the end; a whole tar ends in a block of zeros."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"it is cut off at byte {offset}")
    if block.strip(b"\0"):
        raise tarfile.ReadError(f"the header of a member is damaged, at byte {offset}")


def _metadata(text: bytes | None) -> dict[str, Any]:
    found = {} if text is None else json.loads(text.decode("utf-8-sig"))
    if not isinstance(found, dict):
        raise ValueError("it holds no object")
    return found
