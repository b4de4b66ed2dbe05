"""SamHQ as its authors wrote it against the step's port: one random ViT-B checkpoint, one photo, the same masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.steps.segment.sam_hq import SamHQ
from tests.native import sam_parity

native = pytest.importorskip("segment_anything_hq", reason="parity needs the package: pip install -e '.[native]'")
pytestmark = [pytest.mark.native, pytest.mark.timeout(1200)]  # full size, on whatever CPU there is


def test_the_same_masks_from_the_authors_file(tmp_path: Path) -> None:
    path = tmp_path / "sam_hq_vit_b.pth"
    network = sam_parity.save_lively(native.sam_model_registry, path)
    difference, spread, flipped = sam_parity.compare(SamHQ(checkpoint=str(path)), native.SamPredictor(network))
    print(
        f"SamHQ ViT-B: logits differ by {difference:.2e} at most (spread {spread:.2f}), {flipped} pixels of the masks"
    )
    assert spread > 0.1, "the random network says the same everywhere"
    assert difference < 1e-3 * spread  # float32 through twelve random layers
    assert flipped < 1e-4 * len(sam_parity.BOXES) * 640 * 427  # what lies on an edge to the last digit


def test_the_authors_package_as_backend(tmp_path: Path) -> None:
    path = tmp_path / "sam_hq_vit_b.pth"
    network = sam_parity.save_lively(native.sam_model_registry, path)
    step = SamHQ(checkpoint=str(path), backend="native")
    difference, _, flipped = sam_parity.compare(step, native.SamPredictor(network))
    assert (difference, flipped) == (0.0, 0)
