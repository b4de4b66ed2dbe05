"""Failing items are found and set apart; batches halve; other people's failures stop nothing and mark nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import labelyard.generate.pipeline
from labelyard.generate.compute.batches import MOST, Batches
from labelyard.generate.errors import BrokenDevice, FatalError, ItemError, PassingError
from labelyard.generate.pipeline import Pipeline, build_steps
from labelyard.generate.record import Record, SideImage
from labelyard.generate.run_folder.journal import Outcome
from labelyard.generate.step import Step
from labelyard.generate.worker.failure_budget import FEW, Budget
from labelyard.utils.errors import UserError
from tests.generate.conftest import item


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


def make(number: int) -> list[Record]:
    return [Record(item(n), Image.new("RGB", (4, 4))) for n in range(number)]


@dataclass(kw_only=True)
class Picky(Step):
    """Fails at certain items, in one of several ways."""

    bad: frozenset[int] = frozenset()
    how: str = "exception"
    calls: list[int] = field(default_factory=list)

    def __call__(self, records: Sequence[Record]) -> None:
        self.calls.append(len(records))
        for record in records:
            if record.item.index in self.bad:
                if self.how == "named":
                    raise ItemError("rejected", record.item.id)
                if self.how == "unnamed":
                    raise ItemError("rejected")
                if self.how == "memory":
                    raise MemoryError
                raise RuntimeError(f"no way: {record.item.image}")
            record.caption += "x"


def run(step: Step, records: list[Record]) -> tuple[list[int], dict[int, str]]:
    failed: dict[int, str] = {}
    done = Pipeline({"picky": step}).run(records, lambda record, _, reason: failed.update({record.item.index: reason}))
    return [record.item.index for record in done], failed


@given(st.integers(0, 40), st.sets(st.integers(0, 39)), st.sampled_from(["exception", "named", "unnamed", "memory"]))
def test_exactly_the_culprits_fail_and_the_order_stays(number: int, bad: set[int], how: str) -> None:
    done, failed = run(Picky(bad=frozenset(bad), how=how), make(number))
    assert done == [n for n in range(number) if n not in bad]
    assert set(failed) == {n for n in bad if n < number}


def test_one_culprit_costs_few_calls() -> None:
    step = Picky(bad=frozenset([300]))
    run(step, make(512))
    assert len(step.calls) <= 20
    step = Picky(bad=frozenset([300]), how="named")
    run(step, make(512))
    assert len(step.calls) == 2


def test_a_large_batch_of_which_every_item_is_rejected() -> None:
    done, failed = run(Picky(bad=frozenset(range(3000)), how="named"), make(3000))
    assert not done and len(failed) == 3000


def test_a_record_says_what_made_it_only_if_it_went_well() -> None:
    records = make(2)
    run(Picky(bad=frozenset([1])), records)
    assert records[0].models == {"picky": {"name": "Picky"}} and records[1].models == {}


@pytest.mark.parametrize("text", ["CUDA error: an illegal memory access was encountered", "CUDA error: unknown error"])
def test_a_broken_gpu_is_nobodys_fault(text: str) -> None:
    class Broken(Step):
        def __call__(self, records: Sequence[Record]) -> None:
            raise RuntimeError(text)

    with pytest.raises(BrokenDevice, match="the GPU failed"):
        run(Broken(), make(4))


def test_what_passes_is_tried_again_before_anybody_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelyard.generate.pipeline, "PATIENCE", (0.0, 0.0))
    answers = [PassingError("busy"), PassingError("busy"), None]

    class Server(Step):
        def __call__(self, records: Sequence[Record]) -> None:
            if (error := answers.pop(0)) is not None:
                raise error

    assert run(Server(), make(3)) == ([0, 1, 2], {}) and not answers


def test_fatal_is_fatal() -> None:
    class Fatal(Step):
        def __call__(self, records: Sequence[Record]) -> None:
            raise FatalError("bad checkpoint")

    with pytest.raises(FatalError, match="bad checkpoint"):
        run(Fatal(), make(2))


def test_steps_that_do_not_fit_together_are_refused() -> None:
    class Reads(Step):
        reads = ("instances",)

    class Writes(Step):
        writes = ("instances",)

    with pytest.raises(UserError, match="put 'second' before it"):
        Pipeline({"first": Reads(), "second": Writes()})
    Pipeline({"second": Writes(), "first": Reads()})


def test_a_step_that_goes_on_from_what_is_there_voids_nothing_of_it() -> None:
    class Captions(Step):
        reads = ("instances",)
        writes = ("instances.caption",)

    class Sorts(Step):
        reads = ("instances",)
        writes = ("instances",)

        def __call__(self, records: Sequence[Record]) -> None:
            pass

    class Embeds(Step):
        reads = ("instances.caption",)

    given_ = {"boxes": ("instances",)}
    Pipeline({"says": Captions(), "sorts": Sorts(), "embeds": Embeds()}, given=given_)
    made = make(1)[0]
    made.models = {"boxes": {"name": "b"}, "says": {"name": "s"}}
    given_["says"] = ("instances.caption",)
    Pipeline({"sorts": Sorts()}, given=given_).run([made], lambda *_: None)
    assert list(made.models) == ["boxes", "says", "sorts"]


@given(st.integers(1, 64), st.integers(0, 80), st.integers(1, 64), st.randoms(use_true_random=False))
def test_batches_halve_and_nothing_is_lost(size: int, number: int, fits: int, chance: random.Random) -> None:
    """An allocator that has room for `fits` units."""
    batches, sizes = Batches(size), []

    def call(units: Sequence[int]) -> list[int]:
        sizes.append(len(units))
        if len(units) > fits:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return [unit * 10 for unit in units]

    units = [chance.randrange(1000) for _ in range(number)]
    assert batches.map(call, units) == [unit * 10 for unit in units]
    assert batches.size <= size and sum(1 for n in sizes if n > fits) <= 6, (
        "it learns, and does not try again and again"
    )


def test_only_units_of_one_key_share_a_batch() -> None:
    seen: list[set[int]] = []

    def call(units: Sequence[int]) -> Sequence[int]:
        seen.append({unit % 3 for unit in units})
        return units

    assert Batches(4).map(call, list(range(20)), key=lambda unit: unit % 3) == list(range(20))
    assert all(len(keys) == 1 for keys in seen)


@dataclass(kw_only=True)
class Narrow(Step):
    """Is told of its setting `side` at composing, while it is loaded, or while it works."""

    side: int = 3
    when: str = "never"

    def __post_init__(self) -> None:
        if self.when == "built":
            raise ValueError(f"side={self.side}: odd; use side=4")

    def setup(self, device: str) -> None:
        if self.when == "loaded":
            raise FatalError(f"side={self.side}: odd; use side=4, or give it another setting")

    def __call__(self, records: Sequence[Record]) -> None:
        if self.when == "at work":
            raise FatalError(f"weights.pth: has no side; sides=2, but give side: see side={self.side}")


@pytest.mark.parametrize("staged", [False, True])
def test_a_step_s_settings_are_told_by_the_name_that_it_has_in_the_pipeline(staged: bool) -> None:
    def pipeline(when: str) -> Pipeline:
        node = {"_target_": f"{__name__}.Narrow", "when": when}
        return Pipeline(build_steps(["fine"], {"fine": node}), staged=staged)

    with pytest.raises(UserError) as built:
        pipeline("built")
    assert str(built.value) == "fine.side=3: odd; use fine.side=4"
    with pytest.raises(FatalError) as loaded:
        pipeline("loaded").setup("cpu")
    assert str(loaded.value) == "fine.side=3: odd; use fine.side=4, or give it another setting"
    with pytest.raises(FatalError) as working:
        pipeline("at work").run(make(3), lambda *_: None)
    assert str(working.value) == "fine: weights.pth: has no side; sides=2, but give fine.side: see fine.side=3"
    assert pipeline("never").steps["fine"].name == "fine"


def test_a_step_that_has_a_setting_called_name_keeps_it() -> None:
    @dataclass(kw_only=True)
    class Named(Step):
        name: str = "mine"

    with patch.dict(globals(), {"Named": Named}):
        step = build_steps(["fine"], {"fine": {"_target_": f"{__name__}.Named"}})["fine"]
    assert step.name == "mine"


def test_out_of_memory_for_one_unit_alone_is_its_fault() -> None:
    def call(units: Sequence[Record]) -> Sequence[None]:
        if any(unit.item.index == 2 for unit in units):
            raise OutOfMemoryError("CUDA out of memory")
        return [None] * len(units)

    @dataclass(kw_only=True)
    class Hungry(Step):
        batch_size: int = 4

        def __call__(self, records: Sequence[Record]) -> None:
            self.map(call, records)

    done, failed = run(Hungry(), make(6))
    assert done == [0, 1, 3, 4, 5] and failed[2].startswith("out of GPU memory even alone")


def test_a_step_that_answers_too_little_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="answered 1 times to 3 units"):
        Batches(3).map(lambda units: units[:1], [1, 2, 3])


def failure(number: int, reason: str = "no such file: /x") -> Outcome:
    return Outcome(str(number), "quarantined", {"reason": reason, "step": "load", "attempts": 1})


class Marked(list[str]):
    def __call__(self, outcome: Outcome) -> None:
        self.append(outcome.id)


def test_when_nothing_goes_well_nothing_is_marked() -> None:
    marked, budget = Marked(), Budget(0.5)
    with pytest.raises(FatalError, match="100 of 100 items failed, most of them with: no such file: /x"):
        for number in range(1000):
            budget.failed(number, failure(number), marked)
    assert marked == []


def test_failures_are_marked_as_soon_as_something_that_was_begun_later_goes_well() -> None:
    marked, budget = Marked(), Budget(0.5)
    budget.failed(5, failure(5), marked)
    budget.done(4)
    assert marked == [], "it was read before the other failed, and only its writing ended later"
    budget.failed(7, failure(7), marked)
    budget.done(6)
    assert marked == ["5"]


@pytest.mark.parametrize("trouble", [None, "the mount is gone"])
def test_a_stretch_of_failures_is_judged_by_what_went_well_before(trouble: str | None) -> None:
    looked: list[int] = []

    def look() -> str | None:
        looked.append(1)
        return trouble

    marked, budget = Marked(), Budget(0.5, still_well=look)
    for number in range(10_000):
        budget.done(number)
    if trouble is None:
        for number in range(250):
            budget.failed(20_000 + number, failure(number), marked)
        assert len(marked) == 200 and len(looked) == 2
    else:
        with pytest.raises(FatalError, match="100 items in a row failed, and the mount is gone"):
            for number in range(250):
                budget.failed(20_000 + number, failure(number), marked)
        assert marked == []


@pytest.mark.parametrize(
    ("failures", "ever", "stops"), [(FEW, False, True), (FEW - 1, False, False), (50, True, False)]
)
def test_a_short_list_of_which_everything_fails(failures: int, ever: bool, stops: bool) -> None:
    marked, budget = Marked(), Budget(0.5, ever_well=lambda: ever)
    for number in range(failures):
        budget.failed(number, failure(number), marked)
    if stops:
        with pytest.raises(FatalError, match=f"all {failures} items failed"):
            budget.end()
        assert marked == []
    else:
        budget.end()
        assert len(marked) == failures


def test_the_user_may_allow_any_number_of_failures() -> None:
    marked, budget = Marked(), Budget(1.0, ever_well=lambda: False)
    for number in range(500):
        budget.failed(number, failure(number), marked)
    budget.end()
    assert len(marked) == 500


@given(st.integers(0, 30), st.integers(1, 7), st.integers(1, 12))
def test_what_is_prepared_ahead_comes_to_its_own_unit(number: int, size: int, fits: int) -> None:
    prepared: list[int] = []

    def prepare(unit: int) -> str:
        prepared.append(unit)
        return f"<{unit}>"

    def call(units: Sequence[str]) -> list[str]:
        if len(units) > fits:
            raise OutOfMemoryError("CUDA out of memory")
        return [unit.strip("<>") for unit in units]

    units = list(range(number))
    answers = Batches(size).map(call, units, key=lambda unit: unit % 3, prepare=prepare)
    assert answers == [str(unit) for unit in units]
    assert sorted(prepared) == units  # a batch that was halved is not prepared again


def test_not_everything_is_prepared_at_once() -> None:
    prepared: list[int] = []
    called: list[int] = []

    def call(units: Sequence[int]) -> Sequence[int]:
        called.extend(units)
        assert len(prepared) <= len(called) + 2 * len(units), "images that are prepared fill the memory"
        return units

    def prepare(unit: int) -> int:
        prepared.append(unit)
        return unit

    Batches(4).map(call, list(range(64)), prepare=prepare)
    assert len(prepared) == len(called) == 64


def test_what_fails_while_it_is_prepared_is_told() -> None:
    def prepare(unit: int) -> int:
        if unit == 9:
            raise ItemError("no way to prepare it", "nine")
        return unit

    with pytest.raises(ItemError, match="no way"):
        Batches(2).map(lambda units: units, list(range(20)), prepare=prepare)


class Measured:
    """A GPU on which every unit of a batch takes one byte, and some are taken already."""

    def __init__(self, room: int) -> None:
        self.room, self.sizes = room, list[int]()

    def free(self) -> int:
        return self.room

    def used_by(self, call: Callable[[], object]) -> int:
        call()
        return self.sizes[-1]

    def answer(self, units: Sequence[int]) -> list[int]:
        self.sizes.append(len(units))
        if len(units) > self.room:
            raise OutOfMemoryError("CUDA out of memory")
        return [unit * unit for unit in units]


@pytest.mark.parametrize(("room", "expected"), [(1, 1), (3, 2), (12, 8), (100, MOST), (10_000, MOST)])
def test_a_batch_size_found_by_memory(room: int, expected: int) -> None:
    memory = Measured(room)
    batches = Batches(8, memory)
    assert batches.map(memory.answer, list(range(150))) == [n * n for n in range(150)]
    assert batches.size == expected and max(memory.sizes) <= room
    tried = len(memory.sizes)
    assert batches.map(memory.answer, list(range(expected))) == [n * n for n in range(expected)]
    assert len(memory.sizes) == tried + 1, "it is measured once"


def test_a_batch_size_found_by_memory_that_runs_out_meanwhile() -> None:
    memory = Measured(6)
    memory.free = lambda: 1000  # type: ignore[method-assign]  # another process takes it
    batches = Batches(8, memory)
    assert batches.map(memory.answer, list(range(9))) == [n * n for n in range(9)] and batches.size == 4


@dataclass(kw_only=True)
class Draws(Step):
    """An image of the last one's size and values, or of the record's."""

    to: str = "first"
    mode: str = "L"
    after: str = ""

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            seen = record.images[self.after].image if self.after else record.image
            record.images[self.to] = SideImage(seen.convert(self.mode).rotate(90), ending="png")


def no_failure(record: Record, step: str, reason: str) -> None:
    raise AssertionError(reason)


def test_images_beside_are_encoded_while_the_next_step_is_at_work() -> None:
    made = make(3)
    for number, record in enumerate(made):
        record.image = Image.effect_noise((40, 30), 50 + number)
    expected = [record.image.rotate(90).tobytes() for record in made]
    steps = {"first": Draws(), "second": Draws(to="second", after="first"), "none": Picky()}
    for number in (2, 3):
        for record in made:
            record.images = {}
        done = Pipeline(dict(list(steps.items())[:number])).run(made, no_failure)
        assert [record.images["first"].image.tobytes() for record in done] == expected
        assert all(record.images["first"].is_encoded for record in done)
        assert {record.images["second"].is_encoded for record in done} == {number == 3}, "whoever writes does the last"
        for record in done:
            turned = record.images["second"].image
            assert turned.tobytes() == record.images["first"].image.rotate(90).tobytes()


def test_an_image_that_no_file_can_hold_is_not_the_pipelines_trouble() -> None:
    steps = {"first": Draws(mode="F"), "second": Draws(to="second")}
    (done,) = Pipeline(steps).run(make(1), no_failure)
    assert not done.images["first"].is_encoded and done.images["second"].image.mode == "L"
    with pytest.raises(OSError, match="F as PNG"):
        done.images["first"].encoded()
