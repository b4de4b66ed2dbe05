"""What is kept aside: each step's finding under its name, and nothing of it in the record's own fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.pipeline import Pipeline, check_writes
from labelyard.generate.record import Aside, Instance, Phrase, Record, Tag, Text
from labelyard.generate.step import Step
from labelyard.utils.errors import UserError
from tests.generate.conftest import item


@dataclass(kw_only=True)
class Says(Step):
    writes = ("tags",)

    word: str
    bad: int = -1  # the item that it can't do
    how: type[Exception] = RuntimeError

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.tags = [*record.tags, Tag(self.word, 0.5)]
            if record.item.index == self.bad:
                raise self.how("no way")


@dataclass(kw_only=True)
class Marks(Step):
    """Changes the instances that it finds."""

    reads = ("instances",)
    writes = ("instances.mark",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            for number, instance in enumerate(record.instances):
                instance.extra["mark"] = number
            record.instances.pop()


@dataclass(kw_only=True)
class Tells(Step):
    writes = ("texts.short",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.texts["short"] = Text("a dog", "model", (Phrase(0, 5, (0,)),))


class Pictures(Step):
    writes = ("images.edges",)


def box(label: str) -> Instance:
    return Instance((0.0, 0.0, 2.0, 2.0), 0.5, label)


def make(number: int = 3) -> list[Record]:
    return [
        Record(item(n), Image.new("RGB", (4, 4)), tags=[Tag("own", 1.0)], instances=[box("a"), box("b")])
        for n in range(number)
    ]


@pytest.mark.parametrize("staged", [False, True])
def test_each_finding_is_under_the_name_of_its_step(staged: bool) -> None:
    steps = {"ram": Says(word="cat", aside=True), "tag2text": Says(word="dog", aside=True), "tell": Tells(aside=True)}
    pipeline = Pipeline({**steps, "marks": Marks(aside=True)}, staged=staged, given={"before": ["instances"]})
    pipeline.setup("cpu")
    text = Text("given", "given")
    records = make()
    for record in records:
        record.texts["note"] = text
    done = pipeline.run(records, lambda *_: pytest.fail("all are well"))
    for record in done:
        assert (record.tags, record.instances) == ([Tag("own", 1.0)], [box("a"), box("b")])
        assert record.texts == {"note": text}
        assert record.aside == {
            "ram": Aside(tags=[Tag("own", 1.0), Tag("cat", 0.5)]),
            "tag2text": Aside(tags=[Tag("own", 1.0), Tag("dog", 0.5)]),
            "tell": Aside(texts={"short": Text("a dog", "model", (Phrase(0, 5, (0,)),))}),
            "marks": Aside(instances=[replace(box("a"), extra={"mark": 0})]),
        }
        assert list(record.models) == ["ram", "tag2text", "tell", "marks"]


@pytest.mark.parametrize("how", [RuntimeError, ItemError, MemoryError])
def test_an_item_that_fails_takes_nothing_from_the_others_and_keeps_its_own(how: type[Exception]) -> None:
    records, failed = make(8), list[Record]()
    step = Says(word="cat", aside=True, bad=5, how=how)
    done = Pipeline({"ram": step}).run(records, lambda record, *_: failed.append(record))
    assert failed == [records[5]] and done == records[:5] + records[6:]
    assert all(record.tags == [Tag("own", 1.0)] for record in records) and not records[5].aside
    assert [record.aside["ram"].tags for record in done] == [[Tag("own", 1.0), Tag("cat", 0.5)]] * 7


def test_a_worker_that_ends_leaves_no_half_of_it() -> None:
    (record,) = make(1)
    with pytest.raises(FatalError):
        Pipeline({"ram": Says(word="cat", aside=True, bad=0, how=FatalError)}).run([record], lambda *_: None)
    assert (record.tags, record.aside) == ([Tag("own", 1.0)], {})


def test_it_counts_as_writing_its_own_field_alone() -> None:
    @dataclass(kw_only=True)
    class Asks(Step):
        reads = ("aside.ram",)

    aside, plain = Says(word="cat", aside=True), Says(word="cat")
    Pipeline({"ram": aside, "asks": Asks()})
    for steps, advice in (
        ({"asks": Asks(), "ram": aside}, "put 'ram' before it in pipeline.steps"),
        ({"ram": plain, "asks": Asks()}, "use ram.aside=true"),
        ({"asks": Asks()}, "add a step 'ram' with ram.aside=true"),
    ):
        with pytest.raises(UserError) as refused:
            Pipeline(steps)
        assert str(refused.value) == f"step 'asks' reads aside.ram, which no earlier step writes; {advice}"
    with pytest.raises(UserError, match="reads tags, which no earlier step writes"):
        Pipeline({"ram": aside, "asks": ReadsTags()})
    check_writes({"one": plain, "two": aside, "three": Says(word="x", aside=True)})
    with pytest.raises(UserError) as refused:
        check_writes({"one": plain, "two": plain})
    assert str(refused.value) == (
        "steps 'one' and 'two' both write tags, and 'two' does not read it: what 'one' finds would be lost. Leave one "
        "of them out of pipeline.steps, or keep both: one.aside=true or two.aside=true"
    )


@dataclass(kw_only=True)
class ReadsTags(Step):
    reads = ("tags",)


def test_a_picture_is_not_kept_aside() -> None:
    with pytest.raises(UserError) as refused:
        Pipeline({"canny": Pictures(aside=True)})
    assert str(refused.value) == (
        "canny.aside=true: only tags, instances and texts are kept aside, and this step writes images.edges; "
        "use canny.aside=false"
    )


def test_what_was_kept_aside_in_an_earlier_run_is_void_when_it_is_done_again() -> None:
    records = make(1)
    records[0].models = {"old": {"name": "x"}, "other": {"name": "y"}}
    given = {"old": ["aside.ram"], "other": ["tags"]}
    (done,) = Pipeline({"ram": Says(word="cat", aside=True)}, given=given).run(records, lambda *_: None)
    assert list(done.models) == ["other", "ram"]
