"""`keep_given`: a picture that a record has already stays, and a model that nobody needs is not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.step import Step
from tests.generate.conftest import item


@dataclass(kw_only=True)
class Paints(ImageStep):
    picture_of = "paint"

    loads: list[str] = field(default_factory=list)
    bad: int = -1

    def setup(self, device: str) -> None:
        self.loads.append(device)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.item.index == self.bad:
                raise RuntimeError("no way")
            record.images[self.image] = MadeImage(Image.new("L", (2, 2), 9))


class Other(Step):
    """Takes turns with it."""

    def __call__(self, records: Sequence[Record]) -> None:
        pass


def make(*given: bool) -> list[Record]:
    records = [Record(item(n), Image.new("RGB", (4, 4))) for n in range(len(given))]
    for record, has in zip(records, given, strict=True):
        if has:
            record.images["paint"] = MadeImage(Image.new("L", (2, 2), 7))
            record.models["earlier"] = {"name": "earlier"}
    return records


def pixels(records: Sequence[Record]) -> list[object]:
    return [record.images["paint"].image.getpixel((0, 0)) for record in records]


@pytest.mark.parametrize("staged", [False, True])
def test_only_what_is_not_there_is_made(staged: bool) -> None:
    step, failed = Paints(keep_given=True, bad=4), list[int]()
    steps: dict[str, Step] = {"paint": step, "other": Other()} if staged else {"paint": step}
    pipeline = Pipeline(steps, staged=staged, given={"earlier": ["images.paint"]})
    pipeline.setup("cpu")
    assert step.loads == []
    done = pipeline.run(make(True, True), lambda *_: pytest.fail("all are there"))
    assert (step.loads, pixels(done)) == ([], [7, 7])
    done = pipeline.run(make(True, False, True, False, False), lambda record, *_: failed.append(record.item.index))
    assert ([record.item.index for record in done], failed) == ([0, 1, 2, 3], [4])
    assert (step.loads, pixels(done)) == (["cpu"], [7, 9, 7, 9])
    made, given = {"name": "Paints"}, {"name": "given"}
    assert [record.models["paint"] for record in done] == [given, made, given, made]
    assert ["earlier" in record.models for record in done] == [True, False, True, False]
    assert pipeline.run(make(False), lambda *_: None) and step.loads == ["cpu"] * (2 if staged else 1)


def test_a_picture_is_made_anew_where_nobody_says_otherwise() -> None:
    step = Paints()
    pipeline = Pipeline({"paint": step})
    pipeline.setup("cpu")
    assert step.loads == ["cpu"], "a bad checkpoint shows before any item is touched"
    (done,) = pipeline.run(make(True), lambda *_: None)
    assert (pixels([done]), done.models["paint"]) == ([9], {"name": "Paints"})


def test_another_step_s_picture_is_not_its_own() -> None:
    step = Paints(keep_given=True)
    step.name = "fine"
    pipeline = Pipeline({"fine": step})
    (done,) = pipeline.run(make(True), lambda *_: None)
    assert (pixels([done]), sorted(done.images)) == ([7], ["fine", "paint"])


def test_a_model_that_is_loaded_late_and_badly_ends_the_worker() -> None:
    class Bad(Paints):
        def setup(self, device: str) -> None:
            raise FatalError("keep_given=true: no weights")

    pipeline = Pipeline({"paint": Bad(keep_given=True)})
    pipeline.setup("cpu")
    with pytest.raises(FatalError, match=r"^paint\.keep_given=true: no weights"):
        pipeline.run(make(False), lambda *_: pytest.fail("it is not the item's fault"))
