from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelyard.utils.boxes import areas, clip, iou, iou_of_pixels, nms

corner = st.floats(-50, 150, allow_nan=False, width=32)
box = st.tuples(corner, corner, corner, corner)
scored = st.lists(st.tuples(box, st.floats(0, 1, width=32)), max_size=12)


def test_iou_of_known_boxes() -> None:
    one = np.array([0, 0, 10, 10.0])
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 4], [5, 5, 5, 5], [9, 9, 1, 1.0]])
    assert iou(one, others) == pytest.approx([1, 50 / 150, 0, 4 / 100, 0, 0])


def test_a_box_of_pixels_is_one_wider_than_its_corners_say() -> None:
    whole, half, apart = [0, 0, 9, 9], [0, 0, 9, 4], [20, 20, 29, 29]
    found = iou_of_pixels(np.array([whole, half], float), np.array([whole, half, apart], float))
    np.testing.assert_array_equal(found, [[1, 0.5, 0], [0.5, 1, 0]])
    assert iou_of_pixels(np.array([whole], float), np.zeros((0, 4))).shape == (1, 0)


def test_a_box_that_shares_exactly_the_limit_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 5, 10], [0, 0, 5.1, 10.0]])
    assert nms(boxes, np.array([0.9, 0.8, 0.7]), 0.5) == [0, 1]  # the third shares 0.51 with the first


def test_the_best_wins_whatever_its_place_and_equals_keep_their_order() -> None:
    same = np.tile([3, 3, 9, 9.0], (3, 1))
    assert nms(same, np.array([0.2, 0.9, 0.5]), 0.5) == [1]
    assert nms(same, np.array([0.5, 0.5, 0.5]), 0.5) == [0]


def test_what_is_suppressed_suppresses_nothing() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10.0]])  # a chain: only neighbours overlap much
    assert nms(boxes, np.array([0.9, 0.8, 0.7]), 0.3) == [0, 2]


def test_nothing_gives_nothing() -> None:
    assert nms(np.zeros((0, 4)), np.zeros(0), 0.5) == []


@given(scored, st.floats(0, 1))
def test_nms_keeps_boxes_apart_and_drops_none_without_a_reason(items: list[Any], limit: float) -> None:
    boxes = np.array([b for b, _ in items], dtype=np.float64).reshape(-1, 4)
    scores = np.array([s for _, s in items], dtype=np.float64)
    kept = nms(boxes, scores, limit)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    for position, one in enumerate(kept):
        assert (iou(boxes[one], boxes[kept[position + 1 :]]) <= limit).all()
    for gone in set(range(len(items))) - set(kept):
        overlaps = iou(boxes[gone], boxes[kept])
        assert ((overlaps > limit) & (scores[kept] >= scores[gone])).any()


@given(st.lists(box, max_size=8), st.integers(1, 100), st.integers(1, 100))
def test_clip_leaves_what_lies_in_the_picture(boxes: list[Any], width: int, height: int) -> None:
    before = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    after = clip(before, width, height)
    assert (after >= 0).all() and (after[:, [0, 2]] <= width).all() and (after[:, [1, 3]] <= height).all()
    frame = np.array([0, 0, width, height], dtype=np.float64)
    upright = np.concatenate([np.minimum(before[:, :2], before[:, 2:]), np.maximum(before[:, :2], before[:, 2:])], 1)
    shared = areas(np.concatenate([np.maximum(upright[:, :2], frame[:2]), np.minimum(upright[:, 2:], frame[2:])], 1))
    assert areas(clip(upright, width, height)) == pytest.approx(shared)
