"""What steps share that hand rows to a class of the user's: `generate_batch(list) -> list`, as Dataflow-Gen has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.pipeline import is_broken_device
from labelyard.generate.record import Record
from labelyard.generate.settings import transient
from labelyard.generate.step import Step
from labelyard.generate.steps.dataflow.plugins import METHOD, digest_of, load_class
from labelyard.utils.text import one_line


@dataclass(kw_only=True)
class OwnClass(Step):
    """`given_to` says what the class gets of each record, `take` puts into the record what it answers."""

    file: str = "???"  # where the class is: a Python file, a folder of such, or a module's dotted name
    of: str = "???"  # the name of the class
    config: str = "{}"  # what its __init__ gets, as JSON
    root: str | None = transient(None)  # where relative locations begin
    batch_size: int = transient(16, least=1, most=1_000_000)  # rows at once

    def __post_init__(self) -> None:
        self._kept: dict[str, Any] = {}
        try:
            config = json.loads(self.config)
        except ValueError as error:
            raise ValueError(f"config={self.config!r:.60}: not JSON: {error}") from None
        if not isinstance(config, dict):
            raise ValueError(f"config={self.config!r:.60}: give a JSON object")

    def setup(self, device: str) -> None:
        self.device = device
        found = load_class(self.file, self.of)
        try:
            self._object = found(**json.loads(self.config))
        except Exception as error:
            raise FatalError(
                f"of={self.of}: {self.of}(…) of {self.file} failed: {one_line(f'{type(error).__name__}: {error}')}"
            ) from error

    def free(self) -> None:
        super().free()
        self._kept = {}

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        raise NotImplementedError

    def take(self, record: Record, answer: Any) -> None:
        raise NotImplementedError

    def wrong(self, answer: Any) -> str | None:
        """Why it is no answer, if so."""
        raise NotImplementedError

    def __call__(self, records: Sequence[Record]) -> None:
        """After a failure the step is called again with those that are left: what was answered is kept until then."""
        missing = [record for record in records if record.item.id not in self._kept]
        for start in range(0, len(missing), self.batch_size):
            some = missing[start : start + self.batch_size]
            for record, answer in zip(some, self._answers(self.given_to(some)), strict=True):
                self._kept[record.item.id] = answer
        for record in records:
            answer = self._kept[record.item.id]
            if isinstance(answer, Exception):
                reason = one_line(f"{type(answer).__name__}: {answer}")
                raise ItemError(reason, record.item.id) from answer
        for record in records:
            self.take(record, self._kept[record.item.id])
        self._kept = {}

    def _answers(self, given: Sequence[Any]) -> list[Any]:
        """One for each, or why there is none: a call that fails, or comes to another number, is narrowed down by halves
        to the row whose fault it is."""
        try:
            answers = list(getattr(self._object, METHOD)(list(given)))
            if len(answers) != len(given):
                raise ValueError(f"{METHOD} gave {len(answers)} answers to {len(given)} rows")
            return [self._checked(answer) for answer in answers]
        except FatalError:
            raise
        except Exception as error:
            if is_broken_device(error):
                raise
            if len(given) == 1:
                return [error]
        middle = len(given) // 2
        return [*self._answers(given[:middle]), *self._answers(given[middle:])]

    def _checked(self, answer: Any) -> Any:
        why = self.wrong(answer)
        return answer if why is None else TypeError(f"{METHOD} answered with {why}")

    def model(self) -> dict[str, Any]:
        digest = digest_of(self.file)
        return {"name": self.of, "file": self.file} | ({"digest": digest} if digest else {})


@dataclass(kw_only=True)
class TextOfOwnClass(OwnClass):
    """Texts come back."""

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"texts.{self.name}",)

    def wrong(self, answer: Any) -> str | None:
        return None if isinstance(answer, str) else f"{type(answer).__name__}, and a text belongs there"

    def take(self, record: Record, answer: Any) -> None:
        from labelyard.generate.record import Text

        record.texts[self.name] = Text(answer, "model")
