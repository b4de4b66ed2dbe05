"""What every step is held to, for the tests of all of them: a record's result does not depend on its company."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from labelyard.generate.aside import others, put_aside
from labelyard.generate.record import Instance, Item, Record, SideImage, Tag
from labelyard.generate.step import Step
from labelyard.generate.steps.rounding import VISIBLE, rounding_by_place


def photo(name: str, size: tuple[int, int] | None = None) -> Record:
    """A record of a real photo that comes with scikit-image or scikit-learn, reduced to `size` if one is given."""
    import skimage.data
    from sklearn.datasets import load_sample_image

    if name in ("china", "flower"):
        pixels = load_sample_image(f"{name}.jpg")
    else:
        pixels = skimage.data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(skimage.data, name)()
    image = Image.fromarray(pixels)
    return Record(item=Item(name, 0, f"{name}.png", ""), image=image.resize(size) if size else image)


def run_on_copies(step: Step, records: Sequence[Record]) -> list[Record]:
    """The step's results on copies, so that the same untouched records can go in again."""
    copies = [copy.deepcopy(record) for record in records]
    step(copies)
    return copies


def assert_company_does_not_matter(step: Step, records: Sequence[Record], disturbed: bool = True) -> None:
    """To the bit: each record alone, first, last and in the middle, among many and few, and over its own result.

    Once as this machine computes, and once as the worst one might. What the step doesn't write must come out as it
    went in. `disturbed=False` is for steps whose layers can't be reached.
    """
    _assert_same_in_companies(step, records, companies(len(records)))
    if disturbed:
        with rounding_by_place(VISIBLE):
            _assert_same_in_companies(step, records, companies(len(records))[:2])


def companies(count: int) -> list[list[list[int]]]:
    """Ways to call a step with so many records, by their numbers: first all together, then in reverse."""
    assert count > 1, "company needs two"
    everyone = list(range(count))
    half = count // 2
    pairs = [[n, (n + 1) % count] for n in everyone]
    return [[everyone], [everyone[::-1]], [everyone[half:] + everyone[:half]], pairs[::2], [everyone + everyone[:1]]]


def _assert_same_in_companies(step: Step, records: Sequence[Record], ways: Sequence[Sequence[Sequence[int]]]) -> None:
    alone = [run_on_copies(step, [record])[0] for record in records]
    for way in ways:
        for numbers in way:
            found = run_on_copies(step, [records[n] for n in numbers])
            for place, (number, other) in enumerate(zip(numbers, found, strict=True)):
                _assert_same(alone[number], other, f"{other.item.id} at place {place} of {numbers}, and alone")
    for one, other in zip(alone, run_on_copies(step, alone), strict=True):
        _assert_same(one, other, f"{one.item.id} a second time")
    if not others(step.writes):
        _assert_same_aside(step, records, alone)
    for before, after in zip(records, alone, strict=True):
        _assert_only_writes(step, before, after)


def _assert_same_aside(step: Step, records: Sequence[Record], alone: Sequence[Record]) -> None:
    """Kept aside it finds the same, and leaves the record's own fields as they were."""
    copies = [copy.deepcopy(record) for record in records]
    put_aside("kept", step, copies)
    written = {name.split(".")[0] for name in step.writes}
    for before, own, after in zip(records, alone, copies, strict=True):
        kept = after.aside.pop("kept")
        _assert_same(
            before, after, f"{before.item.id} where {type(step).__name__} is kept aside, which its writes allow"
        )
        for name in written - {"texts"}:
            _assert_same(getattr(own, name), getattr(kept, name), f"{before.item.id}.aside.{name}")
        for name, text in (kept.texts or {}).items():
            _assert_same(own.texts[name], text, f"{before.item.id}.aside.texts[{name!r}]")


@contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Steps that are built meanwhile go in batches, though their networks are on the CPU."""
    with patch.object(Step, "_on_gpu", lambda step: True):
        yield


def assert_batches_differ_by_rounding_only(build: Callable[[], Step], records: Sequence[Record]) -> None:
    """What a step gives in batches, as on a GPU, is what it gives each unit alone, as exactly as float32 lets it be
    known: no farther from it than the same network comes whose sums are added up in other orders. `build` gives the
    step, set up, with the size of its batches."""
    alone = [run_on_copies(build(), [record])[0] for record in records]
    bounds = bounds_of_rounding(build(), records, alone)
    with as_on_a_gpu():
        batched = build()
        for numbers in ([*range(len(records))], [*range(len(records))][::-1]):
            found = run_on_copies(batched, [records[n] for n in numbers])
            for number, other in zip(numbers, found, strict=True):
                _assert_within(bounds, leaves(alone[number]), leaves(other), f"{other.item.id} in batches, and alone")


def bounds_of_rounding(step: Step, records: Sequence[Record], alone: Sequence[Record]) -> dict[str, float]:
    """For each kind of number the most that it changes when every layer rounds otherwise."""
    bounds: dict[str, float] = {}
    for seed in range(2):
        with rounding_by_place(seed=seed):
            for record, expected in zip(records, alone, strict=True):
                one, other = leaves(expected), leaves(run_on_copies(step, [record])[0])
                for name in one.keys() & other.keys():
                    if isinstance(one[name], np.ndarray):
                        apart = float(np.abs(one[name] - other[name]).max(initial=0))
                        bounds[kind(name)] = max(bounds.get(kind(name), 0), apart)
    return bounds


def _assert_within(bounds: dict[str, float], one: dict[str, Any], other: dict[str, Any], where: str) -> None:
    assert one.keys() == other.keys(), where
    for name, mine in one.items():
        if isinstance(mine, np.ndarray):
            apart = float(np.abs(mine - other[name]).max(initial=0))
            assert apart <= bounds[kind(name)], f"{where}: {name}: {apart}, where rounding makes {bounds[kind(name)]}"
        else:
            assert mine == other[name], f"{where}: {name}"


def kind(name: str) -> str:
    return re.sub(r"\[\d+\]", "[]", name)


def leaves(found: Any, name: str = "") -> dict[str, Any]:
    """What a step has written, by name: numbers as arrays, words as they are."""
    if isinstance(found, Record):
        return leaves(found.tags, "tags") | leaves(found.instances, "instances")
    if isinstance(found, Tag | Instance):
        named = {f.name: getattr(found, f.name) for f in fields(found) if f.name != "mask"}
        return {k: v for part, value in named.items() for k, v in leaves(value, f"{name}.{part}").items()}
    if isinstance(found, list):
        return {k: v for place, value in enumerate(found) for k, v in leaves(value, f"{name}[{place}]").items()}
    if isinstance(found, float | np.ndarray) or (isinstance(found, tuple) and found):
        return {name: np.asarray(found, dtype=np.float64)}
    return {name: found}


BY_NAME = ("texts", "found", "images", "clips")  # fields that hold several things, each with a name
# What is said along with a field of an instance.
TOGETHER = {"caption": ("caption_source",), "mask": ("mask_source", "mask_from")}


def _assert_only_writes(step: Step, before: Record, after: Record) -> None:
    written = {name.split(".")[0] for name in step.writes}
    said = f"(not in {type(step).__name__}.writes)"
    for field in fields(Record):
        one, other = vars(before)[field.name], vars(after)[field.name]
        if field.name not in written:
            _assert_same(one, other, f"{before.item.id}.{field.name} {said}")
        elif field.name in BY_NAME and field.name not in step.writes:
            its = _parts(step, field.name)
            _assert_same(_without(one, its), _without(other, its), f"{before.item.id}.{field.name} {said}")
    if "instances" in written and "instances" not in step.writes:
        its = _parts(step, "instances")
        for number, (mine, theirs) in enumerate(zip(before.instances, after.instances, strict=True)):
            where = f"{before.item.id}.instances[{number}] {said}"
            _assert_same(_without(_told(mine), its), _without(_told(theirs), its), where)


def _parts(step: Step, field: str) -> set[str]:
    """The names that it writes of a field's: `depth` of `images.depth`."""
    names = {name.split(".")[1] for name in step.writes if name.startswith(f"{field}.")}
    return names | {other for name in names for other in TOGETHER.get(name, ())}


def _told(instance: Instance) -> dict[str, Any]:
    return {**instance.extra, **{f.name: getattr(instance, f.name) for f in fields(instance) if f.name != "extra"}}


def _without(named: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if name not in names}


def _assert_same(one: Any, other: Any, where: str) -> None:
    assert type(one) is type(other), f"{where}: {one!r} and {other!r}"
    if isinstance(one, Image.Image):
        assert (one.mode, one.size) == (other.mode, other.size), where
        assert one.tobytes() == other.tobytes(), f"{where}: other pixels"
    elif isinstance(one, SideImage):
        assert one.ending == other.ending, where
        _assert_same(one.meta, other.meta, f"{where}.meta")
        _assert_same(one.image, other.image, f"{where}.image")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        np.testing.assert_array_equal(one, other, err_msg=where)
    elif is_dataclass(one):
        for field in fields(one):
            mine, theirs = vars(one)[field.name], vars(other)[field.name]  # an absent image is None there
            _assert_same(mine, theirs, f"{where}.{field.name}")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            _assert_same(one[name], other[name], f"{where}[{name!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), f"{where}: {len(one)} and {len(other)} of them"
        for position, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            _assert_same(mine, theirs, f"{where}[{position}]")
    else:
        assert one == other, f"{where}: {one!r} and {other!r}"
