from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelyard.generate.record import Instance, MadeImage
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.depth.depth_anything import DepthAnything
from labelyard.generate.steps.depth.depth_maps import median_in_box, median_of, picture
from labelyard.generate.steps.depth.dpt import Dpt
from labelyard.generate.steps.rounding import rounding_by_place
from labelyard.utils.rle import encode
from tests.tiny.depth import make_depth_anything, make_dpt
from tests.tiny.records import record

BOXES = [(10.0, 20.0, 200.0, 250.0), (100.0, 50.0, 300.0, 290.0)]


@pytest.fixture(scope="module", params=["depth_anything", "dpt"])
def step(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tiny") / request.param
    made: DepthAnything | Dpt
    if request.param == "dpt":
        made = Dpt(checkpoint=str(make_dpt(folder)))
    else:
        made = DepthAnything(checkpoint=str(make_depth_anything(folder)))
    made.setup("cpu")
    return made


def values(made: MadeImage) -> Any:
    return np.asarray(made.image).astype(np.float64) * made.meta["scale"] + made.meta["offset"]


def test_a_picture_of_16_bits_at_the_size_of_the_image(step: Any) -> None:
    for one in run_on_copies(step, [record("china"), record("chelsea", boxes=BOXES)]):
        made = one.images["depth"]
        assert made.image.mode == "I;16" and made.image.size == one.image.size
        pixels = np.asarray(made.image)
        assert (pixels.min(), pixels.max()) == (0, 65535)
        assert made.meta["near_is_large"] is True and made.meta["unit"] == "relative inverse depth"
        for instance in one.instances:
            x1, y1, x2, y2 = (int(side) for side in instance.box)
            expected = float(np.median(values(made)[y1:y2, x1:x2]))
            assert abs(instance.extra["median_depth"] - expected) <= made.meta["scale"]
    assert step.model()["checkpoint"] == step.checkpoint


def test_alone_and_in_company(step: Any) -> None:
    records = [
        record("china", boxes=BOXES, index=0),
        record("flower", boxes=BOXES[:1], index=1),
        record("chelsea", index=2),
        record("flower", index=3),
    ]
    assert_company_does_not_matter(step, records)


def test_batches_differ_by_rounding_only(step: Any) -> None:
    records = [record("china", boxes=BOXES), record("flower", boxes=BOXES), record("chelsea", boxes=BOXES)]
    alone = run_on_copies(step, records)
    with rounding_by_place():
        disturbed = run_on_copies(step, records)
    with as_on_a_gpu():
        batched = type(step)(checkpoint=step.checkpoint, batch_size=3)
        batched.setup("cpu")
        together = run_on_copies(batched, records)
    for one, by_rounding, other in zip(alone, disturbed, together, strict=True):
        depth = values(one.images["depth"])
        bound = np.abs(values(by_rounding.images["depth"]) - depth).max() + one.images["depth"].meta["scale"]
        assert np.abs(values(other.images["depth"]) - depth).max() <= bound
        for instance, same in zip(one.instances, other.instances, strict=True):
            assert abs(instance.extra["median_depth"] - same.extra["median_depth"]) <= bound


def test_value_is_pixel_times_scale_plus_offset(tmp_path: Path) -> None:
    from PIL import Image

    depth = np.random.default_rng(0).uniform(-3, 250, (40, 60)).astype(np.float32)
    made = picture(depth, "metric")
    assert made.meta["unit"] == "metre" and made.meta["near_is_large"] is False
    made.image.save(tmp_path / "depth.png")
    with Image.open(tmp_path / "depth.png") as read:
        np.testing.assert_allclose(values(MadeImage(read.copy(), made.meta)), depth, atol=made.meta["scale"] * 0.51)


def test_a_flat_depth_keeps_its_value() -> None:
    made = picture(np.full((4, 5), 7.5, dtype=np.float32), "inverse")
    np.testing.assert_array_equal(values(made), 7.5)


def test_the_median_is_that_of_the_mask_or_of_the_box() -> None:
    depth = np.arange(100, dtype=np.float32).reshape(10, 10)
    mask = np.zeros((10, 10), dtype=bool)
    mask[9, 7:] = True
    box = (0.0, 0.0, 2.0, 1.0)
    assert median_of(depth, Instance(box=box, score=1, label="x")) == 0.5
    assert median_of(depth, Instance(box=box, score=1, label="x", mask=encode(mask))) == 98.0
    assert median_of(depth, Instance(box=box, score=1, label="x", mask=encode(mask & False))) == 0.5
    assert median_of(depth, Instance(box=(9.7, 9.7, 10.0, 10.0), score=1, label="x")) == 99.0


def test_metric_checkpoints_say_so(tmp_path: Path) -> None:
    step = DepthAnything(checkpoint=str(make_depth_anything(tmp_path, metric=True)))
    step.setup("cpu")
    (one,) = run_on_copies(step, [record("chelsea")])
    meta = one.images["depth"].meta
    assert (meta["unit"], meta["near_is_large"]) == ("metre", False)
    with pytest.raises(ValueError, match="inverse, metric"):
        Dpt(numbers="feet")


def test_of_a_box_whole_pixels_count_and_what_was_not_measured_does_not() -> None:
    depth = np.arange(100, dtype=np.float32).reshape(10, 10)
    assert median_in_box(depth, (-3, 0.9, 2.9, 1.9)) == 0.5
    assert median_in_box(depth, (8.9, 9.5, 40, 40)) == 98.5
    assert median_in_box(depth, (3.2, 3.2, 3.9, 9)) is None, "between two pixels there is none"
    assert median_in_box(depth, (0, 0, 2, 1), nothing=0) == 1 and median_in_box(depth, (0, 0, 1, 1), nothing=0) is None
    depth[0, 0] = np.nan
    assert median_in_box(depth, (0, 0, 2, 1)) == 1
    assert median_of(depth, Instance(box=(0, 0, 1, 1), score=1, label="x")) is None


def test_medians_alone_and_of_objects_where_there_are_any(step: Any) -> None:
    kwargs = {"keep": False, "within": "box", "of_floating": False}
    medians = type(step)(checkpoint=step.checkpoint, **kwargs)
    assert medians.writes == ("instances.median_depth",) and medians.reads == ("image", "instances")
    medians.setup("cpu")
    whole = record("chelsea", boxes=BOXES)
    floating = record("chelsea", boxes=BOXES[:1])
    for one in (whole, floating):
        one.instances[0].extra["role"] = "floating"
    (some, others) = run_on_copies(medians, [whole, floating])
    assert some.images == {} and ["median_depth" in one.extra for one in some.instances] == [False, True]
    assert "median_depth" in others.instances[0].extra
    with pytest.raises(ValueError, match="keep_given=true: there is no picture to keep"):
        type(step)(keep=False, keep_given=True)
