"""What the estimators of poses share: people in, skeletons on black out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import Box, MadeImage, Record
from labelyard.generate.roles import floats
from labelyard.generate.settings import setting
from labelyard.generate.steps.pose.skeleton import OPENPOSE, PALETTES, Joint, Person, drawn
from labelyard.generate.steps.tools.net_picture import needs_opencv

PERSON = "person"


@dataclass(kw_only=True)
class Poses(ImageStep):
    """Skeletons of 18 joints in OpenPose's colours, or with red and blue exchanged, as Graph200K has them. A record in
    which nobody is found has no such picture."""

    picture_of: ClassVar[str] = "pose"

    least_score: float = setting(0.3, least=0, most=1)  # of a joint; less sure ones are left out
    palette: str = setting(OPENPOSE, words=PALETTES)  # whose colours
    keep_joints: bool = False  # write where the joints are, beside the picture
    keep_empty: bool = False  # a black picture where nobody is found

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image",)

    def people(self, records: Sequence[Record]) -> list[list[Person]]:
        """Those in each picture."""
        raise NotImplementedError

    def setup(self, device: str) -> None:
        needs_opencv()
        super().setup(device)

    def __call__(self, records: Sequence[Record]) -> None:
        for record, people in zip(records, self.people(records), strict=True):
            record.images.pop(self.image, None)
            if people or self.keep_empty:
                made = drawn(people, record.image.size, self.palette)
                record.images[self.image] = MadeImage(made, self._meta(people))

    def model_of(self, record: Record) -> dict[str, Any]:
        return self.model() | ({} if self.image in record.images else {"left_out": "nobody was found in it"})

    def _meta(self, people: Sequence[Person]) -> dict[str, Any]:
        joints = {"joints": [[_rounded(joint) for joint in person] for person in people]} if self.keep_joints else {}
        return {"palette": self.palette, "people": len(people)} | joints


def boxes_of_people(record: Record) -> list[Box]:
    """The surest first; what floats is nobody yet."""
    found = [instance for instance in record.instances if instance.label == PERSON and not floats(instance)]
    return [instance.box for instance in sorted(found, key=lambda one: -one.score)]


def _rounded(joint: Joint | None) -> list[float] | None:
    return None if joint is None else [round(joint.x, 1), round(joint.y, 1), round(joint.score, 3)]
