"""A pipeline of Dataflow-Gen's on a real SLURM: one command, every step with hardware of its own, one result."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.launch.dataflow_gen.support import CAPTION, PAINT, UPPER, lines, pictures, pipeline, write_rows
from tests.launch.dataflow_gen.support import run as run_here

from .conftest import Cluster, wait_until
from .runs import call, jobs
from .test_living import urgent

STEPS = ["step_1_ImageCaptioner_Size_Captioner", "step_2_TextGenerator_Upper", "step_3_ImageGenerator_Painter"]
GATE = """

import os
import time

_upper = Upper.generate_batch


def _held(self, texts):
    while not os.path.exists({gate!r}):
        time.sleep(0.05)
    return _upper(self, texts)


Upper.generate_batch = _held
"""


@pytest.mark.slow
def test_one_command_and_three_steps(slurm: Cluster, tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(8)]
    pictures(tmp_path, [name for name in names if name != "3.png"])
    write_rows(tmp_path / "list.jsonl", [{"image": name, "id": name} for name in names])
    cluster = {"type": "slurm", "partition": "learn", "num_jobs": 2}
    without_gpu = {**UPPER, "cluster": {"gpus_per_node": 0, "num_jobs": 1}}
    config = pipeline(tmp_path, [CAPTION, without_gpu, PAINT], cluster=cluster)
    gate = tmp_path / "gate"
    with (tmp_path / "mine.py").open("a") as file:
        file.write(GATE.format(gate=str(gate)))
    command = ("dataflow", "--config", config, "shard_size=2")
    done = call(slurm, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starts step_2_TextGenerator_Upper" in done.stdout and "written behind every step" in done.stdout
    base = tmp_path / "base"
    wait_until(lambda: list((base / STEPS[1]).glob("workers/*.json")), "step 2 is at work", timeout=240)
    (worker,) = jobs(base / STEPS[1])
    again = call(slurm, *command)
    assert again.returncode == 0 and "in SLURM's queue already" in again.stdout, again.stderr
    seen = call(slurm, "status", base).stdout
    assert f"{STEPS[0]}  complete" in seen and "waits for step_2_TextGenerator_Upper; job" in seen
    asked = slurm.run("scontrol", "show", "job", worker["id"]).stdout
    assert "gres" not in asked.lower()
    urgent(slurm)
    wait_until(
        lambda: [row for row in slurm.squeue("-j", worker["id"]) if row["state"] == "PENDING"], "it is preempted"
    )
    gate.touch()
    wait_until(lambda: not slurm.squeue(), "all of it ends", timeout=300)
    found = lines(tmp_path / "out" / "result.jsonl")
    assert [line["id"] for line in found] == [name for name in names if name != "3.png"]
    (failed,) = lines(tmp_path / "out" / "failed.jsonl")
    assert (failed["row"], failed["step"]) == (3, STEPS[0])
    for step in STEPS:
        assert len(jobs(base / step)) == len(jobs(base / step, "merge")) == 1, "started once"
        assert (base / step / "result.jsonl").exists()
    here = ("--base_folder", tmp_path / "here", "--save_folder", tmp_path / "here-out")
    plain = pipeline(tmp_path, [CAPTION, UPPER, PAINT])
    assert run_here(plain, *here) == 3
    own, other = (lines(tmp_path / place / "result.jsonl") for place in ("here-out", "out"))
    assert [{**line, "image": ""} for line in own] == [{**line, "image": ""} for line in other], "as here"


@pytest.mark.slow
def test_where_compute_nodes_may_not_submit_the_command_stays(slurm: Cluster, tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(6)]
    pictures(tmp_path, names)
    write_rows(tmp_path / "list.jsonl", [{"image": name, "id": name} for name in names])
    cluster = {"type": "slurm", "partition": "learn", "num_jobs": 2}
    config = pipeline(tmp_path, [CAPTION, UPPER, PAINT], cluster=cluster)
    done = call(slurm, "dataflow", "--config", config, "shard_size=2", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "result.jsonl: 6 rows" in done.stdout
    assert [line["id"] for line in lines(tmp_path / "out" / "result.jsonl")] == names
    assert not slurm.squeue(), "nothing is left to run when it ends"
