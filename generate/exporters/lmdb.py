"""LMDB: a record's JSON under its image's file name. keys.txt lists the keys in the order of the plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labelyard.generate.exporter import Damage, Exporter, Labels, Part
from labelyard.generate.exporters.common.lmdb_parts import keep_only, opened, put
from labelyard.generate.record_json.body import instances_of
from labelyard.generate.record_json.embeddings import refuse_without_images
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import replacing
from labelyard.utils.jsons import dump

if TYPE_CHECKING:
    from lmdb import Environment

LONGEST_KEY = 511  # bytes, as LMDB is built


@dataclass(kw_only=True)
class Lmdb(Exporter):
    """A file name that several records share (one image, two captions) stands for the first of them; the key of the
    others, and of names that are too long, is the name's end, '#' and the record's id. A text is known by its id."""

    images: bool = True  # false: records without their images

    @property
    def needs_image(self) -> bool:
        return self.images

    def refuse(self, dest: Path, run: RunFolder) -> None:
        if self.images:
            refuse_without_images(run, "Give images=false for the records as they are")

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._environment: Environment = opened(dest)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        entries: dict[bytes, bytes] = {}
        taken = list(self.taken(records, part))
        with self._environment.begin() as there:
            for record in taken:
                key = _key(record, lambda key: entries.get(key) or there.get(key))
                entries[key] = dump(record.written(self.wanted, self.images)).strip()
        put(self._environment, entries)
        part.facts["keys"] = [key.decode("utf-8", "surrogateescape") for key in entries]

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        keys = {key.encode("utf-8", "surrogateescape"): None for part in parts for key in part.facts["keys"]}
        keep_only(self._environment, keys)
        with replacing(dest / "keys.txt") as file:
            file.writelines(key + b"\n" for key in keys)

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        entries = instances = 0
        with self._environment.begin() as transaction:
            for _, value in transaction.cursor():
                body = json.loads(value)
                entries += 1
                instances += len(instances_of(body))
        self._environment.close()
        expected = sum(part.records for part in parts), sum(part.instances for part in parts)
        if (entries, instances) != expected:
            raise Damage(f"{dest}: lmdb reads {entries} records with {instances} instances, not {expected}")


def _key(record: Finished, known: object) -> bytes:
    item = record.item
    name = (item.image or item.video or item.id).encode("utf-8", "surrogateescape")
    unique = b"#" + record.item.id.encode()
    if len(name) > LONGEST_KEY:
        return name[-(LONGEST_KEY - len(unique)) :] + unique
    there = known(name)  # type: ignore[operator]
    return name if there is None or json.loads(there)["id"] == record.item.id else name + unique
