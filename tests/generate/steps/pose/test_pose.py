from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.models.openpose import people as grouping
from labelyard.generate.steps.pose.movenet import MoveNet, around
from labelyard.generate.steps.pose.openpose import OpenPose
from labelyard.generate.steps.pose.skeleton import Joint, drawn, of_coco
from labelyard.generate.steps.pose.vitpose import VitPose
from labelyard.utils.errors import UserError
from tests.tiny import states
from tests.tiny.pose import make_rtdetr, make_vitpose


def coco(**found: tuple[float, float]) -> list[tuple[float, float, float]]:
    """17 points of which these are sure."""
    names = ("nose", "leye", "reye", "lear", "rear", "lsho", "rsho", "lelb", "relb", "lwri", "rwri", "lhip", "rhip")
    return [(*found.get(name, (0.0, 0.0)), 0.9 if name in found else 0.1) for name in (*names, *"abcd")]


def test_the_neck_is_between_the_shoulders_if_both_are_there() -> None:
    person = of_coco(coco(lsho=(60, 40), rsho=(20, 50), nose=(41, 10)), 0.3)
    assert person[1] == Joint(40, 45, 0.9) and person[2] == Joint(20, 50, 0.9) and person[5] == Joint(60, 40, 0.9)
    assert person[0] == Joint(41, 10, 0.9) and sum(joint is not None for joint in person) == 4
    assert of_coco(coco(lsho=(60, 40)), 0.3)[1] is None
    assert of_coco(coco(lsho=(60, 40)), 0.95) == (None,) * 18


@pytest.mark.parametrize(("palette", "order"), [("openpose", slice(None)), ("graph200k", slice(None, None, -1))])
def test_limbs_have_part_of_their_colour_and_joints_all_of_it(palette: str, order: slice) -> None:
    person = of_coco(coco(lsho=(80, 40), rsho=(20, 40), nose=(50, 10)), 0.3)
    pixels = np.asarray(drawn([person], (100, 60), palette))[..., order]
    assert pixels[40, 35].tolist() == [153, 0, 0]  # neck to right shoulder
    assert pixels[40, 65].tolist() == [153, 51, 0]  # neck to left shoulder
    assert pixels[25, 50].tolist() == [0, 0, 153]  # neck to nose
    assert pixels[40, 20].tolist() == [255, 170, 0] and pixels[40, 80].tolist() == [85, 255, 0]
    assert pixels[10, 50].tolist() == [255, 0, 0] and pixels[40, 50].tolist() == [255, 85, 0]
    assert pixels[40 - 4, 20].any() and not pixels[40 - 5, 20].any() and not pixels[55].any()


def test_in_a_large_picture_all_is_wider() -> None:
    person = of_coco(coco(lsho=(80, 40)), 0.3)
    sides = (100, 1024, 2048)
    widths = [int(np.asarray(drawn([person], (100, side)))[40].any(axis=-1).sum()) for side in sides]
    assert widths == [9, 9, 17]


def test_joints_that_the_fields_lead_to_are_of_one_person() -> None:
    """Two people side by side, of whom the right one's shoulder is nearer to the left one's neck."""
    maps, fields = np.zeros((64, 96, 19), np.float32), np.zeros((64, 96, 38), np.float32)
    places = {0: (20, 8), 1: (20, 20), 2: (8, 20), 5: (32, 20), 8: (14, 50)}
    for shift in (0, 48):
        for joint, (x, y) in places.items():
            maps[y - 1 : y + 2, shift + x - 1 : shift + x + 2, joint] = 0.8
            maps[y, shift + x, joint] = 1.0
        for start, end, channel in grouping.LIMBS:
            if start in places and end in places:
                (x0, y0), (x1, y1) = places[start], places[end]
                way = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
                for part in np.linspace(0, 1, 60):
                    x, y = round(x0 + part * (x1 - x0)), round(y0 + part * (y1 - y0))
                    fields[y - 1 : y + 2, shift + x - 1 : shift + x + 2, channel : channel + 2] = way
    found = grouping.people_in(maps, fields, 0.1)
    assert len(found) == 2
    for person, shift in zip(sorted(found, key=lambda one: one[1] or (0,)), (0, 48), strict=True):
        seen = {joint: peak[:2] for joint, peak in enumerate(person) if peak is not None}
        assert seen == {joint: (x + shift, y) for joint, (x, y) in places.items()}
    assert grouping.people_in(maps, 0 * fields, 0.1) == []


@pytest.fixture(scope="module")
def openpose(tmp_path_factory: pytest.TempPathFactory) -> OpenPose:
    weights = states.saved(states.openpose(), tmp_path_factory.mktemp("tiny") / "body_pose_model.pth")
    step = OpenPose(checkpoint=weights, short_side=64, palette="graph200k", keep_joints=True, keep_empty=True)
    step.setup("cpu")
    return step


