"""An earlier run's records: tags, boxes, masks, captions and embeddings are taken over, and steps add to them or redo
some of them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelyard.generate.record import Item
from labelyard.generate.record_json.chosen import Choice
from labelyard.generate.record_json.embeddings import refuse_without_images
from labelyard.generate.record_json.finished import finished
from labelyard.generate.record_json.join import clash, made_by
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.run_folder.layout import RunFolder, is_run
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError


@dataclass(kw_only=True)
class Records(Source):
    """`path` is the run folder. The items keep their ids, and their images are read from where that run read them: what
    was found in their pixels stays as exact as it was found. `pixels=record` takes the images that the records hold
    instead, with boxes and masks as they are written there: for when the originals are gone. With `join` each field is
    taken from the run that made it; an item has to be finished in all of them. `image`, `caption` and `video` name what
    that run has found and steps are to look at from here on, in the place of the item's own."""

    peeked = None  # of a run it may be the first thousands that are in quarantine

    pixels: str = "original"  # original, or record: the images that the records hold
    join: list[str] | None = None  # further runs on the same items: what their steps have found is added
    # what steps look at in the place of the item's own image: images.NAME, given.KEY (a location in the list), or none
    image: str | None = None
    caption: str | None = None  # likewise its text: texts.NAME, given.KEY, or none
    video: str | None = None  # likewise its video: clips.NAME, given.KEY, or none
    copies: bool = (
        True  # false: images that the steps of that run made are left there, and the new records point to them
    )

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return is_run(path)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pixels not in ("original", "record"):
            raise UserError(f"source.pixels={self.pixels}: give original or record")
        if self.pixels == "record" and self.image is not None:
            raise UserError(
                f"source.image={self.image}: with source.pixels=record the image is the record's. Leave one out"
            )
        if self.identity != "content":
            raise UserError(f"source.identity={self.identity}: the items of an earlier run keep the ids that they have")

    @property
    def choice(self) -> Choice:
        return Choice(self.image, self.caption, self.video)

    @cached_property
    def _run(self) -> RunFolder:
        return RunFolder.open(self.path)

    @cached_property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._run.read_run()["config"]
        return config

    @cached_property
    def _joined(self) -> list[RunFolder]:
        runs = [RunFolder.open(self.there("join", path)) for path in self.join or []]
        whole = {self._run.path: dict(self.gives_of(self._run))}
        for run in runs:
            if run.path in whole:
                raise UserError(f"source.join names {run.path} twice, or the run that is source.path")
            for path, steps in whole.items():
                _check_clash(path, steps, run.path, made_by(run.path))
            whole[run.path] = made_by(run.path)
        return runs

    def gives_of(self, run: RunFolder) -> dict[str, tuple[str, ...]]:
        before = {name: tuple(fields) for name, fields in run.read_run()["config"].get("given", {}).items()}
        return {**before, **made_by(run.path)}

    def entries(self) -> Iterator[Row]:
        self.choice.check(field for fields in self._all_gives().values() for field in fields)
        more = {**self.choice.said, **({} if self.copies else {"stay": True})}
        if self.pixels == "record":
            refuse_without_images(self._run, "Give source.pixels=original")
        others = [Finishings(run) for run in self._joined]
        there = finished(self._run)
        record = next(there, None)
        for number in range(self._run.read_plan().shards):
            for item in self._run.items(number):
                if record is None or record.item.id != item.id:
                    yield Refusal(f"{self.path}, {item.label}", "is not finished in that run: quarantined or pending")
                    continue
                path, record = str(record.path), next(there, None)
                found = [other.of(item) for other in others]
                if None in found:
                    run = self._joined[found.index(None)].path
                    yield Refusal(f"{self.path}, {item.label}", f"is not finished in {run}, which source.join names")
                    continue
                place: Mapping[str, Any] | None = item.place
                known: dict[str, Any] = {"record": path, **more}
                if self.pixels == "record":
                    place, known = {"file": path, "record": True}, {"record": path, "from": "record", **more}
                if found:
                    known["join"] = list(map(str, found))
                yield Entry(
                    item.image,
                    item.caption,
                    self.kept(dict(item.given)),
                    place=place,
                    known=known,
                    id=item.id,
                    video=item.video,
                )

    def brings(self) -> tuple[str, ...]:
        return self.choice.brings(("image", "video", "caption"))

    def gives(self) -> dict[str, tuple[str, ...]]:
        return self.choice.gives(self._all_gives())

    def _all_gives(self) -> dict[str, tuple[str, ...]]:
        gives = self.gives_of(self._run)
        for run in self._joined:
            gives |= made_by(run.path)
        return gives

    def image_root(self) -> str:
        return self.root if self.root is not None else self._config["image_root"]

    def fingerprint(self) -> dict[str, Any]:
        digest, number = hashlib.blake2b(digest_size=16), 0
        for run in (self._run, *self._joined):
            for record in finished(run):
                number += 1
                digest.update(record.item.id.encode())
        return {"path": str(self._run.path), "records": number, "digest": digest.hexdigest()}


class Finishings:
    """In which shard of a run each item's record lies, in the 12 bytes that an item takes."""

    def __init__(self, run: RunFolder) -> None:
        import numpy as np

        self._run = run
        ids, shards = array("Q"), array("I")
        for record in finished(run):
            ids.append(int(record.item.id, 16))
            shards.append(int(record.path.parent.name))
        order = np.argsort(np.frombuffer(ids, np.uint64), kind="stable") if ids else np.zeros(0, np.int64)
        self._ids = np.frombuffer(ids, np.uint64)[order] if ids else np.zeros(0, np.uint64)
        self._shards = np.frombuffer(shards, np.uint32)[order] if ids else np.zeros(0, np.uint32)

    def of(self, item: Item) -> Path | None:
        """Its record; None where it has none there."""
        number = int(item.id, 16)
        at = int(self._ids.searchsorted(self._ids.dtype.type(number)))
        if at == len(self._ids) or int(self._ids[at]) != number:
            return None
        path = self._run.record(int(self._shards[at]), item)
        return path if path.exists() else None


def _check_clash(
    one: Path, steps: Mapping[str, tuple[str, ...]], other: Path, others: Mapping[str, tuple[str, ...]]
) -> None:
    """What two runs have found under one name can't both be taken, and neither is better than the other."""
    for name, fields in others.items():
        if name in steps:
            raise UserError(f"{one} and {other} both have a step '{name}'. Leave one out of source.join")
        for field in fields:
            for before, written in steps.items():
                if any(clash(earlier, field) for earlier in written):
                    raise UserError(
                        f"{one} (its step '{before}') and {other} (its step '{name}') both write {field}: which is "
                        "meant? Leave one out of source.join, or keep one apart in its run (aside=true)"
                    )
