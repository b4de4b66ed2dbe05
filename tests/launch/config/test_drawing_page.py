"""docs/drawing.md: its commands are understood, and its table has every option."""

from __future__ import annotations

import re
import shlex

import pytest

from labelyard.launch.config.compose import composed
from labelyard.launch.edit_cli import given
from labelyard.launch.starting.request import Brought, chosen_steps
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "drawing.md").read_text()
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
COMMANDS = [shlex.split(line) for line in BLOCKS.splitlines() if line.strip()]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_its_commands_are_understood(command: list[str]) -> None:
    program, words = command[1], command[2:]
    if program == "launch/edit_cli.py":
        assert given(words).edit == "segment the cat."
        return
    assert program == "launch/run.py"
    from_before = ("instances", "instances.mask", "images.depth", "found.proposals", "found.description")
    brought = Brought({"before": from_before}, ("image", "caption"))
    steps = chosen_steps(composed(words, "config", None), brought)
    assert steps and all(step.checkpoints() for step in steps.values())


def test_its_table_has_every_option() -> None:
    for kind in ("draw", "film", "edit", "fill", "depth_edit", "style"):
        (row,) = re.findall(rf"^\| `{kind}` \|.*$", PAGE, re.MULTILINE)
        named = set(re.findall(r"`(\w+)`", row.rpartition("|")[0].rpartition("|")[2])) - {kind}
        assert named - {"api"} == {path.stem for path in (ROOT / "conf" / kind).glob("*.yaml")} - {"api"}
