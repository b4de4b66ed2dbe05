"""Run-length codes of masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from labelyard.generate.record_json.check_masks import run_lengths_sum
from labelyard.utils import rle

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(MASKS)
def test_decoding_gives_back_what_was_encoded(mask: np.ndarray) -> None:
    code = rle.encode(mask)
    assert code["size"] == [mask.shape[0], mask.shape[1]]
    assert code["counts"].isascii()
    assert np.array_equal(rle.decode(code), mask)
    assert rle.area(code) == mask.sum()


@given(MASKS)
def test_the_counts_cover_every_pixel_by_our_own_reading_of_the_format(mask: np.ndarray) -> None:
    assert run_lengths_sum(rle.encode(mask)["counts"]) == mask.size


@settings(max_examples=60)
@given(MASKS, st.integers(1, 90), st.integers(1, 90))
def test_resizing_samples_the_centre_of_every_new_pixel(mask: np.ndarray, width: int, height: int) -> None:
    resized = rle.decode(rle.resize(rle.encode(mask), width, height))
    assert resized.shape == (height, width)
    for y in {0, height // 2, height - 1}:
        for x in {0, width // 3, width - 1}:
            old_y = int((y + 0.5) * mask.shape[0] / height)
            old_x = int((x + 0.5) * mask.shape[1] / width)
            assert resized[y, x] == mask[old_y, old_x]


@given(MASKS)
def test_resizing_to_the_same_size_and_by_whole_factors_loses_nothing(mask: np.ndarray) -> None:
    code = rle.encode(mask)
    height, width = mask.shape
    assert rle.resize(code, width, height) == code
    larger = rle.resize(code, 3 * width, 3 * height)
    assert rle.area(larger) == 9 * mask.sum()
    assert rle.resize(larger, width, height) == code


def test_an_empty_mask() -> None:
    code = rle.empty(7, 5)
    assert rle.area(code) == 0 and rle.decode(code).shape == (5, 7)
