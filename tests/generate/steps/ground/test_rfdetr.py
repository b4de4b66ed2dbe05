"""RF-DETR, which transformers frames with torchvision alone: framed here, and asked as it is asked there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.coco import NAMES
from labelyard.generate.steps.ground.rfdetr import RfDetr
from labelyard.utils.rle import decode
from tests.support.photos import photo
from tests.tiny.ground import make_rfdetr

LEAST = 0.2


def small(name: str, size: tuple[int, int]) -> Record:
    return Record(Item(name, 0, f"{name}.jpg", ""), photo(name).resize(size))


RECORDS = [small("china", (60, 40)), small("chelsea", (40, 60)), small("coffee", (60, 40))]


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> RfDetr:
    step = RfDetr(checkpoint=str(make_rfdetr(tmp_path_factory.mktemp("tiny") / "rfdetr")), box_threshold=LEAST)
    step.setup("cpu")
    return step


def test_boxes_and_masks_alone_and_in_company(step: RfDetr) -> None:
    found = run_on_copies(step, RECORDS)
    for one in found:
        scores = [i.score for i in one.instances]
        assert scores and min(scores) > LEAST and scores == sorted(scores, reverse=True)
        assert {i.label for i in one.instances} <= {"cat", "bird house"}, "a kind that is none is left out"
        assert all(i.mask is not None and i.mask["size"] == [one.height, one.width] for i in one.instances)
    assert {i.label for one in found for i in one.instances} == {"cat", "bird house"}
    assert_company_does_not_matter(step, RECORDS)
    with as_on_a_gpu():
        batched = RfDetr(checkpoint=step.checkpoint, box_threshold=LEAST, batch_size=2)
        batched.setup("cpu")
        for one, other in zip(found, run_on_copies(batched, RECORDS), strict=True):
            mine, theirs = ([[i.score, *i.box] for i in record.instances] for record in (one, other))
            np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_it_is_what_the_model_says(step: RfDetr) -> None:
    """The authors' way from its answer to things, by hand."""
    import torch

    one = RECORDS[0]
    (found,) = run_on_copies(step, [one])
    pixels = torch.from_numpy(np.array(one.image)).permute(2, 0, 1)[None].float() / 255
    pixels = torch.nn.functional.interpolate(pixels, (48, 64), mode="bilinear", align_corners=False)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        answer = step.loaded.model((pixels - mean) / std)
    scores, places = answer.logits[0].sigmoid().flatten().topk(8)
    wanted = [(s, p // 3) for s, p in zip(scores.tolist(), places.tolist(), strict=True) if s > LEAST and p % 3 != 2]
    assert len(wanted) == len(found.instances) > 2
    for (score, query), instance in zip(wanted, found.instances, strict=True):
        x, y, w, h = (answer.pred_boxes[0, query] * torch.tensor([60, 40, 60, 40])).tolist()
        box = np.clip([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 0, [60, 40, 60, 40])
        assert instance.score == pytest.approx(score, abs=1e-5) and instance.box == pytest.approx(tuple(box), abs=1e-3)
        whole = torch.nn.functional.interpolate(answer.pred_masks[:, query, None], (40, 60), mode="bilinear")[0, 0] > 0
        assert instance.mask is not None and (decode(instance.mask) == whole.numpy()).mean() > 0.999


def test_a_checkpoint_without_masks_or_names(tmp_path: Path) -> None:
    unnamed = {number: f"LABEL_{number}" for number in range(len(NAMES))}
    folder = make_rfdetr(tmp_path / "boxes", segments=False, kinds=unnamed)
    with pytest.raises(FatalError, match=r"makes boxes alone; give one that makes masks .* or masks=false"):
        RfDetr(checkpoint=str(folder)).setup("cpu")
    step = RfDetr(checkpoint=str(folder), masks=False, box_threshold=0.0)
    assert step.writes == ("instances",)
    step.setup("cpu")
    (found,) = run_on_copies(step, RECORDS[:1])
    assert found.instances and all(i.mask is None and i.label in NAMES and i.label != "-" for i in found.instances)
