from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from labelyard.generate.steps.contract import run_on_copies
from labelyard.generate.steps.segment.edgetam import EdgeTam
from labelyard.utils.rle import decode
from tests.generate.steps.segment import checks
from tests.tiny.segment import make_edgetam

TIMM = all(find_spec(name) for name in ("timm", "torchvision"))
FORMS = [False, pytest.param(True, marks=pytest.mark.skipif(not TIMM, reason="timm or torchvision is not installed"))]


@pytest.fixture(scope="module", params=FORMS, ids=["a backbone of ours", "timm's"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_edgetam(tmp_path_factory.mktemp("tiny") / "edgetam", timm=request.param)


@pytest.fixture(scope="module")
def step(folder: Path) -> EdgeTam:
    return ready(folder)


def ready(folder: Path) -> EdgeTam:
    step = EdgeTam(checkpoint=str(folder), boxes_at_once=3, batch_size=4)
    step.setup("cpu")
    return step


def test_a_mask_for_every_box(step: EdgeTam) -> None:
    checks.assert_a_mask_for_every_box(step)


def test_alone_and_in_company(step: EdgeTam) -> None:
    checks.assert_alone_and_in_company(step)


def test_portions_of_boxes_do_not_matter(step: EdgeTam) -> None:
    checks.assert_portions_do_not_matter(step)


def test_batches_and_portions_differ_by_rounding_only(folder: Path) -> None:
    checks.assert_portions_differ_by_rounding_only(lambda: ready(folder))


def test_it_is_what_the_model_says_of_the_whole_picture(step: EdgeTam) -> None:
    """From pixels at once, each box by itself, and back to the picture's size by hand."""
    import torch
    from torch.nn.functional import interpolate

    one = checks.sample()[0]
    (found,) = run_on_copies(step, [one])
    masker = step.loaded.masker
    for instance in found.instances:
        x1, y1, x2, y2 = instance.box
        across, down = masker.side / one.width, masker.side / one.height
        box = torch.tensor([[[x1 * across, y1 * down, x2 * across, y2 * down]]])
        with torch.inference_mode():
            answer = masker._model(pixel_values=masker.pixels(one.image)[None], input_boxes=box, multimask_output=False)
            whole = interpolate(answer.pred_masks[0], (one.height, one.width), mode="bilinear", align_corners=False)
        assert instance.mask is not None
        assert ((whole[0, 0] > 0).numpy() != decode(instance.mask)).mean() < 1e-4


def test_the_published_checkpoint_wants_timm_and_a_folder_says_whether_it_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("labelyard.generate.steps.tools.timm.find_spec", lambda name: None)
    assert "no timm and no torchvision; pip install timm" in (EdgeTam().lacking() or "")
    (tmp_path / "config.json").write_text('{"vision_config": {"backbone_config": {"model_type": "timm_wrapper"}}}')
    assert "pip install timm" in (EdgeTam(checkpoint=str(tmp_path)).lacking() or "")
    (tmp_path / "config.json").write_text('{"vision_config": {"backbone_config": {"model_type": "tiny_maps"}}}')
    assert EdgeTam(checkpoint=str(tmp_path)).lacking() is None
    assert EdgeTam(checkpoint=str(tmp_path / "none")).lacking() is None, "what is wrong there is told at its start"
    with pytest.raises(ValueError, match="compile=true: EdgeTAM is not compiled"):
        EdgeTam(compile=True)
