import sys

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.pipeline import Pipeline, build_steps, check_writes
from labelyard.generate.record import Item, MadeImage, Record
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo
from labelyard.generate.steps.edges.canny import Canny
from labelyard.utils.errors import UserError


def run(image: Image.Image, **settings: object) -> Image.Image:
    step = Canny(**settings)  # type: ignore[arg-type]
    step.setup("cpu")
    record = Record(item=Item("x", 0, "x.png", ""), image=image)
    step([record])
    told = {"low": step.low, "high": step.high} | ({"colour": True} if step.colour else {})
    assert record.images["edges"].meta == told
    return record.images["edges"].image


def test_edges_lie_where_brightness_jumps() -> None:
    pixels = np.zeros((60, 90, 3), dtype=np.uint8)
    pixels[20:40, 30:70] = 200
    edges = run(Image.fromarray(pixels))
    assert (edges.mode, edges.size) == ("L", (90, 60))
    found = np.asarray(edges)
    assert set(np.unique(found)) == {0, 255}
    rows, columns = np.nonzero(found)
    on_outline = (np.abs(columns - 29.5) < 2) | (np.abs(columns - 69.5) < 2) | (np.abs(rows - 19.5) < 2)
    assert (on_outline | (np.abs(rows - 39.5) < 2)).all() and len(rows) > 100


def test_thresholds_matter() -> None:
    image = photo("coffee").image
    many, few = (np.asarray(run(image, low=low, high=2 * low)).mean() for low in (40, 150))
    assert 0 < few < many / 2


@pytest.mark.parametrize(
    ("short_side", "size"), [(512, (741, 500)), (250, (370, 250)), (None, (741, 500)), (5000, (741, 500))]
)
def test_the_size_in_which_edges_are_sought(short_side: int | None, size: tuple[int, int]) -> None:
    assert run(photo("motorcycle").image, short_side=short_side).size == size


def test_a_large_picture_is_reduced_by_default() -> None:
    assert run(photo("china").image.resize((2000, 1334))).size == (768, 512)


def test_in_colour_edges_are_found_that_grey_does_not_have() -> None:
    import cv2

    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[:, :32], pixels[:, 32:] = (200, 0, 0), (0, 102, 0)  # of one lightness
    image = Image.fromarray(pixels)
    grey, colour = np.asarray(run(image)), np.asarray(run(image, colour=True))
    assert not grey.any() and colour[5:-5, 30:34].any(axis=1).all()
    assert np.array_equal(colour, cv2.Canny(pixels, 100, 200))


def test_png_keeps_it(tmp_path: object) -> None:
    edges = run(photo("flower").image)
    edges.save(f"{tmp_path}/e.png")
    with Image.open(f"{tmp_path}/e.png") as again:
        assert again.mode == "L" and again.tobytes() == edges.tobytes()


def test_company_does_not_matter() -> None:
    step = Canny(short_side=200)
    step.setup("cpu")
    records = [photo("chelsea"), photo("rocket"), photo("flower", (3, 200))]
    records[1].images = {"edges": MadeImage(records[0].image), "other": MadeImage(records[0].image)}
    assert_company_does_not_matter(step, records)


def test_missing_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FatalError, match=r"opencv-python-headless: .*pip install -e '\.\[demo\]'"):
        Canny().setup("cpu")


@pytest.mark.parametrize("wrong", [{"low": 300}, {"low": -1}, {"short_side": 0}])
def test_wrong_values(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        made(Canny, wrong)


def test_the_picture_has_the_name_of_its_step() -> None:
    node = {"_target_": f"{Canny.__module__}.Canny"}
    steps = build_steps(["edges", "fine"], {"edges": node, "fine": {**node, "short_side": 100}})
    assert [steps[name].writes for name in steps] == [("images.edges",), ("images.fine",)]
    check_writes(steps)
    records = [photo("coffee")]
    pipeline = Pipeline(steps)
    pipeline.setup("cpu")
    (done,) = pipeline.run(records, lambda *_: None)
    assert {name: made.image.size for name, made in done.images.items()} == {"edges": (600, 400), "fine": (150, 100)}
