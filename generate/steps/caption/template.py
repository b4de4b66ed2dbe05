"""`caption=template`: one plain sentence per instance from its label, kind, colour, size and place.

Nothing looks at the picture to write it: such captions say no more than what the steps before have found, and each is
marked `caption_source: "template"` so that nobody takes it for a model's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.record import Box, Instance, Record, Tag
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.utils.colours import colour_word
from labelyard.utils.english import noun_phrase
from labelyard.utils.rle import decode

if TYPE_CHECKING:
    from PIL.Image import Image

# Label -> tags that are kinds of it and that a classifier of whole pictures does not mix up easily. Not here are kinds
# that a small one does mix up (a minibus and a bus, a moped and a motorcycle, a tabby and a tiger cat).
KINDS: Mapping[str, tuple[str, ...]] = {
    "airplane": ("airliner",),
    "boat": ("canoe", "gondola", "speedboat"),
    "bottle": ("beer bottle", "wine bottle"),
    "bus": ("school bus",),
    "cat": ("Persian cat", "Siamese cat"),
    "chair": ("rocking chair", "folding chair"),
    "clock": ("analog clock", "digital clock", "wall clock"),
    "keyboard": ("computer keyboard", "typewriter keyboard"),
    "sports ball": ("basketball", "golf ball", "rugby ball", "soccer ball", "tennis ball", "volleyball"),
    "truck": ("fire engine", "garbage truck"),
    "train": ("steam locomotive",),
}

# Only what is made in one colour gets a colour word: people, animals and food never do.
PAINTED = {
    "airplane", "backpack", "bench", "bicycle", "boat", "book", "bottle", "bowl", "bus", "car", "chair", "couch",
    "cup", "fire hydrant", "frisbee", "handbag", "kite", "motorcycle", "mug", "refrigerator", "skateboard",
    "snowboard", "sofa", "suitcase", "surfboard", "tie", "train", "truck", "umbrella", "van", "vase",
}  # fmt: skip

MUCH = 0.4  # of the picture
LITTLE = 0.01
EDGE = 3  # pixels on each side of a mask's outline that are mixed with what lies behind


@dataclass(kw_only=True)
class TemplateCaption(Step):
    """The label always stands in the caption; the rest only where it is sure."""

    reads: ClassVar[tuple[str, ...]] = ("image", "instances")  # tags and masks too, where there are any
    writes: ClassVar[tuple[str, ...]] = ("instances.caption",)

    colours: bool = True  # name a thing's colour, where one stands out
    kind_threshold: float = setting(0.7, least=0, most=1)  # of the tag that names the kind

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            labels = Counter(instance.label for instance in record.instances)
            for instance in record.instances:
                alone = labels[instance.label] == 1
                kind = kind_of(instance.label, record.tags, self.kind_threshold) if alone else None
                colour = colour_of(instance, record.image) if self.colours else None
                size = (record.width, record.height)
                instance.caption = sentence(instance.label, kind, colour, instance.box, size)
                instance.caption_source = "template"

    def model(self) -> dict[str, Any]:
        return {"name": "template", "checkpoint": None}


def sentence(label: str, kind: str | None, colour: str | None, box: Box, size: tuple[int, int]) -> str:
    """In the manner of captions: no capital, no full stop."""
    label = label.strip() or "object"
    words = f"{colour} {label}" if colour and colour not in label.split() else label
    parts = [noun_phrase(words, label)]
    if kind:
        parts.append(f"({kind})" if label in kind else f"({noun_phrase(kind)})")
    return " ".join([*parts, place(box, size)])


def place(box: Box, size: tuple[int, int]) -> str:
    """Where in the picture, and how much of it where that is remarkable."""
    width, height = size
    x1, y1, x2, y2 = box
    part = max(x2 - x1, 0) * max(y2 - y1, 0) / (width * height)
    if part >= MUCH:
        return "filling much of the picture"
    across = third((x1 + x2) / 2 / width, ("left", "", "right"))
    down = third((y1 + y2) / 2 / height, ("top", "", "bottom"))
    if across and down:
        where = f"in the {down} {across} of the picture"
    elif across:
        where = f"on the {across} side of the picture"
    elif down:
        where = f"at the {down} of the picture"
    else:
        where = "in the middle of the picture"
    return f"seen small {where}" if part < LITTLE else where


def third(position: float, names: tuple[str, str, str]) -> str:
    return names[0] if position < 1 / 3 else names[1] if position <= 2 / 3 else names[2]


def kind_of(label: str, tags: Sequence[Tag], threshold: float) -> str | None:
    """The finer name, if a sure tag is a known kind of the label."""
    kinds = KINDS.get(label, ())
    return next((tag.name for tag in tags if tag.score >= threshold and tag.name in kinds), None)


def colour_of(instance: Instance, image: Image) -> str | None:
    """The colour of a thing that is painted, from the inner pixels of a mask that follows its outline."""
    import numpy as np

    if instance.label not in PAINTED or instance.mask is None or "mask_from" in instance.extra:
        return None
    mask = decode(instance.mask)
    left, top, right, bottom = _reach(instance.box, image.size)
    inner = eroded(mask[top:bottom, left:right], EDGE)
    return colour_word(np.asarray(image)[top:bottom, left:right][inner])


def _reach(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    x1, y1, x2, y2 = (round(side) for side in box)
    return max(x1, 0), max(y1, 0), min(max(x2, 0), width), min(max(y2, 0), height)


def eroded(mask: Any, pixels: int) -> Any:
    """Without the outermost pixels; the frame counts as outside."""
    import numpy as np

    height, width = mask.shape
    wide = np.pad(mask, pixels)
    rows = np.logical_and.reduce([wide[k : k + height, :] for k in range(2 * pixels + 1)])
    return np.logical_and.reduce([rows[:, k : k + width] for k in range(2 * pixels + 1)])
