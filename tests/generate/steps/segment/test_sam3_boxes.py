"""SAM 3 asked with boxes, out of a checkpoint that holds both of its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.contract import run_on_copies
from labelyard.generate.steps.segment.sam3 import Sam3Boxes
from labelyard.utils.rle import decode
from tests.generate.steps.segment import checks
from tests.tiny.sam3 import make_sam3, make_whole_sam3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whole_sam3(tmp_path_factory.mktemp("tiny") / "sam3")


@pytest.fixture(scope="module")
def step(folder: Path) -> Sam3Boxes:
    return ready(folder)


def ready(folder: Path) -> Sam3Boxes:
    step = Sam3Boxes(checkpoint=str(folder), boxes_at_once=3, batch_size=4)
    step.setup("cpu")
    return step


def test_a_mask_for_every_box(step: Sam3Boxes) -> None:
    checks.assert_a_mask_for_every_box(step)


def test_alone_and_in_company(step: Sam3Boxes) -> None:
    checks.assert_alone_and_in_company(step)


def test_portions_of_boxes_do_not_matter(step: Sam3Boxes) -> None:
    checks.assert_portions_do_not_matter(step)


def test_batches_and_portions_differ_by_rounding_only(folder: Path) -> None:
    checks.assert_portions_differ_by_rounding_only(lambda: ready(folder))


def test_it_is_what_the_model_says_of_the_whole_picture(folder: Path, step: Sam3Boxes) -> None:
    """By transformers' own class, from pixels between -1 and 1, each box by itself."""
    import torch
    from torch.nn.functional import interpolate
    from transformers import Sam3TrackerModel

    from labelyard.generate.steps.tools.pixels import to_tensor

    model = Sam3TrackerModel.from_pretrained(str(folder)).eval()
    one = checks.sample()[0]
    (found,) = run_on_copies(step, [one])
    whole = to_tensor(one.image, (0.0,) * 3, (1.0,) * 3)[None]
    pixels = interpolate(whole, (56, 56), mode="bilinear", align_corners=False, antialias=True) * 2 - 1
    for instance in found.instances:
        x1, y1, x2, y2 = instance.box
        across, down = 56 / one.width, 56 / one.height
        box = torch.tensor([[[x1 * across, y1 * down, x2 * across, y2 * down]]])
        with torch.inference_mode():
            answer = model(pixel_values=pixels, input_boxes=box, multimask_output=False)
            mask = interpolate(answer.pred_masks[0], (one.height, one.width), mode="bilinear", align_corners=False)
        assert instance.mask is not None
        assert ((mask[0, 0] > 0).numpy() != decode(instance.mask)).mean() < 1e-4


def test_a_checkpoint_of_the_other_part_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError):
        ready(make_sam3(tmp_path / "names"))
    with pytest.raises(ValueError, match="compile=true: SAM3 is not compiled"):
        Sam3Boxes(compile=True)


def test_names_are_asked_of_the_same_checkpoint(folder: Path) -> None:
    from labelyard.generate.steps.models.sam.sam3 import Sam3Network

    network = Sam3Network(str(folder), None, "float32", "cpu")
    seen = network.seen([network.pixels(checks.sample()[0].image)])
    assert len(network.things(seen, 0, ["a cat", "a dog"], 0.0, 2)) == 2
