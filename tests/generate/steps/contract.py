"""What every step is held to, for the tests of all of them: a record's result does not depend on its company."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from PIL import Image

from generate.record import Item, Record
from generate.step import Step


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


def assert_company_does_not_matter(step: Step, records: Sequence[Record], tolerance: float = 0.0) -> None:
    """Each record alone, all together, in reverse, and once more over its own result: always the same.

    `tolerance` is for numbers from models whose batched arithmetic rounds differently; it is 0 where that can be had.
    What the step doesn't write must come out as it went in.
    """
    assert len(records) > 1, "company needs two"
    together = run_on_copies(step, records)
    alone = [run_on_copies(step, [record])[0] for record in records]
    reverse = run_on_copies(step, records[::-1])[::-1]
    again = run_on_copies(step, together)
    for name, others in (("alone", alone), ("in reverse order", reverse), ("a second time", again)):
        for one, other in zip(together, others, strict=True):
            _assert_same(one, other, tolerance, f"{one.item.id} {name}")
    for before, after in zip(records, together, strict=True):
        _assert_only_writes(step, before, after)


def _assert_only_writes(step: Step, before: Record, after: Record) -> None:
    written = {name.split(".")[0] for name in step.writes}
    for field in fields(Record):
        if field.name not in written:
            where = f"{before.item.id}.{field.name} (not in {type(step).__name__}.writes)"
            _assert_same(getattr(before, field.name), getattr(after, field.name), 0.0, where)


def _assert_same(one: Any, other: Any, tolerance: float, where: str) -> None:
    assert type(one) is type(other), f"{where}: {one!r} and {other!r}"
    if isinstance(one, Image.Image):
        assert (one.mode, one.size) == (other.mode, other.size), where
        assert one.tobytes() == other.tobytes(), f"{where}: other pixels"
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=where)
    elif is_dataclass(one):
        for field in fields(one):
            mine, theirs = getattr(one, field.name), getattr(other, field.name)
            _assert_same(mine, theirs, tolerance, f"{where}.{field.name}")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            _assert_same(one[name], other[name], tolerance, f"{where}[{name!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), f"{where}: {len(one)} and {len(other)} of them"
        for position, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            _assert_same(mine, theirs, tolerance, f"{where}[{position}]")
    elif isinstance(one, float):
        assert abs(one - other) <= tolerance, f"{where}: {one!r} and {other!r}"
    else:
        assert one == other, f"{where}: {one!r} and {other!r}"
