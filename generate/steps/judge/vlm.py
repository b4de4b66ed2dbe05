"""`judge=vlm`: how well a picture and its reference go together, as `found.quality_assessment`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.record import Record
from labelyard.generate.steps.models.chat.finding import FindingStep, Question
from labelyard.generate.steps.models.chat.prompts import Template

SCORES = ("compositeStructure", "objectConsistency", "imageQuality")
SCORE = {"type": "integer", "minimum": 0, "maximum": 5}


@dataclass(kw_only=True)
class Judge(FindingStep):
    """Three whole numbers from 0 to 5, called as Subjects200K calls them; null where there is no reference."""

    finding: ClassVar[str] = "quality_assessment"
    form: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": dict.fromkeys(SCORES, SCORE),
        "required": list(SCORES),
        "additionalProperties": False,
    }

    # what is asked, with places: {found.description.item}, {caption}, a column of the row
    prompt: str = (
        "The first picture is a scene, the second shows by itself a thing that is in it. Give three marks, each a "
        "whole number from 0, useless, to 5, without fault. `compositeStructure`: is each of the two complete and "
        "sensibly framed, with nothing doubled, cut off or pasted where it can't be? `objectConsistency`: is it the "
        "very same thing in both, in shape, colour, material, marks and writing? `imageQuality`: are both sharp, "
        "clean and naturally lit? Answer in JSON alone: "
        '{{"compositeStructure": n, "objectConsistency": n, "imageQuality": n}}.'
    )
    reference: str = "ref"  # the name of the second picture

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("image", *Template(self.prompt).reads())))

    def question(self, record: Record) -> Question | None:
        second = record.images.get(self.reference)
        if second is None:
            return None
        return Question(Template(self.prompt).filled(record), [record.image, second.image.convert("RGB")])
