"""`propose=vlm`: what could stand in place of a picture's subject, and where else it could be, as `found.proposals`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.finding import FindingStep, Question
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.tools.subject import head_word, subject_of

if TYPE_CHECKING:
    from PIL.Image import Image

PROPOSALS = "proposals"
TEXT = {"type": "string", "minLength": 1}
RED = (255, 0, 0)


def form(count: int) -> dict[str, Any]:
    replacement = {
        "type": "object",
        "properties": {"name": TEXT, "description": TEXT},
        "required": ["name", "description"],
    }
    replacements = {"type": "array", "items": replacement, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"replacements": replacements, "scene": TEXT},
        "required": ["replacements", "scene"],
    }


@dataclass(kw_only=True)
class Propose(FindingStep):
    """Shown the picture with a box around its subject. Look at what it proposes before the expensive steps: they may be
    another run, by source=records."""

    finding: ClassVar[str] = PROPOSALS

    count: int = setting(5, least=1, most=100)  # things in place of the subject
    # what is asked, with places: {subject}, {width} and {height} of its box, {count}, {caption}, a column of the row
    prompt: str = (
        "The red box in this picture, {width} by {height} pixels, is around this: {subject}. Think of {count} other "
        "things that could be in that place and would look natural there: of about the same size and proportions, all "
        "of them different, and none of them what is there now. Think, too, of another place in which {subject} could "
        'be. Answer in JSON alone: {{"replacements": [{{"name": "a thing with its article", "description": "the '
        'picture with that thing in the place of the other, in one sentence"}}], "scene": "the new surroundings, in '
        'one sentence that calls the thing only it"}}, with {count} replacements.'
    )

    @property
    def form(self) -> Mapping[str, Any]:  # type: ignore[override]
        return form(self.count)

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("image", "instances", *Template(self.prompt).reads())))

    def question(self, record: Record) -> Question:
        subject = subject_of(record)
        x0, y0, x1, y1 = subject.box if subject else (0.0, 0.0, *map(float, record.image.size))
        own = {
            "subject": called(record, subject),
            "width": str(round(x1 - x0)),
            "height": str(round(y1 - y0)),
            "count": str(self.count),
        }
        shown = boxed(record.image, subject) if subject else record.image
        return Question(Template(self.prompt).filled(record, own), [shown])

    def trouble(self, record: Record, value: Any) -> str:
        names = [one["name"] for one in value["replacements"]]
        said = [" ".join(name.lower().split()) for name in names]
        twice = next((name for place, name in enumerate(names) if said[place] in said[:place]), None)
        if twice is not None:
            return f"{twice} is in it more than once"
        subject = called(record, subject_of(record))
        same = next((name for name in names if head_word(name) and head_word(name) == head_word(subject)), None)
        return f"{same} is what is there already" if same is not None else ""


def called(record: Record, subject: Instance | None) -> str:
    """As it is described, else as its box is labelled."""
    described = record.found.get("description")
    item = described.get("item") if isinstance(described, dict) else None
    return str(item or (subject.label if subject is not None else "the whole picture"))


def boxed(image: Image, subject: Instance) -> Image:
    from PIL import ImageDraw

    canvas = image.copy()
    x0, y0, x1, y1 = (round(edge) for edge in subject.box)
    width = max(2, round(max(image.size) / 170))
    ImageDraw.Draw(canvas).rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=RED, width=width)
    return canvas
