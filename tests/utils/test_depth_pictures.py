from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from labelyard.utils.depth_pictures import near_white

DEEP = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))


def test_near_is_white_whichever_way_the_numbers_go() -> None:
    inverse = {"scale": 0.001, "offset": 2.0, "near_is_large": True}
    assert np.asarray(near_white(DEEP, inverse)).tolist() == [[0, 128, 255]]
    metres = {"scale": 3 / 65535, "offset": 1.0, "near_is_large": False, "unit": "metre"}  # 1, 2.5 and 4 metres
    assert np.asarray(near_white(DEEP, metres)).tolist() == [[255, 51, 0]]


@pytest.mark.parametrize("meta", [{}, {"near_is_large": True}])
def test_sixteen_bits_use_all_of_eight(meta: dict[str, bool]) -> None:
    shown = near_white(Image.fromarray(np.array([[100, 300]], dtype=np.uint16)), meta)
    assert shown.mode == "L" and np.asarray(shown).tolist() == [[0, 255]]


def test_a_picture_of_eight_bits_stays_as_it_is() -> None:
    given = Image.fromarray(np.array([[10, 254]], dtype=np.uint8))
    assert near_white(given, {}).tobytes() == given.tobytes()
    assert near_white(given.convert("RGB"), {}).tobytes() == given.tobytes()


def test_what_is_flat_is_black() -> None:
    flat = Image.fromarray(np.full((2, 2), 500, dtype=np.uint16))
    assert np.asarray(near_white(flat, {"scale": 1.0, "offset": 0.0, "near_is_large": False})).max() == 0
