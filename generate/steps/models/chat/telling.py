"""A step that asks one thing of each item, and keeps the answer: a text, one of several words, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Item, Record, Text
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.steps.models.chat.structured import check_schema

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class Telling(ChatStep):
    """A text goes to `texts.NAME`, where NAME is the step's. With `options` or `schema` it goes to `found.NAME`: the
    option that the answer names, or the JSON in it; an answer that does not fit is asked for again."""

    # what is asked, with places: {caption}, {tags}, a column of the row as {question}, an earlier text as {texts.NAME}
    prompt: str = ""
    system: str = ""  # said ahead of it, with places too
    options: list[str] = field(default_factory=list)  # the answer is one of these
    schema: dict[str, Any] | None = None  # the answer is JSON: its JSON schema
    times: int = setting(1, least=1, most=1000)  # so many texts of each item, each a draw of its own
    lower: bool = False  # texts in small letters
    keep_given: bool = False  # an item that has this text or finding already is passed by

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, text in (("prompt", self.prompt), ("system", self.system)):
            _check(name, text)
        if not self.prompt.strip():
            example = type(self).prompt or "What is this?"
            raise ValueError(f"prompt={self.prompt!r}: a model must be asked something; give prompt={example!r}")
        if self.options and self.schema is not None:
            raise ValueError("options and schema: an answer is one of several words, or JSON; give one of them")
        if self.schema is not None:
            check_schema(self.schema)
        if self.times > 1 and self.finds:
            raise ValueError(f"times={self.times}: there are several texts, but one finding; use times=1")
        if self.times > 1 and self.temperature == 0:
            raise ValueError(f"times={self.times}: with temperature=0 all are the same; use temperature=0.7")

    @property
    def asks(self) -> Template:
        return Template(self.prompt)

    @property
    def says(self) -> Template:
        return Template(self.system)

    @property
    def finds(self) -> bool:
        return bool(self.options) or self.schema is not None

    @property
    def kept_as(self) -> str:
        """The name of what it makes."""
        return self.name or type(self).__name__.lower()

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.asks.reads(), *self.says.reads())))

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"found.{self.kept_as}" if self.finds else f"texts.{self.kept_as}",)

    @property
    def lazy(self) -> bool:
        return self.keep_given

    def has_work_for(self, record: Record) -> bool:
        return not self.keep_given or self.kept_as not in (record.found if self.finds else record.texts)

    def questions(self, item: Item) -> Sequence[tuple[str, int]]:
        try:
            text = self.asks.filled(Record(item, caption=item.caption)) + self.says.filled(Record(item))
        except ItemError:  # what an earlier step will have found
            text = self.prompt + self.system
        return [(text, self.pictures)] * self.times

    @property
    def pictures(self) -> int:
        """How many go with a question."""
        return 0

    def shown(self, record: Record) -> Sequence[Image]:
        """The pictures that go with the question."""
        return ()

    def __call__(self, records: Sequence[Record]) -> None:
        asks, says = self.asks, self.says
        asked = [self._asked(record, asks, says, number) for record in records for number in range(self.times)]
        answers = self.ask(asked)
        for place, record in enumerate(records):
            said = answers[place * self.times : (place + 1) * self.times]
            if self.finds:
                record.found[self.kept_as] = said[0].value
            else:
                text = said[0].text.lower() if self.lower else said[0].text
                record.texts[self.kept_as] = Text(text, "model", facts=self._facts(said))

    def model(self) -> dict[str, Any]:
        asked = {"prompt": self.prompt} | ({"system": self.system} if self.system else {})
        return super().model() | asked | ({"options": list(self.options)} if self.options else {})

    def _asked(self, record: Record, asks: Template, says: Template, number: int) -> Request:
        return self.request(
            record,
            asks.filled(record),
            self.shown(record),
            system=says.filled(record),
            number=number,
            schema=self.schema,
            options=self.options,
            frames="video" in self.reads,
        )

    def _facts(self, said: Sequence[Answer]) -> dict[str, Any]:
        return self.facts(said[0]) | ({"all": [answer.text for answer in said]} if self.times > 1 else {})


def _check(name: str, text: str) -> None:
    try:
        Template(text)
    except ValueError as error:
        raise ValueError(f"{name}={error}") from None
