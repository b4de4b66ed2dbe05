from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.steps.contract import run_on_copies
from labelyard.generate.steps.segment.sam_hq import SamHQ
from tests.generate.steps.segment import checks
from tests.tiny.segment import make_sam_hq


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sam_hq(tmp_path_factory.mktemp("tiny") / "sam_hq")


@pytest.fixture(scope="module")
def step(folder: Path) -> SamHQ:
    return ready(folder)


def ready(folder: Path) -> SamHQ:
    step = SamHQ(checkpoint=str(folder), boxes_at_once=3, batch_size=4)
    step.setup("cpu")
    return step


def test_a_mask_for_every_box(step: SamHQ) -> None:
    checks.assert_a_mask_for_every_box(step)


def test_alone_and_in_company(step: SamHQ) -> None:
    checks.assert_alone_and_in_company(step)


def test_portions_of_boxes_do_not_matter(step: SamHQ) -> None:
    checks.assert_portions_do_not_matter(step)


def test_batches_and_portions_differ_by_rounding_only(folder: Path) -> None:
    checks.assert_portions_differ_by_rounding_only(lambda: ready(folder))


def test_masks_that_are_there_stay_where_only_missing_ones_are_made(folder: Path, step: SamHQ) -> None:
    fills = SamHQ(checkpoint=str(folder), only_missing=True)
    fills.setup("cpu")
    records = checks.sample()[:2]
    given = {"size": [300, 451], "counts": "there"}
    records[0].instances[1].mask = given  # type: ignore[assignment]
    whole = run_on_copies(step, checks.sample()[:2])
    for one, all_made in zip(run_on_copies(fills, records), whole, strict=True):
        for number, (found, made) in enumerate(zip(one.instances, all_made.instances, strict=True)):
            there = one is not all_made and found.mask == given
            assert there == (one.item.index == 0 and number == 1)
            assert there or (found.mask, found.extra) == (made.mask, {"mask_source": "HQ_SAM"})
    assert fills.reads == (*step.reads, "instances.mask")
