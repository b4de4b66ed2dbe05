"""docs/coming-from-instructcv.md: its commands work as they stand, and it names every flag and word of the original."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from labelyard.generate.exporters.instructcv.tasks import tasks_of
from labelyard.launch.pairs.wanted import TASKS
from labelyard.launch.pairs.words import FLAGS, WORDS
from tests.conftest import ROOT, environment
from tests.support import datasets

PAGE = (ROOT / "docs" / "coming-from-instructcv.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.S) for line in block.strip().splitlines()]
FIRST = "python launch/format_dataset.py --save_root './image_pairs' --tasks ['det'] --data_root './data/coco'"


def test_the_commands_work_as_they_stand(tmp_path: Path) -> None:
    datasets.coco(tmp_path / "data" / "coco")
    datasets.coco(tmp_path / "data" / "coco", "train2017")
    assert COMMANDS[0] == FIRST and len(COMMANDS) == 5
    for command in COMMANDS:
        if "runs/demo" in command:  # a run of the demo's small models; here one of given boxes
            command = command.replace("runs/demo", "runs/coco")
        words = command.replace("python launch/", f"{sys.executable} {ROOT}/launch/")
        done = subprocess.run(["bash", "-c", words], cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    for name in ("image_pairs", "other_pairs", "demo_pairs", "all_pairs"):
        assert (tmp_path / name / "seeds.json").is_file()


def test_every_flag_and_every_word_of_the_original_has_its_place() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `--")]
    flags = [flag for row in rows for flag in re.findall(r"`--(\w+)`", row.split(" | ")[0])]
    assert sorted(set(flags)) == sorted(
        {"save_root", "tasks", "data_root", "dataset", "seed", "templates", "split", "pool", *FLAGS}
    )
    table = PAGE.split("| `--dataset` | is |")[1].split("\n\n")[0]
    named = {word: row for row in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert set(named) == set(WORDS)
    for word, meant in WORDS.items():
        _, _, source, tasks, _ = named[word].split("|")
        assert f"source={meant.source}" in source
        assert tasks_of(tasks) == tasks_of(TASKS.get(meant.source, "det"))
        assert all(value in source for value in (*meant.options.values(), *meant.settings.values()))


@pytest.mark.parametrize("program", ["edit_cli", "format_dataset"])
def test_the_flags_that_the_page_names_are_taken(program: str) -> None:
    text = (ROOT / "launch" / f"{program}.py").read_text()
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `edit_cli.py`")]
    flags = re.findall(r"--(\w+)", row) if program == "edit_cli" else ["save_root", "tasks", "data_root", "dataset"]
    assert flags and all(flag in text for flag in flags)
