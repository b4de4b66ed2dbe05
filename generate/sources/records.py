"""An earlier run's records: tags, boxes, masks, captions and embeddings are taken over, and steps add to them or redo
some of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelyard.generate.pipeline import build_steps
from labelyard.generate.record_json.finished import finished
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.run_folder.layout import RunFolder, is_run
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError


@dataclass(kw_only=True)
class Records(Source):
    """`path` is the run folder. The items keep their ids, and their images are read from where that run read them: what
    was found in their pixels stays as exact as it was found. `pixels=record` takes the images that the records hold
    instead, with boxes and masks as they are written there: for when the originals are gone."""

    pixels: str = "original"  # original, or record: the images that the records hold

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return is_run(path)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pixels not in ("original", "record"):
            raise UserError(f"source.pixels={self.pixels}: give original or record")
        if self.identity != "content":
            raise UserError(f"source.identity={self.identity}: the items of an earlier run keep the ids that they have")

    @cached_property
    def _run(self) -> RunFolder:
        return RunFolder.open(self.path)

    @cached_property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._run.read_run()["config"]
        return config

    def entries(self) -> Iterator[Row]:
        there = finished(self._run)
        record = next(there, None)
        for number in range(self._run.read_plan().shards):
            for item in self._run.items(number):
                if record is None or record.item.id != item.id:
                    yield Refusal(f"{self.path}, {item.label}", "is not finished in that run: quarantined or pending")
                    continue
                path, record = str(record.path), next(there, None)
                place, known = item.place, {"record": path}
                if self.pixels == "record":
                    place, known = {"file": path, "record": True}, {"record": path, "from": "record"}
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
        return ("image", "video", "caption")

    def gives(self) -> dict[str, tuple[str, ...]]:
        config = self._config["steps"]
        steps = {name: tuple(step.writes) for name, step in build_steps(list(config), config).items()}
        before = {name: tuple(fields) for name, fields in self._config.get("given", {}).items()}
        return {**before, **steps}

    def image_root(self) -> str:
        return self.root if self.root is not None else self._config["image_root"]

    def fingerprint(self) -> dict[str, Any]:
        digest, number = hashlib.blake2b(digest_size=16), 0
        for record in finished(self._run):
            number += 1
            digest.update(record.item.id.encode())
        return {"path": str(self._run.path), "records": number, "digest": digest.hexdigest()}
