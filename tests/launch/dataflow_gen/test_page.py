"""docs/coming-from-dataflow-gen.md: its example works as written, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from labelyard.launch.dataflow_gen.catalogue import NAMES
from labelyard.launch.dataflow_gen.request import KEYS
from labelyard.launch.dataflow_gen.stages import fields_of
from labelyard.launch.dataflow_gen.translate import RENAMED, RENAMED_THERE
from tests.conftest import ROOT
from tests.launch.dataflow_gen.support import lines
from tests.test_docs import Example

PAGE = (ROOT / "docs" / "coming-from-dataflow-gen.md").read_text()


def test_the_example_works_as_written(tmp_path: Path) -> None:
    example = Example("coming-from-dataflow-gen.md", tmp_path)
    done = example.call()
    assert done.returncode == 0, done.stderr
    found = lines(tmp_path / "results" / "result.jsonl")
    assert [line["text"] for line in found] == ["a fox a fox a fox", "an owl an owl an owl"]
    assert [Path(line["image"]).name for line in found] == ["fox.png", "owl.jpg"]
    assert Image.open(found[1]["image"]).size == (160, 32)
    (cluster,) = example.others
    planned = example.call(command=cluster)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.count("#SBATCH --partition=big") >= 1 and "Nothing was written" in planned.stdout


def test_every_name_and_every_key_is_told() -> None:
    steps = PAGE.split("## Steps")[1].split("## What is written")[0]
    told = set(re.findall(r"`([A-Z]\w+)`", steps))
    assert {name for names in NAMES.values() for name in names} <= told
    keys = set(re.findall(r"`(\w+)`", PAGE.split("## The YAML")[1].split("## Steps")[0]))
    assert set(KEYS) <= keys
    assert {"model_path", "sys_prompt", "repeat_time", "weight", "num_inference_steps"} <= set(RENAMED) | set(
        RENAMED_THERE
    )


def test_every_setting_of_every_name_is_one_of_its_step() -> None:
    for kind, names in NAMES.items():
        for name, known in names.items():
            fields = fields_of(known.kind, known.option)
            assert set(known.settings) <= set(fields), (kind, name)
