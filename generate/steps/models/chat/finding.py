"""A step that asks one thing of each item, of which the answer has a form of its own and is kept as a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Item, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.models.chat.step import ChatStep

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Question:
    text: str
    images: Sequence[Image]


@dataclass(kw_only=True)
class FindingStep(ChatStep):
    finding: ClassVar[str] = ""
    form: ClassVar[Mapping[str, Any]] = {}  # the JSON schema of the answer

    checkpoint: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    keep_given: bool = False  # an item that has this finding already is passed by
    answer_tries: int = setting(2, least=1, most=100)  # so often it is asked until the answer has its form

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.prompts():
            try:
                Template(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}={error}") from None

    @classmethod
    def prompts(cls) -> list[str]:
        return [f.name for f in fields(cls) if f.name.endswith("prompt")]

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"found.{self.finding}",)

    @property
    def lazy(self) -> bool:
        return self.keep_given

    def has_work_for(self, record: Record) -> bool:
        return not self.keep_given or self.finding not in record.found

    def questions(self, item: Item) -> Sequence[tuple[str, int]]:
        """One of several prompts, the longest for what is not known; with the picture, and one beside it at most."""
        longest = max((str(getattr(self, name)) for name in self.prompts()), key=len)
        return [(longest, 2 if hasattr(self, "reference") else 1)]

    def question(self, record: Record) -> Question | None:
        """None: nothing is asked, and the finding is null."""
        raise NotImplementedError

    def trouble(self, record: Record, value: Any) -> str:
        """What is wrong with an answer that has the form, as one would say it to the model."""
        return ""

    def __call__(self, records: Sequence[Record]) -> None:
        waiting: list[tuple[Record, Question, str]] = []
        for record in records:
            question = self.question(record)
            if question is None:
                record.found[self.finding] = None
            else:
                waiting.append((record, question, ""))
        for number in range(self.answer_tries):
            asked = [self._request(record, question, number, wrong) for record, question, wrong in waiting]
            answers = self.ask(asked)
            values = [(*one[:2], answer.value) for one, answer in zip(waiting, answers, strict=True)]
            waiting = list(self._kept(values))
            if not waiting:
                return
        record, _, wrong = waiting[0]
        raise ItemError(f"answered {self.answer_tries} times, and never as asked: {wrong}", record.item.id)

    def _kept(self, answered: Sequence[tuple[Record, Question, Any]]) -> Iterator[tuple[Record, Question, str]]:
        """Those that are asked again, with what was wrong."""
        for record, question, value in answered:
            wrong = self.trouble(record, value)
            if wrong:
                yield record, question, wrong
            else:
                record.found[self.finding] = value

    def _request(self, record: Record, question: Question, number: int, wrong: str) -> Request:
        text = question.text + (f"\n\nYour answer before could not be used: {wrong}." if wrong else "")
        return self.request(record, text, question.images, number=number, schema=self.form)

    def model(self) -> dict[str, Any]:
        return super().model() | {name: getattr(self, name) for name in self.prompts()}
