"""`describe=subject`, `describe=caption`: what a picture is about, and the scene it is in, as `found.description`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.record import Record
from labelyard.generate.roles import objects_or_floating
from labelyard.generate.step import Step
from labelyard.generate.steps.models.chat.finding import FindingStep, Question
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.tools.subject import size_of, subject_of

DESCRIPTION = "description"
TEXT = {"type": "string", "minLength": 1}
FORM = {
    "type": "object",
    "properties": {"item": TEXT, "description_0": TEXT, "description_1": {"type": "string"}},
    "required": ["item", "description_0", "description_1"],
}


@dataclass(kw_only=True)
class SubjectDescription(FindingStep):
    """The thing with its article (`item`), and the scene in which it is only called "it" (`description_0`). Where the
    list gives a second picture of the thing, `description_1` says the same of that one, else it is empty.
    """

    finding: ClassVar[str] = DESCRIPTION
    form: ClassVar[Mapping[str, Any]] = FORM

    # what is asked about one picture, with places: {caption}, {tags}, a column of the row
    prompt: str = (
        "What is this picture about? Answer in JSON with three texts. `item`: the one thing that it is about, in a few "
        "words with their article, such as: a blue enamel jug. `description_0`: the scene in one or two sentences that "
        "call the thing only `it` and never by its name: where it stands or what it does, what is around it, the "
        "light. `description_1`: an empty text."
    )
    # what is asked where there is a second picture
    pair_prompt: str = (
        "Both pictures show the same thing. Answer in JSON with three texts. `item`: the thing, in a few words with "
        "their article, such as: a blue enamel jug. `description_0`: the scene of the first picture in one or two "
        "sentences that call the thing only `it` and never by its name: where it stands or what it does, what is "
        "around it, the light. `description_1`: likewise of the second picture."
    )
    reference: str = "ref"  # the name of the second picture

    @property
    def reads(self) -> tuple[str, ...]:
        named = (field for name in self.prompts() for field in Template(getattr(self, name)).reads())
        return tuple(dict.fromkeys(("image", *named)))

    def question(self, record: Record) -> Question:
        second = record.images.get(self.reference)
        if second is None:
            return Question(Template(self.prompt).filled(record), [record.image])
        return Question(Template(self.pair_prompt).filled(record), [record.image, second.image.convert("RGB")])


@dataclass(kw_only=True)
class CaptionDescription(Step):
    """Without a model: the thing is the largest instance in the middle, the scene the item's caption, or what else is
    in it."""

    reads: ClassVar[tuple[str, ...]] = ("caption", "instances")
    writes: ClassVar[tuple[str, ...]] = (f"found.{DESCRIPTION}",)

    keep_given: bool = False  # an item that has this finding already is passed by

    def has_work_for(self, record: Record) -> bool:
        return not self.keep_given or DESCRIPTION not in record.found

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.found[DESCRIPTION] = described(record)

    def model(self) -> dict[str, Any]:
        return {"name": "caption", "checkpoint": None}


def described(record: Record) -> dict[str, str]:
    record.found.pop(DESCRIPTION, None)  # of an earlier call: what is described decides what the subject is
    subject = subject_of(record)
    item = with_article(subject.label) if subject is not None else "a photo"
    rest = sorted(objects_or_floating(record.instances), key=lambda one: -size_of(one))
    others = list(dict.fromkeys(one.label for one in rest if subject is not None and one.label != subject.label))
    scene = record.caption or ("It is in the picture" + (f" with {listed(others)}" if others else "") + ".")
    return {"item": item, "description_0": scene, "description_1": ""}


def with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in set('aeiou') else 'a'} {name}"


def listed(names: Sequence[str]) -> str:
    told = [with_article(name) for name in names]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
