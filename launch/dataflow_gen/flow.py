"""What the steps of a request do to a row: which text, image and video is its current one behind each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelyard.launch.dataflow_gen.catalogue import Role
from labelyard.launch.dataflow_gen.request import StepAsked

PREPROCESS = "step_0_preprocess_format"
ROW = "dataflow_row"  # the key under which items know their row
KINDS = {"text": "texts", "image": "images", "video": "clips"}  # of what a row has, and where records keep what is made


@dataclass(frozen=True)
class Stage:
    """A step asked for: a run of its own, which is a stage of the chain; or one of several in a run (fusing.py)."""

    asked: StepAsked
    name: str  # of its folder
    role: Role
    settings: tuple[str, ...] = ()  # of its run, at the last step of that
    said: tuple[str, ...] = ()
    yaml_of: Mapping[str, str] = field(default_factory=dict)  # what the YAML calls a setting of the step
    repeats: int = 1  # images or videos that it makes of a row
    run: str = ""  # the name of its run, which is that of the last step in it

    @property
    def is_last_of_its_run(self) -> bool:
        return self.run == self.name

    @property
    def number(self) -> int:
        return self.asked.number


@dataclass(frozen=True)
class Keys:
    """What the user's rows call a text, an image, a video."""

    text: str
    image: str
    video: str

    def of(self, kind: str) -> str:
        found: str = getattr(self, kind)
        return found

    @property
    def all(self) -> tuple[str, ...]:
        return (self.text, self.image, self.video)


@dataclass(frozen=True)
class Flow:
    keys: Keys
    stages: tuple[Stage, ...]
    listed: Mapping[str, str]  # what the first run reads of a row as the item's own: text, image, video, by which key

    def maker(self, kind: str, upto: int) -> Stage | None:
        """The last of the first `upto` steps that makes a text, an image, a video; None: it is still the row's own."""
        return next((stage for stage in reversed(self.stages[:upto]) if stage.role.makes == kind), None)

    def repeats(self, kind: str) -> int:
        """The most that any step makes of a row."""
        return max((stage.repeats for stage in self.makers(kind, len(self.stages))), default=1)

    def makers(self, kind: str, upto: int) -> Sequence[Stage]:
        return [stage for stage in self.stages[:upto] if stage.role.makes == kind]

    def own(self, kind: str, item: Any) -> Any:
        """What the row has itself; None where it has none."""
        key = self.keys.of(kind)
        if self.listed.get(kind) == key:
            return listed_value(kind, item) or None
        return item.given.get(key)

    def passed(self, item: Any) -> dict[str, Any]:
        """The keys that no step has a part in."""
        passed = {key: value for key, value in item.given.items() if key != ROW and key not in self.keys.all}
        for kind, key in self.listed.items():  # another column is read in its place
            if key != self.keys.of(kind) and (value := listed_value(kind, item)):
                passed[key] = value
        return passed


def listed_value(kind: str, item: Any) -> str:
    """What a list's row has as its own, in the words of a source."""
    found: str = {"text": item.caption, "image": item.image, "video": item.video}[kind]
    return found
