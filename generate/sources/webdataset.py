"""Tars of samples, as img2dataset makes them: 000000012.jpg, 000000012.txt, 000000012.json stand one after another.

Only the headers and the small members are read here. Workers read the images where they lie in the tar.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelyard.generate.rows import Refusal, Row
from labelyard.generate.settings import target
from labelyard.generate.source import Source
from labelyard.generate.sources.common.tar_samples import Sample, damaged, readable_in_place, samples


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
                for sample in samples(path, self.json_by is None):
                    yield self._row(sample, path, label)
                    last = sample.key
            except (tarfile.TarError, OSError) as error:
                raise damaged(path, last, error) from None

    def files(self) -> list[Path]:
        return [readable_in_place(path) for path in super().files()]

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


def _metadata(text: bytes | None) -> dict[str, Any]:
    found = {} if text is None else json.loads(text.decode("utf-8-sig"))
    if not isinstance(found, dict):
        raise ValueError("it holds no object")
    return found
