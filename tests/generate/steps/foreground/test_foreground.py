from __future__ import annotations

import numpy as np
import pytest

from labelyard.generate.record import Instance
from labelyard.generate.roles import set_role
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.foreground.mattes import InstancesMatte, U2NetMatte
from labelyard.generate.steps.models.u2net import matte
from labelyard.utils.rle import encode


def test_a_soft_matte_of_what_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    step = U2NetMatte()
    step.setup("cpu")
    cat = photo("chelsea")
    (done,) = run_on_copies(step, [cat])
    made = done.images["foreground"].image
    pixels = np.asarray(made)
    assert (made.mode, made.size) == ("L", cat.image.size)
    assert pixels[150, 200] > 200  # its face
    assert pixels[5, 445] < 60 and 0.02 < ((pixels > 20) & (pixels < 235)).mean() < 0.5
    monkeypatch.setattr(matte, "SIDE", 32)  # in no time; the matte is coarser
    assert_company_does_not_matter(step, [cat, photo("coffee", (150, 100))], disturbed=False)


def test_all_masks_together() -> None:
    record = photo("coffee", (20, 10))
    for columns in (slice(2, 5), slice(4, 9)):
        mask = np.zeros((10, 20), dtype=bool)
        mask[3:6, columns] = True
        record.instances.append(Instance((2, 3, 9, 6), 0.9, "cup", encode(mask)))
    (done,) = run_on_copies(InstancesMatte(), [record])
    expected = np.zeros((10, 20), dtype=np.uint8)
    expected[3:6, 2:9] = 255
    assert np.array_equal(np.asarray(done.images["foreground"].image), expected)
    set_role(record.instances[1], floating=True)
    (sure,) = run_on_copies(InstancesMatte(), [record])
    expected[:, 5:] = 0
    assert np.array_equal(np.asarray(sure.images["foreground"].image), expected), "what floats is left out"
    other = photo("coffee", (20, 10))
    assert_company_does_not_matter(InstancesMatte(), [record, other])
