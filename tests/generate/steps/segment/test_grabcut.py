import copy
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Box, Item, Record
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo
from labelyard.generate.steps.segment.grabcut import GrabCut, apart, window, without_specks
from labelyard.utils.errors import UserError
from labelyard.utils.rle import area
from tests.generate.steps.segment.checks import halved, masks_of, with_boxes


@pytest.fixture(scope="module")
def step() -> GrabCut:
    step = GrabCut()
    step.setup("cpu")
    return step


def test_an_ellipse_is_found_to_the_pixel_almost(step: GrabCut) -> None:
    noise = np.random.default_rng(1).normal(0, 12, (700, 900, 3))
    truth = Image.new("L", (900, 700))
    ImageDraw.Draw(truth).ellipse((200, 150, 650, 500), fill=255)
    inside = np.asarray(truth) > 0
    pixels = np.where(inside[..., None], (190, 60, 50), (70, 90, 120)) + noise
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    record = with_boxes(Record(item=Item("ellipse", 0, "e.png", ""), image=image), (195, 145, 655, 505))
    step([record])
    (found,) = masks_of(record)
    assert (found & inside).sum() / (found | inside).sum() > 0.97
    assert record.instances[0].extra == {}


def test_the_astronaut(step: GrabCut) -> None:
    record = with_boxes(photo("astronaut"), (10, 12, 370, 511))
    step([record])
    (mask,) = masks_of(record)
    # Face, suit, arm; the wall on both sides of the head, the flag.
    for x, y in [(225, 120), (150, 300), (80, 400)]:
        assert mask[y, x], (x, y)
    for x, y in [(100, 60), (330, 60), (30, 100), (450, 100), (505, 505)]:
        assert not mask[y, x], (x, y)


def test_a_cup_on_a_table(step: GrabCut) -> None:
    record = with_boxes(photo("coffee"), (3, 1, 597, 398), (173, 14, 411, 239))
    step([record])
    table, cup = masks_of(record)
    assert cup[60, 290] and cup[150, 290] and not cup[225, 180]
    assert not (cup & table).any()
    assert record.instances[0].extra == {"mask_from": "box"}  # it fills the picture: nothing tells the rest from it
    assert table[350, 550] and not table[100, 290]
    assert record.instances[1].extra == {}


@pytest.mark.parametrize("box", [(700.0, 10.0, 800.0, 90.0), (40.0, 40.0, 40.0, 90.0), (50.0, 60.0, 40.0, 30.0)])
def test_a_box_that_covers_no_pixel_has_an_empty_mask(step: GrabCut, box: Box) -> None:
    record = with_boxes(photo("rocket"), box)
    step([record])
    assert area(record.instances[0].mask) == 0  # type: ignore[arg-type]


def test_a_box_with_nothing_to_tell_is_its_own_mask(step: GrabCut) -> None:
    plain = Record(item=Item("plain", 0, "p.png", ""), image=Image.new("RGB", (80, 60), (120, 130, 140)))
    step([with_boxes(plain, (10.2, 10.4, 30.3, 20.2), (5, 30, 6, 31), (0, 0, 80, 60))])
    expected = np.zeros((60, 80), dtype=bool)
    expected[10:20, 10:30] = True
    drawn, speck, rest = masks_of(plain)
    assert (drawn == expected).all()
    assert speck.sum() == 1
    assert rest.sum() == 80 * 60 - 200 - 1
    assert [i.extra for i in plain.instances] == [{"mask_from": "box"}] * 3


def test_masks_stay_in_their_boxes_and_apart(step: GrabCut) -> None:
    record = with_boxes(photo("motorcycle"), (103, 65, 680, 444), (300, 40, 500, 300), (430, 250, 700, 480))
    step([record])
    masks = masks_of(record)
    assert np.sum(masks, axis=0).max() == 1
    for mask, instance in zip(masks, record.instances, strict=True):
        x1, y1, x2, y2 = (int(v) for v in instance.box)
        assert mask.any()
        mask[y1:y2, x1:x2] = False
        assert not mask.any()


def test_threads_do_not_change_the_masks_and_leave_no_trace_of_others() -> None:
    records = [
        with_boxes(photo("motorcycle"), (103, 65, 680, 444), (20, 100, 300, 300), (430, 250, 700, 480)),
        with_boxes(photo("chelsea"), (9, 1, 407, 295)),
        with_boxes(photo("astronaut"), (10, 12, 370, 511), (330, 0, 470, 300)),
    ]
    results = []
    for threads in (1, 4):
        step = GrabCut(threads=threads)
        step.setup("cpu")
        mine = copy.deepcopy(records)
        cv2.setRNGSeed(threads)  # whoever used OpenCV before must not matter
        step(mine)
        results.append([instance.mask for record in mine for instance in record.instances])
    assert results[0] == results[1]


def test_company_does_not_matter(step: GrabCut) -> None:
    china = with_boxes(halved(photo("china")), (30, 10, 165, 213), (15, 0, 320, 100))
    cat = with_boxes(halved(photo("chelsea")), (5, 1, 203, 147))
    assert_company_does_not_matter(step, [cat, halved(photo("flower")), china])


def test_a_mask_by_colour_is_no_longer_called_a_box(step: GrabCut) -> None:
    record = with_boxes(photo("astronaut"), (10, 12, 370, 511))
    record.instances[0].extra = {"mask_from": "box", "kept": 1}
    step([record])
    assert record.instances[0].extra == {"kept": 1}


def test_windows_are_clipped() -> None:
    assert window((10.4, 9.6, 30, 40), 100, 35) == (10, 10, 30, 35)
    assert window((10, 10, 30, 30), 100, 100, 0.5) == (0, 0, 40, 40)
    assert window((-20, -20, -5, -5), 100, 100) == (0, 0, 0, 0)


def test_contested_pixels_go_to_the_smaller_box() -> None:
    row = np.ones((1, 6), dtype=bool)
    left, right, small = row.copy(), row.copy(), row.copy()
    left[0, 4:], right[0, :2], small[0, :5] = False, False, False
    masks = apart([(0, 0, 4, 1), (2, 0, 6, 2), (5, 0, 6, 1)], [left, right, small])
    assert [mask[0].astype(int).tolist() for mask in masks] == [
        [1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert right[0, 5]  # the input is as it was
    assert apart([], []) == []


def test_specks_go_and_pieces_stay() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[5:25, 5:25] = mask[40:50, 40:50] = mask[58, 2] = True
    clean = without_specks(mask)
    assert not clean[58, 2] and clean.sum() == mask.sum() - 1


def test_missing_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FatalError, match=r"opencv-python-headless: .*pip install -e '\.\[demo\]'"):
        GrabCut().setup("cpu")


@pytest.mark.parametrize("wrong", [{"side": 3}, {"iterations": 0}, {"threads": 0}, {"margin": 0.0}])
def test_wrong_values(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        made(GrabCut, wrong)
