from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.edges.hed import Hed, HedBsds
from tests.tiny import states


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return states.saved(states.hed(), tmp_path_factory.mktemp("tiny") / "ControlNetHED.pth")


def ready(step: Hed) -> Hed:
    step.setup("cpu")
    return step


def test_soft_edges_of_a_size_that_is_a_multiple_of_64(weights: str) -> None:
    (done,) = run_on_copies(ready(Hed(checkpoint=weights, short_side=128)), [photo("coffee")])
    made = done.images["hed"]
    assert (made.image.mode, made.image.size) == ("L", (192, 128))
    assert len(np.unique(np.asarray(made.image))) > 20


def test_what_the_five_depths_say_is_brought_to_one_size_and_its_mean_is_told(tmp_path: Path) -> None:
    import torch

    state = states.filled(states.hed())
    for name in state:
        state[name] = torch.zeros_like(state[name])
    for block in range(1, 6):
        state[f"block{block}.projection.bias"] += block  # the mean is 3
    torch.save(state, tmp_path / "hed.pth")
    (done,) = run_on_copies(ready(Hed(checkpoint=str(tmp_path / "hed.pth"), short_side=64)), [photo("coffee")])
    assert np.unique(np.asarray(done.images["hed"].image)).tolist() == [int(255 / (1 + np.exp(-3)))]


def test_alone_and_in_company(weights: str) -> None:
    step = ready(Hed(checkpoint=weights, short_side=64))
    assert_company_does_not_matter(step, [photo("chelsea", (100, 80)), photo("rocket", (90, 90))])


def test_the_original_weights_see_blue_where_ours_see_red(tmp_path: Path) -> None:
    step = ready(HedBsds(checkpoint=states.saved(states.hed_bsds(), tmp_path / "network-bsds500.pth"), short_side=64))
    first = step.loaded.net.block1.convs[0].weight
    import torch

    published = torch.load(tmp_path / "network-bsds500.pth")["moduleVggOne.0.weight"]
    assert torch.equal(first, published.flip(1))
    assert step.loaded.net.norm.flatten().tolist() == pytest.approx([122.67892, 116.66877, 104.00699])
    (done,) = run_on_copies(step, [photo("coffee")])
    assert len(np.unique(np.asarray(done.images["hed"].image))) > 2


def test_a_checkpoint_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"not a whole checkpoint of HED: .*; fetch it again, or give another"):
        ready(Hed(checkpoint=states.saved(states.conv("other", 3, 3), tmp_path / "x.pth")))


@pytest.mark.slow
def test_real_weights_find_the_outline_of_a_square() -> None:
    pytest.importorskip("h5py")
    pixels = np.full((128, 128, 3), 200, dtype=np.uint8)
    pixels[32:96, 32:96] = 30
    step = ready(HedBsds(short_side=128))
    record = Record(item=Item("x", 0, "x.png", ""), image=Image.fromarray(pixels))
    step([record])
    found = np.asarray(record.images["hed"].image)
    assert found[30:34, 40:88].max(axis=0).min() > 128 and found[60:68, 60:68].max() < 64
