"""A list of records, one path per line, as the trainer reads it: whole, or split."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from generate.exporter import Damage, Exporter, Part
from generate.finished import Finished
from generate.list_place import refuse_others
from generate.run_folder import RunFolder
from utils.atomic import replacing
from utils.errors import UserError


@dataclass(kw_only=True)
class TrainList(Exporter):
    """A record's split depends on its id and the seed alone: it stays the same however the run grows."""

    to_a_file = True

    split: str | None = None  # val=0.01 or val=0.05,test=0.05: lists of their own beside the first, val.txt, …
    seed: int = 0  # another one makes another split
    relative: bool = False  # paths as seen from the list's folder

    def refuse(self, dest: Path, run: RunFolder) -> None:
        self._shares = _shares(self.split)
        if dest.stem in self._shares:
            raise UserError(f"{dest} would be two lists, since split names '{dest.stem}'. Give the file another name")
        for path in self._paths(dest).values():
            refuse_others(path, run.path)

    def write_all(self, dest: Path, records: Iterator[Finished], part: Part) -> None:
        counts: dict[str, int] = {}
        with ExitStack() as stack:
            lists = {name: stack.enter_context(replacing(path)) for name, path in self._paths(dest).items()}
            for record in self.taken(records, part):
                name = self._split_of(record.item.id)
                path = os.path.relpath(record.path, dest.parent.resolve()) if self.relative else str(record.path)
                lists[name].write(os.fsencode(path) + b"\n")
                counts[name] = counts.get(name, 0) + 1
        part.facts["lists"] = {str(path): counts.get(name, 0) for name, path in self._paths(dest).items()}

    def taken(self, records: Iterator[Finished], part: Part) -> Iterator[Finished]:  # type: ignore[override]
        if self.min_instances > 0 or self.min_score > 0:
            yield from super().taken(records, part)
            return
        for record in records:  # nothing to look into them for
            part.records += 1
            yield record

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        for name, expected in parts[0].facts["lists"].items():
            with open(name, "rb") as file:
                lines = [os.fsdecode(line.rstrip(b"\n")) for line in file]
            if len(lines) != expected or len(set(lines)) != expected:
                raise Damage(f"{name} has {len(set(lines))} different lines, {expected} were written")
            absent = next((line for line in lines if not (dest.parent / line).exists()), None)
            if absent is not None:
                raise Damage(f"{name} names {absent}, which is not there")

    def _paths(self, dest: Path) -> dict[str, Path]:
        return {"": dest, **{name: dest.with_name(f"{name}.txt") for name in self._shares}}

    def _split_of(self, item_id: str) -> str:
        digest = hashlib.blake2b(f"{self.seed}:{item_id}".encode(), digest_size=8).digest()
        position, end = int.from_bytes(digest, "big") / 2**64, 0.0
        for name, share in self._shares.items():
            end += share
            if position < end:
                return name
        return ""


def _shares(split: str | None) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in split.split(",") if split else ():
        name, _, share = text.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise UserError(f"split={split}: give names and shares, such as val=0.01 or val=0.05,test=0.05") from None
    if any(not name or "/" in name or not 0 < share < 1 for name, share in shares.items()) or sum(shares.values()) >= 1:
        raise UserError(f"split={split}: every share lies between 0 and 1, and so does their sum")
    return shares
