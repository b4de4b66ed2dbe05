"""A list of records, one path per line, as the trainer reads it: whole, or split."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.exporter import Damage, Exporter, Part
from labelyard.generate.exporters.common.list_place import refuse_others
from labelyard.generate.exporters.common.split import Split
from labelyard.generate.record_json.embeddings import IN_THE_RECORD, refuse_without_images
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import replacing
from labelyard.utils.errors import UserError


@dataclass(kw_only=True)
class TrainList(Exporter):
    """A record's split depends on its id and the seed alone: it stays the same however the run grows."""

    to_a_file = True

    split: str | None = None  # val=0.01 or val=0.05,test=0.05: lists of their own beside the first, val.txt, …
    seed: int = 0  # another one makes another split
    relative: bool = False  # paths as seen from the list's folder

    @property
    def needs_image(self) -> bool:
        return True

    def refuse(self, dest: Path, run: RunFolder) -> None:
        refuse_without_images(run, IN_THE_RECORD)
        self._split = Split.of_options(self.split, self.seed, rest="")
        if dest.stem in self._split.shares:
            raise UserError(f"{dest} would be two lists, since split names '{dest.stem}'. Give the file another name")
        for path in self._paths(dest).values():
            refuse_others(path, run.path)

    def write_all(self, dest: Path, records: Iterator[Finished], part: Part) -> None:
        counts: dict[str, int] = {}
        with ExitStack() as stack:
            lists = {name: stack.enter_context(replacing(path)) for name, path in self._paths(dest).items()}
            for record in self.taken(records, part):
                name = self._split.of(record.item.id)
                path = os.path.relpath(record.path, dest.parent.resolve()) if self.relative else str(record.path)
                lists[name].write(os.fsencode(path) + b"\n")
                counts[name] = counts.get(name, 0) + 1
        part.facts["lists"] = {str(path): counts.get(name, 0) for name, path in self._paths(dest).items()}

    def number_in(self, record: Finished) -> int:
        """A list of paths is made without opening the records, unless an option asks for what is in them."""
        return super().number_in(record) if self.min_instances > 0 or not self.wanted.everything else 0

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
        return {"": dest, **{name: dest.with_name(f"{name}.txt") for name in self._split.shares}}
