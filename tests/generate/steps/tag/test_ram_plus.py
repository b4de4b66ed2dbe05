"""tag=ram_plus: every tag by several descriptions, weighed for the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.models.ram import network as ram
from labelyard.generate.steps.tag.ram_plus import RAMPlus
from tests.generate.steps.tag.test_ram import photos
from tests.tiny.tag import DESCRIPTIONS, IMAGE_SIZE, TAGS, make_ram, make_ram_plus


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ram_plus(tmp_path_factory.mktemp("ram_plus"))


def ready(checkpoint: Path, descriptions: int = DESCRIPTIONS, threshold: float | None = None) -> RAMPlus:
    step = RAMPlus(checkpoint=str(checkpoint), image_size=IMAGE_SIZE, descriptions=descriptions, threshold=threshold)
    step.setup("cpu")
    return step


def test_alone_and_in_company_to_the_last_bit(checkpoint: Path) -> None:
    records = photos()
    step = ready(checkpoint)
    step(records)
    assert any(record.tags for record in records)
    assert_company_does_not_matter(step, photos())


def test_the_description_that_fits_the_picture_speaks_for_the_tag(checkpoint: Path) -> None:
    """With an endless scale the softmax picks one description, and the others might as well not be there."""
    state = ram.published_names(torch.load(checkpoint, weights_only=True)["model"])
    # In double: what a processor's float32 rounds comes out a hundred times as large behind random weights.
    images = torch.randn(2, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(3)).double()
    decided = dict(state, reweight_scale=torch.tensor(12.0))
    logits = ram.build(decided, DESCRIPTIONS).double()(images)

    plain = ram.build(decided, DESCRIPTIONS).double()
    overall = plain.image_proj(plain.visual_encoder(images))[:, 0]  # type: ignore[operator]
    for number in range(len(images)):
        chosen = (overall[number] @ state["label_embed"].double().t()).view(len(TAGS), DESCRIPTIONS).argmax(dim=1)
        rows = torch.arange(len(TAGS)) * DESCRIPTIONS + chosen
        one_each = {k: v for k, v in state.items() if k != "reweight_scale"} | {
            "label_embed": state["label_embed"][rows]
        }
        torch.testing.assert_close(logits[number], ram.build(one_each).double()(images[number : number + 1])[0])


def test_messages(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"60 label embeddings are not 51 for each tag; see descriptions$"):
        ready(checkpoint, descriptions=51)
    with pytest.raises(FatalError, match=r"knows 30 tags, but the tag list has 20"):
        ready(checkpoint, descriptions=2)
    with pytest.raises(FatalError, match=r"is of ram, not of ram_plus; choose the option ram$"):
        ready(make_ram(tmp_path))
