"""`propose=list`: the same out of a list of your own, drawn for each item. No model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.generate.steps.propose.vlm import PROPOSALS, called
from labelyard.generate.steps.tools.subject import head_word, subject_of


@dataclass(kw_only=True)
class ListedProposals(Step):
    """Things that are not the subject, so many different ones, and one of the scenes."""

    reads = ("instances",)
    writes = (f"found.{PROPOSALS}",)

    # a UTF-8 text with a thing on each line, as: a red kettle: A red kettle stands on the table
    file: str | None = None
    # new surroundings, of which one is drawn
    scenes: list[str] = field(default_factory=lambda: ["It stands on a beach in the evening light."])
    count: int = setting(5, least=1, most=100)  # things in place of the subject
    seed: int = setting(0, least=0, most=2**63 - 1)  # of the drawing

    def setup(self, device: str) -> None:
        if self.file is None:
            raise FatalError(
                "file=null: give a text with a thing on each line, as: a red kettle: A red kettle stands …"
            )
        try:
            lines = Path(self.file).expanduser().read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FatalError(f"file={self.file}: can't be read ({error}); give a UTF-8 text") from None
        self._things = [(name.strip(), words.strip()) for name, _, words in (line.partition(":") for line in lines)]
        self._things = [(name, words or name) for name, words in self._things if name]
        kinds = {head_word(name) for name, _ in self._things}
        if len(kinds) <= self.count:
            raise FatalError(
                f"file={self.file}: {len(kinds)} kinds of things, where {self.count} of each item are asked for that "
                f"are not its subject; give {self.count + 1} or more"
            )
        if not self.scenes:
            raise FatalError("scenes=[]: there is none to draw; give one or more")

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.found[PROPOSALS] = self._drawn(record)

    def _drawn(self, record: Record) -> dict[str, Any]:
        dice = random.Random(seed_of(record.item.id, self.name, 0, self.seed))
        subject = head_word(called(record, subject_of(record)))
        others = [one for one in self._things if head_word(one[0]) != subject]
        dice.shuffle(others)
        kinds = {head_word(name): (name, words) for name, words in reversed(others)}
        chosen = [one for one in others if one in kinds.values()][: self.count]
        things = [{"name": name, "description": words} for name, words in chosen]
        return {"replacements": things, "scene": dice.choice(self.scenes)}

    def model(self) -> dict[str, Any]:
        return {"name": "list", "checkpoint": None, "things": len(self._things)}
