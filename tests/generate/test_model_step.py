"""What steps with weights share, and that a step which keeps what it loads in its own way works like before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.pipeline import Pipeline, build_steps
from labelyard.generate.record import Record, Tag
from labelyard.generate.step import Checkpoint, Step, transient
from labelyard.utils.errors import UserError
from tests.generate.conftest import item


@dataclass(kw_only=True)
class Learned(ModelStep):
    checkpoint: str = "owner/model"
    batch_size: int | str = batch_of(3)

    def load(self) -> None:
        self.loaded.weights = f"weights on {self.device}"

    def __call__(self, records: Sequence[Record]) -> None:
        for record, words in zip(records, self.map(self._say, records), strict=True):
            record.tags = [Tag(words, 1.0)]

    def _say(self, records: Sequence[Record]) -> list[str]:
        return [f"{self.loaded.weights}, {len(records)} at once"] * len(records)


@dataclass(kw_only=True)
class OldWay(Step):
    """As steps were written before there was ModelStep."""

    batch_size: int = transient(3)

    def setup(self, device: str) -> None:
        self._device = device
        self._weights = f"weights on {device}"

    def __call__(self, records: Sequence[Record]) -> None:
        for record, words in zip(records, self.map(self._say, records), strict=True):
            record.tags = [Tag(words, 1.0)]

    def _say(self, records: Sequence[Record]) -> list[str]:
        return [f"{self._weights}, {len(records)} at once"] * len(records)


def records(number: int = 3) -> list[Record]:
    return [Record(item(n), Image.new("RGB", (4, 4))) for n in range(number)]


def said(done: Sequence[Record]) -> list[str]:
    return [record.tags[0].name for record in done]


@pytest.mark.parametrize("kind", [Learned, OldWay])
@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("device, at_once", [("cpu", 1), ("cuda:1", 3)])
def test_a_step_goes_by_the_device_that_setup_was_told(
    kind: type[Step], staged: bool, device: str, at_once: int
) -> None:
    pipeline = Pipeline({"before": kind(), "tag": kind()}, staged=staged)
    pipeline.setup(device)
    done = pipeline.run(records(), lambda *_: None)
    assert said(done) == [f"weights on {device}, {at_once} at once"] * 3


@pytest.mark.parametrize("step, kept", [(Learned(), "loaded.weights"), (OldWay(), "_weights")])
def test_what_was_loaded_goes_and_what_batches_learned_stays(step: Any, kept: str) -> None:
    step.setup("cuda")
    step(records())
    learned = step.batching
    step.free()
    assert kept.split(".")[-1] not in {**vars(step), **vars(getattr(step, "loaded", step))}
    step.setup("cuda")
    step(records())
    assert step.batching is learned


def test_a_model_is_told_with_its_revision_where_it_has_one() -> None:
    assert Learned().model() == {"name": "Learned", "checkpoint": "owner/model", "dtype": "float32"}
    step = Learned(revision="v1", dtype="bfloat16")
    assert step.model() == {"name": "Learned", "checkpoint": "owner/model", "dtype": "bfloat16", "revision": "v1"}
    assert step.checkpoints() == (Checkpoint("owner/model", "v1"),)
    with pytest.raises(UserError, match=r"^tag\.dtype='int8': unknown"):
        build_steps(["tag"], {"tag": {"_target_": f"{__name__}.Learned", "dtype": "int8"}})
