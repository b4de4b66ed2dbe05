"""What a run will cost is told by what its steps really ask, and not told where nobody knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.step import Step
from labelyard.generate.steps.caption.vlm import VLM
from labelyard.generate.steps.describe.vlm import Describe
from labelyard.generate.steps.draw.api import ApiDrawing
from labelyard.generate.steps.judge.vlm import Judge
from labelyard.generate.steps.landmark.vlm import Landmark
from labelyard.generate.steps.text.chat import TextChat
from labelyard.generate.steps.verify.vlm import VlmOpinion
from labelyard.launch.starting import cost
from tests.generate.conftest import item

PRICED: dict[str, Any] = {"checkpoint": "openai:x", "price_in": 0.0, "price_out": 100.0}  # 0.01 for 100 tokens out
ONE = "0.01 each (by the prompts of 2 items, answers at their longest)"
UNKNOWN = "unknown until the first items are done"


@pytest.mark.parametrize(
    "step, told",
    [
        (Describe(**PRICED, max_tokens=100), f"about 0.1 for 10 items, {ONE}"),
        (Describe(**PRICED, max_tokens=50, times=2, temperature=1.0), f"about 0.1 for 10 items, {ONE}"),
        (Landmark(**PRICED, max_tokens=50), f"about 0.1 for 10 items, {ONE}"),  # which kind, and which of that kind
        (Judge(**PRICED, max_tokens=100), f"about 0.1 for 10 items, {ONE}"),
        (ApiDrawing(checkpoint="openai:x", price=0.005, repeats=2), f"about 0.1 for 10 items, {ONE}"),
        (VLM(**PRICED, max_new_tokens=100, num_beams=1), f"{UNKNOWN}; about 0.01 for every instance (by the prompts"),
        (VlmOpinion(**PRICED, max_tokens=100), f"{UNKNOWN}; about 0.01 for every instance (by the prompts"),
        (TextChat(**PRICED), UNKNOWN),
        (Describe(checkpoint="openai:x"), None),
        (Step(), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Step) else "",
)
def test_what_is_asked_of_an_item_is_counted(tmp_path: Path, step: Step, told: str | None) -> None:
    lines = list(cost.costs(RunFolder(tmp_path), {"asks": step}, 10, [item(0), item(1)]))
    assert lines == [] if told is None else lines[0].startswith(f"cost       asks: {told}")


def test_a_run_that_is_under_way_tells_it_better(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    step = VlmOpinion(**PRICED)  # 4 items have had 7 instances each, at 0.001
    with (
        patch.object(cost, "used_by", return_value={"asks": {"requests": 28.0, "cost": 0.028}}),
        patch.object(cost, "_ended", return_value=4),
    ):
        (line,) = cost.costs(RunFolder(tmp_path), {"asks": step, "free": Step()}, 100, [item(0)])
    assert [*cost.costs_later({"asks": step, "free": Step()})] == [
        "cost       asks: unknown until the stages before it are done"
    ]
    assert line.startswith("cost       asks: about 0.7 for 100 items, 0.007 each (all that was asked of an item")
