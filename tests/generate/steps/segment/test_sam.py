from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.segment.sam import Sam
from tests.generate.steps.segment import checks
from tests.tiny.segment import make_sam, make_sam_hq


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sam(tmp_path_factory.mktemp("tiny") / "sam")


@pytest.fixture(scope="module")
def step(folder: Path) -> Sam:
    return ready(folder)


def ready(folder: Path) -> Sam:
    step = Sam(checkpoint=str(folder), boxes_at_once=3, batch_size=4)
    step.setup("cpu")
    return step


def test_a_mask_for_every_box(step: Sam) -> None:
    checks.assert_a_mask_for_every_box(step)


def test_alone_and_in_company(step: Sam) -> None:
    checks.assert_alone_and_in_company(step)


def test_portions_of_boxes_do_not_matter(step: Sam) -> None:
    checks.assert_portions_do_not_matter(step)


def test_batches_and_portions_differ_by_rounding_only(folder: Path) -> None:
    checks.assert_portions_differ_by_rounding_only(lambda: ready(folder))


def test_a_checkpoint_of_another_model_is_fatal(tmp_path: Path) -> None:
    import torch

    torch.save({"model": {"visual.weight": torch.zeros(2)}}, tmp_path / "other.pth")
    with pytest.raises(FatalError, match=r"other\.pth: not a SAM checkpoint.*visual\.weight.*sam_vit_h"):
        Sam(checkpoint=str(tmp_path / "other.pth")).setup("cpu")


def test_a_checkpoint_of_sam_hq_is_not_one_of_sam(tmp_path: Path) -> None:
    from labelyard.generate.steps.segment.sam_hq import SamHQ

    with pytest.raises(FatalError, match=r"a checkpoint of 'sam', where .*choose the option sam$"):
        SamHQ(checkpoint=str(make_sam(tmp_path / "sam"))).setup("cpu")
    with pytest.raises(FatalError, match="choose the option sam_hq"):
        Sam(checkpoint=str(make_sam_hq(tmp_path / "hq"))).setup("cpu")


@pytest.mark.skipif(importlib.util.find_spec("segment_anything") is not None, reason="the package is there")
def test_the_authors_package_is_named_where_it_is_missing() -> None:
    with pytest.raises(FatalError, match=r"segment_anything can't be imported.*pip install -e '\.\[native\]'"):
        Sam(checkpoint="sam_vit_b_01ec64.pth", backend="native").setup("cpu")
