"""What is measured: pipelines of steps, each with what it needs, from tiny to full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.record import Instance, Record, Tag
from labelyard.generate.step import Step
from tests.bench import today
from tests.bench.published import TAGS, Published, networks

Steps = dict[str, Step]


@dataclass(frozen=True)
class Kit:
    """`build` makes the steps; with `singly` they are set for one image and one crop at a time."""

    name: str
    build: Callable[[bool], Steps]
    setup: Callable[[], None] = lambda: None


def demo(folder: Path) -> Kit:
    from labelyard.generate.steps.caption.template import TemplateCaption
    from labelyard.generate.steps.edges.canny import Canny
    from labelyard.generate.steps.embed.minilm import MiniLM
    from labelyard.generate.steps.ground.coco_ssd import CocoSsd
    from labelyard.generate.steps.segment.grabcut import GrabCut
    from labelyard.generate.steps.tag.imagenet import ImagenetTags

    def build(singly: bool) -> Steps:
        return {
            "tag": ImagenetTags(),
            "ground": CocoSsd(),
            "segment": GrabCut(threads=1) if singly else GrabCut(),
            "caption": TemplateCaption(),
            "embed": MiniLM(batch_size=1) if singly else MiniLM(),
            "edges": Canny(),
        }

    return Kit("demo", build)


def tiny(folder: Path) -> Kit:
    """The published architectures, tiny and random, in the order of the pipeline `instances`."""
    from labelyard.generate.steps.caption.blip2 import BLIP2
    from labelyard.generate.steps.embed.clip import CLIP
    from labelyard.generate.steps.ground.groundingdino import GroundingDino
    from labelyard.generate.steps.segment.sam_hq import SamHQ
    from labelyard.generate.steps.tag.ram import RAM
    from tests.tiny.caption import make_blip2
    from tests.tiny.embed import make_clip
    from tests.tiny.ground import make_groundingdino
    from tests.tiny.segment import make_sam_hq
    from tests.tiny.tag import IMAGE_SIZE, make_ram

    def setup() -> None:
        if not folder.exists():
            make_ram(folder / "ram")
            make_groundingdino(folder / "groundingdino")
            make_sam_hq(folder / "sam_hq")
            make_blip2(folder / "blip2")
            make_clip(folder / "clip", width=768)

    def build(singly: bool) -> Steps:
        one: dict[str, Any] = {"batch_size": 1} if singly else {}
        small: dict[str, Any] = {"short_side": 160, "long_side": 266}
        return {
            "tag": RAM(checkpoint=str(folder / "ram" / "ram.pth"), image_size=IMAGE_SIZE, **one),
            "ground": GroundingDino(checkpoint=str(folder / "groundingdino"), **small, **one),
            "segment": SamHQ(checkpoint=str(folder / "sam_hq"), **one),
            "caption": BLIP2(checkpoint=str(folder / "blip2"), max_new_tokens=6, dtype="float32", **one),
            "embed": CLIP(checkpoint=str(folder / "clip"), **one),
        }

    return Kit("tiny", build, setup)


@dataclass(kw_only=True)
class Given(Step):
    """The step of a network with random weights, which finds nothing real: it works, and what comes after it gets
    what was given: eight tags, or so many boxes."""

    writes: ClassVar[tuple[str, ...]] = ("tags", "instances")

    inner: Any
    boxes: int = 0

    def setup(self, device: str) -> None:
        self.inner.setup(device)

    def free(self) -> None:
        self.inner.free()

    def __call__(self, records: Sequence[Record]) -> None:
        self.inner(records)
        for record in records:
            if not self.boxes:
                record.tags = [Tag(name, 0.9) for name in TAGS]
            else:
                record.instances = [box(k, record) for k in range(self.boxes)]


def box(number: int, record: Record) -> Instance:
    """From an eighth of the picture's sides to three quarters, here and there in it."""
    part = 0.125 + 0.625 * ((number * 5) % 8) / 7
    left, top = ((number * 3) % 7) / 6 * (1 - part), ((number * 4) % 5) / 4 * (1 - part)
    width, height = record.width, record.height
    sides = (left * width, top * height, (left + part) * width, (top + part) * height)
    return Instance(sides, 0.9, TAGS[number % len(TAGS)])


@dataclass(frozen=True)
class Full:
    """The published sizes with random weights."""

    folder: Path
    segment: str = "h"
    caption: str = "blip2-opt-2.7b"
    dtype: str = "bfloat16"
    boxes: int = 8
    pipeline: str = "instances"
    options: dict[str, dict[str, Any]] = field(default_factory=dict)  # of single steps, beyond the defaults

    def kit(self) -> Kit:
        return Kit("full", self._build, self._make)

    @property
    def networks(self) -> dict[str, Published]:
        return networks(self.pipeline, self.segment, [self.caption])

    def _make(self) -> None:
        for network in self.networks.values():
            network.made(self.folder)

    def _build(self, singly: bool) -> Steps:
        steps: Steps = {}
        for name, network in self.networks.items():
            options = {"batch_size": 1, "dtype": "float32"} if singly else {"dtype": self.dtype}
            more = {} if singly else self.options.get(name, {})
            steps[name] = network.build(self.folder, **{**options, **more})
        steps["tag"] = Given(inner=steps["tag"])
        steps["ground"] = Given(inner=steps["ground"], boxes=self.boxes)
        return steps


def tiny_today(folder: Path) -> Kit:
    """The pipeline `instances2026` with tiny networks, which find what they find."""

    def setup() -> None:
        if not folder.exists():
            today.make_tiny(folder)

    def build(singly: bool) -> Steps:
        one: dict[str, Any] = {"batch_size": 1} if singly else {}
        return {
            name: network.build(folder, **{"dtype": "float32", **today.SMALL.get(name, {}), **one})
            for name, network in today.networks().items()
        }

    return Kit("tiny", build, setup)