def test_openpose_alone_and_in_company(openpose: OpenPose) -> None:
    assert_company_does_not_matter(openpose, [photo("astronaut", (100, 80)), photo("rocket", (90, 90))])


def test_openpose_draws_at_the_size_of_the_picture(openpose: OpenPose) -> None:
    (done,) = run_on_copies(openpose, [photo("astronaut", (100, 80))])
    assert done.images["pose"].image.size == (100, 80)
    assert done.images["pose"].meta["palette"] == "graph200k"
    (licence,) = OpenPose().licences().values()
    assert licence is not None and not licence.commercial


def test_movenet_finds_the_astronaut_and_nobody_in_a_cat() -> None:
    pytest.importorskip("ai_edge_litert")
    step = MoveNet(keep_joints=True, keep_empty=True)
    step.setup("cpu")
    found, none = run_on_copies(step, [photo("astronaut", (256, 256)), photo("chelsea")])
    assert (found.images["pose"].meta["people"], none.images["pose"].meta["people"]) == (1, 0)
    (joints,) = found.images["pose"].meta["joints"]
    nose, right, left = joints[0], joints[2], joints[5]
    assert abs(nose[0] - 111) < 12 and abs(nose[1] - 60) < 12 and right[0] < nose[0] < left[0]
    assert not np.asarray(none.images["pose"].image).any()
    cat = photo("chelsea")
    cat.instances = [Instance((50, 20, 400, 290), 0.9, "cat")]
    step.of = "instances"
    (still,) = run_on_copies(step, [cat])
    assert still.images["pose"].meta["people"] == 0
    bent = photo("camera")
    bent.image = bent.image.convert("RGB")
    bent.instances = [Instance((0, 61, 302, 508), 0.9, "person")]
    (done,) = run_on_copies(step, [bent])
    (joints,) = done.images["pose"].meta["joints"]
    missing = [number for number, joint in enumerate(joints) if joint is None]
    assert missing == [10, 13], "his feet are not in the picture; both hands and knees are found"


def test_vitpose_finds_joints_in_the_boxes_of_people(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    step = VitPose(checkpoint=str(make_vitpose(tmp_path / "tiny")), of="instances", least_score=0.0, keep_empty=True)
    step.setup("cpu")
    records = [photo("astronaut", (90, 90)), photo("china", (80, 60)), photo("rocket", (60, 60))]
    records[0].instances = [Instance((10, 5, 70, 85), 0.9, "person"), Instance((0, 0, 20, 20), 0.9, "cat")]
    records[1].instances = [Instance((5, 5, 40, 50), 0.5, "person"), Instance((30, 5, 70, 50), 0.8, "person")]
    assert_company_does_not_matter(step, records, disturbed=False)
    one, two, none = run_on_copies(step, records)
    assert [done.images["pose"].meta["people"] for done in (one, two, none)] == [1, 2, 0]
    assert np.asarray(one.images["pose"].image).any() and one.images["pose"].image.size == (90, 90)
    assert "instances" in step.reads and VitPose().reads == ("image",)
    assert [place.location for place in VitPose().checkpoints()] == [VitPose().checkpoint, VitPose().detector]


def test_vitpose_looks_at_the_people_that_its_detector_finds(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    poses, detector = str(make_vitpose(tmp_path / "tiny")), str(make_rtdetr(tmp_path / "detector"))
    step = VitPose(checkpoint=poses, detector=detector, box_threshold=0.0, least_score=0.0)
    step.setup("cpu")
    records = [photo("astronaut", (90, 90)), photo("china", (80, 60))]
    assert_company_does_not_matter(step, records, disturbed=False)
    found = step._boxes(records)
    assert all(0 < len(boxes) <= 4 for boxes in found)
    assert all(0 <= x0 <= x1 and 0 <= y0 <= y1 for x0, y0, x1, y1 in (tuple(map(round, box)) for box in found[0]))
    (done,) = run_on_copies(step, records[:1])
    assert done.images["pose"].meta["people"] == len(found[0])
    step.box_threshold = 1.0
    (none,) = run_on_copies(step, records[:1])
    assert "pose" not in none.images and step.model_of(none)["left_out"] == "nobody was found in it"


def test_a_person_is_looked_at_with_something_around() -> None:
    assert around((10, 20, 30, 60)) == (-6, 14, 46, 66)


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="palette=rainbow: give openpose or graph200k"):
        made(MoveNet, {"palette": "rainbow"})
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FatalError, match=r"opencv-python-headless: .*pip install -e '\.\[demo\]'"):
        MoveNet().setup("cpu")
