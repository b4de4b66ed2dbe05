from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.masks.everything import Everything, EverythingBySam, EverythingBySam2
from labelyard.generate.steps.tools.mask_colours import APART, WHITE, colours
from labelyard.utils.rle import area, decode
from tests.tiny.segment import make_sam, make_sam2

LENIENT = {"points": 3, "least_score": 0.0, "least_stability": 0.0, "iou_threshold": 0.8, "keep_masks": True}


@pytest.fixture(scope="module", params=["sam2", "sam"])
def step(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Everything:
    folder = tmp_path_factory.mktemp("tiny") / request.param
    kind, make = (EverythingBySam2, make_sam2) if request.param == "sam2" else (EverythingBySam, make_sam)
    made: Everything = kind(checkpoint=str(make(folder)), **LENIENT)  # type: ignore[arg-type]
    made.setup("cpu")
    return made


def test_every_mask_in_its_colour_the_smaller_on_top_and_white_where_none_is(step: Everything) -> None:
    (done,) = run_on_copies(step, [photo("coffee", (60, 40))])
    made = done.images["masks"]
    each = made.meta["each"]
    assert made.image.size == (60, 40) and made.meta["masks"] == len(each) > 0
    sizes = [area(one["mask"]) for one in each]
    assert sizes == sorted(sizes, reverse=True)
    expected = np.full((40, 60, 3), 255, dtype=np.uint8)
    for one in each:
        expected[decode(one["mask"])] = one["colour"]
    assert np.array_equal(np.asarray(made.image), expected)


def test_alone_and_in_company(step: Everything) -> None:
    assert_company_does_not_matter(step, [photo("coffee", (60, 40)), photo("chelsea", (48, 48))], disturbed=False)


def test_only_what_it_is_sure_of(step: Everything) -> None:
    step.least_score = 1.0
    try:
        (done,) = run_on_copies(step, [photo("coffee", (60, 40))])
    finally:
        step.least_score = 0.0
    assert done.images["masks"].meta["masks"] == 0 and (np.asarray(done.images["masks"].image) == 255).all()


def test_colours_are_apart_from_white_and_from_each_other() -> None:
    found = np.array(colours(30, 5, WHITE), dtype=float)
    assert np.linalg.norm(found - 255, axis=1).min() >= APART
    largest = found[:20]
    apart = np.linalg.norm(largest[:, None] - largest[None], axis=2) + 1e9 * np.eye(20)
    assert apart.min() >= APART
    assert colours(30, 5, WHITE) == colours(30, 5, WHITE) != colours(30, 6, WHITE)


def test_points_are_the_middles_of_cells(tmp_path: Path) -> None:
    grid = EverythingBySam2(points=2)._grid((80, 40))
    assert grid.tolist() == [[20, 10], [60, 10], [20, 30], [60, 30]]
