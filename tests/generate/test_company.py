"""What goes through a network together: on a CPU nothing, whatever the settings say; on a GPU batches of one shape."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

from labelyard.generate.record import Instance, Item, Record, Tag, Text
from labelyard.generate.step import Step, transient
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.rounding import ALIGNED
from labelyard.generate.steps.tools.pixels import aligned
from tests.tiny.records import record

ROOT = Path(__file__).resolve().parent.parent.parent
BIT = 2.0**-23


@dataclass(kw_only=True)
class Recorder(Step):
    batch_size: int | str = transient(4)
    memory: int = 100

    def __post_init__(self) -> None:
        self.seen: list[int] = []

    def setup(self, device: str) -> None:
        self._device = device

    def double(self, units: Sequence[int]) -> list[int]:
        if len(units) > self.memory:
            raise RuntimeError("CUDA out of memory. Tried to allocate 1 GiB")
        self.seen.append(len(units))
        return [2 * unit for unit in units]


def on(device: str, **options: Any) -> Recorder:
    step = Recorder(**options)
    step.setup(device)
    return step


@dataclass(kw_only=True)
class Placed(Step):
    """Its numbers have another last bit at each place of a batch, as a sigmoid's have on many CPUs."""

    writes: ClassVar[tuple[str, ...]] = ("tags",)
    batch_size: int | str = transient(3)

    def setup(self, device: str) -> None:
        self._device = device

    def __call__(self, records: Sequence[Record]) -> None:
        for one, score in zip(records, self.map(self._scores, records), strict=True):
            one.tags = [Tag("thing", score)]

    def _scores(self, records: Sequence[Record]) -> list[float]:
        return [one.width / 1000 + place * BIT for place, one in enumerate(records)]


@pytest.mark.parametrize("batch_size", [1, 3, 64, "auto"])
def test_on_a_cpu_the_place_in_a_batch_decides_no_bit(batch_size: int | str) -> None:
    step = Placed(batch_size=batch_size)
    step.setup("cpu")
    assert_company_does_not_matter(step, [record(name) for name in ("china", "chelsea", "coffee", "astronaut")])


def test_on_a_cpu_each_unit_goes_by_itself() -> None:
    for size in (1, 8, "auto"):
        step = on("cpu", batch_size=size)
        assert step.map(step.double, [3, 1, 2], key=lambda unit: unit % 2) == [6, 2, 4]
        assert step.seen == [1, 1, 1] and step.at_once(64) == 1
    assert on("cuda").at_once(64) == on("cuda:1").at_once(64) == 64


def test_on_a_gpu_every_batch_is_full_and_only_what_was_asked_is_answered() -> None:
    step = on("cuda")
    assert step.map(step.double, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert step.map(step.double, [7]) == [14]
    assert step.map(step.double, []) == []
    assert step.seen == [4, 4, 4]


def test_batches_are_not_filled_up_where_that_is_not_wanted() -> None:
    step = on("cuda")
    assert step.map(step.double, [1, 2, 3, 4, 5], full=False) == [2, 4, 6, 8, 10]
    assert step.seen == [4, 1]


def test_units_of_different_keys_do_not_fill_each_other_s_batches() -> None:
    step = on("cuda")
    batches: list[set[int]] = []

    def note(units: Sequence[int]) -> list[int]:
        batches.append({unit % 2 for unit in units})
        return step.double(units)

    assert step.map(note, [1, 2, 3], key=lambda unit: unit % 2) == [2, 4, 6]
    assert batches == [{1}, {0}]


def test_a_batch_is_not_filled_up_to_what_did_not_fit() -> None:
    step = on("cuda", batch_size=8, memory=3)
    assert step.map(step.double, list(range(7))) == [2 * unit for unit in range(7)]
    assert set(step.seen) == {2}
    assert step.map(step.double, [5]) == [10]
    assert set(step.seen) == {2}, "the smaller size is kept for good"


OLDER = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "sse4": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
HELD_TO_IT = """
import sys
from pathlib import Path
from labelyard.generate.steps.segment.sam_hq import SamHQ
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.rounding import ALIGNED
from tests.generate.steps.segment.checks import assert_portions_do_not_matter, sample
from tests.generate.steps.tag.test_ram import make_ram, photos, ready
from tests.tiny.segment import make_sam_hq

folder = Path(sys.argv[1])
assert_company_does_not_matter(ready(make_ram(folder / "ram"), batch_size=3), photos(), disturbed=False)
step = SamHQ(checkpoint=str(make_sam_hq(folder / "sam_hq")), boxes_at_once=3, batch_size=2)
step.setup("cpu")
assert_company_does_not_matter(step, sample(), disturbed=False)
assert_portions_do_not_matter(step)
"""


@pytest.mark.parametrize("kind", OLDER)
def test_company_does_not_matter_on_older_cpus_either(kind: str, tmp_path: Path) -> None:
    """As far as the libraries let a newer one pass for them; another kind of CPU ignores the names."""
    environment = {**os.environ, **OLDER[kind], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", HELD_TO_IT, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_a_processor_hands_over_comes_to_lie_as_torch_lays_it_out() -> None:
    import torch

    whole = torch.arange(101, dtype=torch.float32)
    odd = whole[1:].view(10, 10).t()  # as numpy's memory may begin
    given = aligned({"pixels": odd, "names": ["a"]})
    assert given["names"] == ["a"] and given["pixels"].equal(odd)
    assert odd.data_ptr() % ALIGNED and not given["pixels"].data_ptr() % ALIGNED
    assert given["pixels"].is_contiguous()


@dataclass(kw_only=True)
class Says(Step):
    """Writes what `does` names, whatever `writes` says."""

    reads = ("image", "instances")
    writes = ("found.mood", "texts.mood", "instances.mood")

    does: str = ""

    def __call__(self, records: Sequence[Record]) -> None:
        for one in records:
            one.found["mood"] = "calm"
            one.texts["mood"] = Text("calm", "template")
            for instance in one.instances:
                instance.extra["mood"] = 1
            if self.does == "finding":
                one.found["other"] = 1
            elif self.does == "text":
                one.texts["other"] = Text("", "template")
            elif self.does == "extra":
                one.instances[0].extra["other"] = 1
            elif self.does == "label":
                one.instances[0].label = "other"


def moody() -> list[Record]:
    made = [Record(Item(str(n), n, "", ""), Image.new("RGB", (4, 3 + n))) for n in range(2)]
    for one in made:
        one.instances = [Instance((0, 0, 2, 2), 0.5, "cat")]
    return made


def test_what_a_step_writes_is_held_to_by_name() -> None:
    assert_company_does_not_matter(Says(), moody())
    for does, field in (("finding", "found"), ("text", "texts"), ("extra", "instances"), ("label", "instances")):
        with pytest.raises(AssertionError, match=field):
            assert_company_does_not_matter(Says(does=does), moody())
