from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.steps.segment.sam2 import Sam2
from tests.generate.steps.segment import checks
from tests.tiny.segment import make_sam2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sam2(tmp_path_factory.mktemp("tiny") / "sam2")


@pytest.fixture(scope="module")
def step(folder: Path) -> Sam2:
    return ready(folder)


def ready(folder: Path) -> Sam2:
    step = Sam2(checkpoint=str(folder), boxes_at_once=3, batch_size=4)
    step.setup("cpu")
    return step


def test_a_mask_for_every_box(step: Sam2) -> None:
    checks.assert_a_mask_for_every_box(step)


def test_alone_and_in_company(step: Sam2) -> None:
    checks.assert_alone_and_in_company(step)


def test_portions_of_boxes_do_not_matter(step: Sam2) -> None:
    checks.assert_portions_do_not_matter(step)


def test_batches_and_portions_differ_by_rounding_only(folder: Path) -> None:
    checks.assert_portions_differ_by_rounding_only(lambda: ready(folder))
