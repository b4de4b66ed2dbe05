"""The tasks: which samples a picture gives, and what is drawn for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.exporters.instructcv import codings, draws
from labelyard.generate.exporters.instructcv.codings import Box, Colour
from labelyard.generate.exporters.instructcv.pictures import Picture, Thing
from labelyard.generate.media.metres import is_metric, values
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.rle import Rle

if TYPE_CHECKING:
    from PIL.Image import Image

# What a picture is restored from, as its tag says: the word for it in names and templates.
RESTORED = {"rain": "derain", "dark": "enhance", "noise": "denoise"}
# How boxes are drawn where a dataset has its own way: colour, width.
BOXES = {"pets": ("blue", 6), "voc": ("red", 5)}
USUAL_BOX = ("blue", 4)
# Parts of a thing that a task is not about.
NOT_OF = {"det": ("body", "border"), "seg": ("head", "border")}


@dataclass(frozen=True)
class Coding:
    """How targets are drawn."""

    seed: int = 0
    box_colour: str | None = None
    box_width: int | None = None
    box_filled: bool = False
    seg_colour: Colour = (255, 255, 255)
    crowd: bool = False
    border: int = 0
    farthest: float = 10.0
    nearest_level: bool = False
    normalised: bool = False
    negatives: int | None = 1  # of each positive; None: all absent classes
    palette: tuple[Colour, ...] = ()
    classes: tuple[str, ...] = ()  # that there are, of all pictures


@dataclass(frozen=True)
class Sample:
    """One pair, before it is drawn."""

    task: str
    word: str  # of the task, in names and in the templates' files
    label: str = ""
    sign: str = ""
    colours: tuple[str, str] = ("", "")  # if it is there, if not
    boxes: tuple[Box, ...] = ()
    masks: tuple[Rle, ...] = ()
    borders: tuple[Rle, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def _by_label(things: Sequence[Thing], task: str) -> dict[str, list[Thing]]:
    found: dict[str, list[Thing]] = {}
    for thing in things:
        if thing.given.get("part") not in NOT_OF[task]:
            found.setdefault(thing.label, []).append(thing)
    return found


def _det(picture: Picture, coding: Coding) -> list[Sample]:
    there = _by_label([thing for thing in picture.things if not thing.given.get("stuff")], "det")
    return [Sample("det", "det", label, boxes=tuple(thing.box for thing in of)) for label, of in there.items()]


def _seg(picture: Picture, coding: Coding) -> list[Sample]:
    taken = [thing for thing in picture.things if coding.crowd or not thing.given.get("iscrowd")]
    borders = tuple(thing.mask for thing in picture.things if thing.given.get("part") == "border" and thing.mask)
    found: list[Sample] = []
    for label, of in _by_label(taken, "seg").items():
        if masks := tuple(thing.mask for thing in of if thing.mask is not None):
            found.append(Sample("seg", "seg", label, masks=masks, borders=borders))
    return found


def _cls(picture: Picture, coding: Coding) -> list[Sample]:
    present = picture.classes
    absent = [label for label in coding.classes if label not in set(present)]
    about = (coding.seed, picture.item.id, "cls")
    if coding.negatives is not None and present:
        absent = draws.some_of(absent, coding.negatives * len(present), *about, "absent")
    return [
        Sample("cls", "cls", label, sign, _colours(*about, label))
        for sign, labels in (("pos", present), ("neg", absent if present else []))
        for label in labels
    ]


def _colours(*about: str | int) -> tuple[str, str]:
    names = list(codings.PALETTE)
    there = draws.one_of(names, *about, "present")
    return there, draws.one_of([name for name in names if name != there], *about, "otherwise")


def _depes(picture: Picture, coding: Coding) -> list[Sample]:
    entry = picture.body.get("images", {}).get("depth")
    return [Sample("depes", "depes")] if entry is not None and (coding.normalised or is_metric(entry)) else []


def _panoptic(picture: Picture, coding: Coding) -> list[Sample]:
    there = [thing for thing in picture.things if thing.mask and "category" in thing.given]
    return [Sample("panoptic", "panoptic")] if there else []


def _restore(picture: Picture, coding: Coding) -> list[Sample]:
    if "clean" not in picture.body.get("images", {}):
        return []
    word = next((RESTORED[tag["name"]] for tag in picture.body["tags"] if tag["name"] in RESTORED), None)
    return [] if word is None else [Sample("restore", word)]


def _draw_det(picture: Picture, sample: Sample, coding: Coding) -> Image:
    if coding.box_filled:
        return codings.filled(picture.size, sample.boxes)
    colour, width = BOXES.get(picture.dataset, USUAL_BOX)
    colour, width = coding.box_colour or colour, coding.box_width or width
    return codings.boxed(picture.image, sample.boxes, codings.colour_of(colour, "box_colour"), width)


def _draw_seg(picture: Picture, sample: Sample, coding: Coding) -> Image:
    return codings.masked(sample.masks, sample.borders, coding.seg_colour, coding.border)


def _draw_depes(picture: Picture, sample: Sample, coding: Coding) -> Image:
    from PIL import Image as Pillow

    pixels, meta = picture.side_pixels("depth")
    if pixels.size != picture.size:
        pixels = pixels.resize(picture.size, Pillow.Resampling.NEAREST)
    depths = values(pixels, meta)
    return (
        codings.normalised(depths)
        if coding.normalised
        else codings.greys(depths, coding.farthest, coding.nearest_level)
    )


def _draw_panoptic(picture: Picture, sample: Sample, coding: Coding) -> Image:
    parts = [(thing.given["category"], thing.mask) for thing in picture.things if thing.mask]
    known = [(number, mask) for number, mask in parts if type(number) is int]
    if beyond := [number for number, _ in known if not 0 <= number < len(coding.palette)]:
        raise ItemError(f"class {beyond[0]} has no colour: the palette has {len(coding.palette)}", picture.item.id)
    return codings.painted(known, coding.palette, picture.size)


def _draw_restore(picture: Picture, sample: Sample, coding: Coding) -> Image:
    pixels, _ = picture.side_pixels("clean")
    if pixels.size != picture.size:
        one, other = (f"{width}x{height}" for width, height in (picture.size, pixels.size))
        raise ItemError(f"the clean image has {other} pixels, not {one}", picture.item.id)
    return pixels.convert("RGB")


@dataclass(frozen=True)
class Task:
    needs: str  # in words, for whoever has none of it
    samples: Callable[[Picture, Coding], list[Sample]]
    draw: Callable[[Picture, Sample, Coding], Image] | None = None  # None: one colour


TASKS: Mapping[str, Task] = {
    "det": Task("instances", _det, _draw_det),
    "seg": Task("instances with masks", _seg, _draw_seg),
    "cls": Task("tags or instances (or labels=KEY, a key that holds the class)", _cls),
    "depes": Task("images.depth in metres (depth=normalised takes relative depth, too)", _depes, _draw_depes),
    "panoptic": Task("instances with masks and the number of their class (source=ade20k)", _panoptic, _draw_panoptic),
    "restore": Task("images.clean and a tag rain, dark or noise (source=paired)", _restore, _draw_restore),
}


def target(picture: Picture, sample: Sample, coding: Coding, ending: str) -> bytes:
    draw = TASKS[sample.task].draw
    if draw is not None:
        made = draw(picture, sample, coding)
        if made.size != picture.size:
            raise ItemError(f"a {sample.task} target of {made.size}, for an image of {picture.size}", picture.item.id)
        return codings.encoded(made, ending)
    shown = sample.colours[sample.sign == "neg"]
    return codings.plain(codings.PALETTE[shown], picture.size, ending)


def tasks_of(text: str) -> list[str]:
    """det,seg as well as ['det', 'seg'] and [det]."""
    found = list(dict.fromkeys(text.translate(str.maketrans("[]'\",", "     ")).split()))
    for task in found:
        if task not in TASKS:
            likely = nearest(task, list(TASKS))
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"tasks={text}: there is no task '{task}'. Tasks: {', '.join(TASKS)}.{hint}")
    if not found:
        raise UserError(f"tasks={text}: give some of {', '.join(TASKS)}")
    return found
