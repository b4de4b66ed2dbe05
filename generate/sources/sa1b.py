"""SA-1B: pictures, and beside each a .json with its masks, in folders or in the tars in which they come.

The plan names a .json by its place. A worker reads it, and the masks are kept aside as `sa1b`.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Aside, Instance, Record
from labelyard.generate.record_json.given import read_known
from labelyard.generate.record_json.given_masks import check_size, mask_of
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.source import Source
from labelyard.generate.sources.common.input_folder import InputFolder, marks_of, refuse_run
from labelyard.generate.sources.common.tar_samples import damaged, readable_in_place, samples

NAME = "sa1b"
TAKE = "labelyard.generate.sources.sa1b.take"
ENDINGS = (".jpg", ".jpeg", ".png")
TOLD = ("predicted_iou", "stability_score")  # of a mask, besides


@dataclass(kw_only=True)
class Sa1b(Source):
    """`path`: a folder of pictures and .json files, or of tars; or a pattern of tars."""

    suffixes = (".tar",)  # of what is looked for in a folder; source=auto takes tars for those of webdataset

    caption_key: str | None = None

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {NAME: (f"aside.{NAME}",)}

    def entries(self) -> Iterator[Row]:
        yield from self._in_tars() if self._is_tars() else self._in_folder()

    def _is_tars(self) -> bool:
        path = Path(self.path)
        if not path.is_dir():
            return True
        endings = (os.path.splitext(name)[1].lower() for at in InputFolder(path).folders() for name in at.names)
        return next((ending for ending in endings if ending in (".tar", *ENDINGS)), None) == ".tar"

    def files(self) -> list[Path]:
        return [readable_in_place(path) for path in super().files()]

    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() if self._is_tars() else marks_of(Path(self.path))

    def _in_folder(self) -> Iterator[Row]:
        refuse_run(Path(self.path), f"source={NAME}")
        folder = InputFolder(self.path)
        self._left_out = folder.left_out
        for at in folder.folders():
            there, inside = set(at.names), folder.inside(at.place)
            for name in at.names:
                stem, ending = os.path.splitext(name)
                if ending.lower() in ENDINGS:
                    beside = f"{stem}.json" in there
                    yield self._row(f"{inside}{name}", f"{at.place}/{name}", {"by": TAKE} if beside else None)
                elif ending != ".json":
                    folder.leave_out(name)

    def _in_tars(self) -> Iterator[Row]:
        root = Path(self.image_root()).resolve()
        for path in self.files():
            file, last = path.resolve(), ""
            label = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
            try:
                for sample in samples(path, read_json=False):
                    last, where = sample.key, f"{path}, sample {sample.key}"
                    if len(sample.images) != 1:
                        yield Refusal(where, f"has {len(sample.images)} images, not one")
                        continue
                    member, _, offset, size = sample.images[0]
                    known = None
                    if sample.annotation is not None:
                        known = {"by": TAKE, "offset": sample.annotation[0], "bytes": sample.annotation[1]}
                    place = {"file": label, "offset": offset, "bytes": size}
                    yield self._row(f"{label}#{member}", where, known, place)
            except (tarfile.TarError, OSError) as error:
                raise damaged(path, last, error) from None

    def _row(
        self, image: str, where: str, known: Mapping[str, Any] | None, place: Mapping[str, Any] | None = None
    ) -> Row:
        if known is None:
            return Refusal(where, "has no .json beside it, so none of its masks is known")
        return Entry(image, "", place=place, known=known)


def take(record: Record, known: Mapping[str, Any]) -> None:
    place = known if known.keys() & {"file"} else {**known, "file": os.path.splitext(record.item.image)[0] + ".json"}
    try:
        body = json.loads(read_known(record, place))
        image, found = body["image"], body["annotations"]
        check_size((image["width"], image["height"]), record)
        record.aside[NAME] = Aside(instances=[_instance(entry, record) for entry in found])
    except (ValueError, KeyError, TypeError) as error:
        raise ItemError(
            f"its .json is none of SA-1B's: {type(error).__name__}: {error}: {record.item.image}", record.item.id
        ) from None


take.gives = (f"aside.{NAME}",)  # type: ignore[attr-defined]


def _instance(entry: Mapping[str, Any], record: Record) -> Instance:
    """Masks of SA-1B have no labels."""
    x, y, width, height = map(float, entry["bbox"])
    return Instance(
        (x, y, x + width, y + height),
        float(entry["predicted_iou"]),
        "",
        mask=mask_of(entry["segmentation"], record),
        extra={key: entry[key] for key in TOLD if key in entry},
    )
