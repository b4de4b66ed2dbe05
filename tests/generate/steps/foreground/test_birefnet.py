from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.settings import made
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.foreground.birefnet import BiRefNet
from labelyard.utils.errors import UserError
from tests.tiny import states


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> BiRefNet:
    weights = states.saved(states.birefnet(), tmp_path_factory.mktemp("tiny") / "birefnet.pth")
    step = BiRefNet(checkpoint=weights, side=64)
    step.setup("cpu")
    return step


def test_a_matte_of_the_picture_s_size(step: BiRefNet) -> None:
    (done,) = run_on_copies(step, [photo("chelsea", (90, 60))])
    made = done.images["foreground"].image
    assert (made.mode, made.size) == ("L", (90, 60)) and len(np.unique(np.asarray(made))) > 10


def test_alone_and_in_company(step: BiRefNet) -> None:
    assert_company_does_not_matter(step, [photo("chelsea", (60, 40)), photo("rocket", (40, 50))], disturbed=False)


def test_a_kernel_looks_where_it_is_told_to_and_as_hard() -> None:
    import torch

    from labelyard.generate.steps.models.birefnet.deformable import deformed

    seen = torch.arange(20.0).view(1, 1, 4, 5)
    offsets, strength = torch.zeros(1, 2, 4, 5), torch.ones(1, 1, 4, 5)
    one = torch.ones(1, 1, 1, 1)
    assert torch.allclose(deformed(seen, offsets, strength, one), seen, atol=1e-5)
    offsets[:, 0], offsets[:, 1] = 1.0, 0.5  # a row down and half a column right
    found = deformed(seen, offsets, 2 * strength, one)[0, 0]
    assert torch.allclose(found[:3, :4], 2 * (seen[0, 0, 1:, :4] + seen[0, 0, 1:, 1:]) / 2, atol=1e-5)
    assert torch.allclose(found[0, 4], seen[0, 0, 1, 4], atol=1e-5)  # half of it lies beyond the edge
    assert found[3].abs().max() < 1e-5
    kernel = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    plain = deformed(seen, torch.zeros(1, 18, 4, 5), torch.ones(1, 9, 4, 5), kernel)
    assert torch.allclose(plain, torch.nn.functional.conv2d(seen, kernel, padding=1), atol=1e-4)


def test_a_side_that_does_not_go_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="side=1000: not a multiple of 32; use side=992"):
        made(BiRefNet, {"side": 1000})


def test_batches_as_on_a_gpu_and_half_precision_come_near(step: BiRefNet) -> None:
    records = [photo("chelsea", (60, 40)), photo("rocket", (40, 50)), photo("coffee", (60, 40))]
    alone = [np.asarray(done.images["foreground"].image).astype(int) for done in run_on_copies(step, records)]
    with as_on_a_gpu():
        batched = BiRefNet(checkpoint=step.checkpoint, side=64, batch_size=3)
        batched.setup("cpu")
        together = run_on_copies(batched, records)
    half = BiRefNet(checkpoint=step.checkpoint, side=64, dtype="bfloat16")
    half.setup("cpu")
    for one, other, rough in zip(alone, together, run_on_copies(half, records), strict=True):
        assert np.abs(np.asarray(other.images["foreground"].image) - one).max() <= 1
        assert np.abs(np.asarray(rough.images["foreground"].image) - one).mean() < 8
