"""GranD: a .json for each picture with objects, phrases, captions, scene, as MBZUAI publishes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Damage, Exporter, Labels, Part
from labelyard.generate.exporters.common.grand_bodies import body_of
from labelyard.generate.exporters.common.grand_names import free_name, own_name
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.settings import setting
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.grand import SHORT
from labelyard.utils.jsons import dump


def texts_named(captions: str) -> list[str]:
    names = [name.strip() for name in captions.split(",")]
    if not all(names):
        raise UserError(f"captions={captions}: give the names of texts, such as {','.join(SHORT)}")
    return names


@dataclass(kw_only=True)
class Grand(Exporter):
    """In pixels of the original pictures. A picture of which nothing was found has its file, too."""

    floating: bool = True  # objects that float, too, as GranD has them
    captions: str = ",".join(SHORT)  # the texts that are its short captions, in this order
    # pictures of a folder: 000/, 001/, …; 0: all in one
    per_folder: int = setting(0, least=0)
    indent: int | None = setting(None, least=0, most=8)  # of the JSON; null: all on one line

    def __post_init__(self) -> None:
        texts_named(self.captions)

    @property
    def needs_image(self) -> bool:
        return True

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        names = []
        for record in self.taken(records, part):
            folder = f"{record.item.index // self.per_folder:03d}/" if self.per_folder else ""
            body = body_of(record, texts_named(self.captions), self.wanted)
            name = folder + free_name(record, whole=False, names=labels, ending=".json")
            path = dest / name
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, dump({own_name(record, whole=False): body}, indent=self.indent), sync=False)
            names.append(name)
        part.facts["names"] = names

    def files_of(self, part: Part) -> Iterable[str]:
        names: list[str] = part.facts["names"]
        return names

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        instances = 0
        for name in (name for part in parts for name in part.facts["names"]):
            try:
                (body,) = json.loads((dest / name).read_bytes()).values()
            except (OSError, ValueError) as error:
                raise Damage(f"{name} can't be read back: {error}") from None
            instances += _checked(name, body)
        expected = sum(part.instances for part in parts)
        if instances != expected:
            raise Damage(f"{dest} has {instances} objects, {expected} were written")


def _checked(name: str, body: dict[str, Any]) -> int:
    """How many objects, floating ones too, are in a file whose parts fit together."""
    there = [*body["objects"], *body["floating_objects"]]
    boxes = {one["id"]: one["bbox"] for one in there}
    if len(boxes) != len(there) or any(number >= body["id_counter"] for number in boxes):
        raise Damage(f"{name}: two objects have one id, or one is above id_counter")
    for caption in (*body["short_captions"], body["dense_caption"]):
        for detail in caption["details"]:
            start, end = detail["tokens_positive"]
            ids = detail.get("ids", [detail.get("id")])
            meant = detail["bbox"] if "ids" in detail else [detail["bbox"]]
            if caption["caption"][start:end] != detail["phrase"] or [boxes.get(one) for one in ids] != meant:
                raise Damage(f"{name}: the phrase {detail['phrase']!r} is not what its place or its ids say")
    return len(there)
