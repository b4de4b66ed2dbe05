"""A training job on the cluster: preempted, back in the queue, and on from its last checkpoint."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, command
from tests.conftest import call as call_here
from tests.support import datasets

from .conftest import Cluster, wait_until
from .runs import environment
from .test_living import urgent

# What stands in for the original's main.py: it takes its settings with dots, reads the list, and keeps a checkpoint
# under its name, from which the same command goes on.
STUB = """\
import json, os, sys, time
from reader import samples
given = dict(word.split("=", 1) for word in sys.argv if "=" in word)
name, gate = sys.argv[sys.argv.index("--name") + 1], sys.argv[-1]
listed = samples(given["data.params.train.params.path"])
path = f"logs/{name}/last.json"
os.makedirs(os.path.dirname(path), exist_ok=True)
before = json.load(open(path)) if os.path.exists(path) else {"steps": 0, "lives": []}
print(f"begins at step {before['steps']} of {listed} samples", flush=True)
for step in range(before["steps"], 10):
    state = {"steps": step + 1, "lives": [*before["lives"], [before["steps"], step + 1]], "given": given,
             "samples": listed, "restarts": os.environ.get("SLURM_RESTART_COUNT", "0")}
    open(path + "~", "w").write(json.dumps(state))
    os.replace(path + "~", path)
    while step == 4 and not os.path.exists(gate):
        time.sleep(0.05)
"""
# How it reads the pairs: all of them by the original's own class, where its checkout is there (CONSUMERS names its
# folder); else the list alone.
BY_THE_LIST = """\
import json
def samples(folder):
    return len(json.load(open(folder + "/seeds.json")))
"""
BY_ITS_CLASS = """\
import sys
sys.path[:0] = [{stand_ins!r}, {checkout!r}]
from instructcv_reads import stand_ins
stand_ins()
from edit_dataset import EditDataset
def samples(folder):
    there = [EditDataset(folder, split) for split in ("train", "val", "test")]
    return sum(len([pairs[n]["edited"] for n in range(len(pairs))]) for pairs in there)
"""


def reader() -> str:
    original = Path(os.environ.get("CONSUMERS", "nowhere")).resolve() / "InstructCV"
    stand_ins = str(ROOT / "tests" / "consumers")
    return BY_ITS_CLASS.format(stand_ins=stand_ins, checkout=str(original)) if original.is_dir() else BY_THE_LIST


@pytest.mark.slow
def test_a_trainer_is_preempted_requeued_and_goes_on(slurm: Cluster, tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "coco", copies=4)
    made = call_here("format_dataset", "--data_root", data, "--save_root", tmp_path / "pairs", "cluster=debug")
    assert made.returncode == 0, made.stderr
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "main.py").write_text(STUB)
    (tmp_path / "repo" / "reader.py").write_text(reader())
    done = slurm.run(
        "env", *(f"{key}={value}" for key, value in environment(slurm).items() if key in ("PYTHONPATH",)),
        *command("train", "instructcv", f"data={tmp_path}/pairs", f"repo={tmp_path}/repo", f"output={tmp_path}/out",
                 "name=test", "cluster.partition=learn", "cluster.gpus_per_node=0", "cluster.time=10",
                 f"cluster.setup=['export PATH={Path(sys.executable).parent}:$PATH']",
                 f"arguments={tmp_path}/gate"),
        cwd=ROOT,
    )  # fmt: skip
    job = done.stdout.split("submitted: job ")[1].split()[0]
    last = tmp_path / "repo" / "logs" / "test" / "last.json"
    wait_until(lambda: last.exists() and json.loads(last.read_text())["steps"] == 5, "it is half way")
    urgent(slurm)
    wait_until(lambda: [row for row in slurm.squeue("-j", job) if row["state"] == "PENDING"], "it is preempted")
    (tmp_path / "gate").write_text("")
    wait_until(lambda: not slurm.squeue("-j", job), "it ends")
    found = json.loads(last.read_text())
    assert found["steps"] == 10 and found["restarts"] == "1" and found["lives"][-1] == [5, 10], found
    assert found["given"]["data.params.train.params.path"] == found["given"]["data.params.validation.params.path"]
    assert found["given"]["data.params.train.params.path"] == str(tmp_path / "pairs")
    assert found["samples"] == len(json.loads((tmp_path / "pairs" / "seeds.json").read_text()))
    log = (tmp_path / "out" / "logs" / f"slurm-{job}.log").read_text()
    assert "begins at step 0" in log and "begins at step 5" in log, "one log for both lives"
