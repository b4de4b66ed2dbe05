from __future__ import annotations

import numpy as np
from PIL import Image

from labelyard.generate.record import Instance, MadeImage, Record
from labelyard.generate.roles import set_role
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.reference.cutout import Cutout
from labelyard.generate.steps.tools.subject import head_word, subject_of
from labelyard.utils.rle import encode


def red_square() -> Record:
    pixels = np.zeros((100, 120, 3), dtype=np.uint8)
    pixels[20:60, 30:50] = (200, 0, 0)
    record = photo("coffee", (120, 100))
    record.image = Image.fromarray(pixels)
    mask = (pixels[..., 0] > 0).astype(bool)
    record.instances = [
        Instance((30, 20, 50, 60), 0.5, "red pepper", encode(mask)),
        Instance((0, 0, 5, 5), 0.9, "cup", encode(np.eye(100, 120, dtype=bool))),
    ]
    return record


def test_the_subject_alone_on_white_with_a_margin() -> None:
    (done,) = run_on_copies(Cutout(), [red_square()])
    made = done.images["ref"]
    assert made.image.size == (100, 100) and made.ending == "jpg" and made.meta == {"of": "red pepper"}
    pixels = np.asarray(made.image).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert abs(rows[0] - 8) <= 1 and abs(rows[-1] - 91) <= 1 and 40 <= len(columns) <= 46
    assert pixels[:6].min() > 245 and pixels[:, :20].min() > 245


def test_without_an_instance_what_stands_before_the_rest() -> None:
    record = red_square()
    record.instances = []
    (none,) = run_on_copies(Cutout(), [record])
    assert "ref" not in none.images and "left_out" in Cutout().model_of(none)
    matte = np.zeros((100, 120), dtype=np.uint8)
    matte[20:60, 30:50] = 255
    record.images["foreground"] = MadeImage(Image.fromarray(matte))
    (done,) = run_on_copies(Cutout(), [record])
    assert done.images["ref"].meta == {"of": "foreground"}
    assert np.asarray(done.images["ref"].image)[50, 50, 1] < 60 and "left_out" not in Cutout().model_of(done)


def test_alone_and_in_company() -> None:
    assert_company_does_not_matter(Cutout(), [red_square(), photo("chelsea", (50, 50))])


def test_the_subject_is_what_is_described_else_the_largest_near_the_middle() -> None:
    record = photo("coffee", (100, 100))
    record.instances = [
        Instance((0, 0, 45, 45), 0.9, "person"),
        Instance((30, 30, 72, 72), 0.5, "beer glasses"),
        Instance((80, 80, 99, 99), 0.5, "wine glass"),
    ]
    assert subject_of(record) is record.instances[1]
    record.found["description"] = {"item": "The person"}
    assert subject_of(record) is record.instances[0]
    record.found["description"] = {"item": "a glass"}
    assert subject_of(record) is not record.instances[0]
    record.found.clear()
    record.instances.append(Instance((0, 0, 100, 99), 0.9, "table"))
    assert subject_of(record) is record.instances[1], "what they stand on is not the subject"
    record.instances = record.instances[-1:]
    assert subject_of(record) is record.instances[0]
    record.instances.append(Instance((30, 30, 72, 72), 0.5, "beer glasses"))
    set_role(record.instances[1], floating=True)
    assert subject_of(record) is record.instances[0], "what floats is meant only where there is nothing else"
    record.instances = record.instances[1:]
    assert subject_of(record) is record.instances[0]
    record.instances = []
    assert subject_of(record) is None
    assert [head_word(name) for name in ("A beer glass", "two dogs", "", "bus")] == ["glass", "dog", "", "bus"]
