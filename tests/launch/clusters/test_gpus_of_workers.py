"""How the GPUs of a machine, or of a node, are shared out among workers that want several."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.clusters.debug import Debug
from labelyard.launch.clusters.local import Local
from labelyard.launch.clusters.slurm import Slurm
from labelyard.launch.slurm.script import worker_command
from labelyard.utils.errors import UserError


def test_here_each_worker_has_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,7")
    pairs = Local(gpus_per_worker=2)
    assert (pairs.workers(), pairs.gpus_of_a_worker()) == (2, 2)
    assert (Local().workers(), Local().gpus_of_a_worker(), Debug().gpus_of_a_worker()) == (5, 1, 5)
    with pytest.raises(UserError, match=r"this machine has 5; use cluster\.gpus_per_worker=5"):
        Local(gpus_per_worker=8).check(RunFolder(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert Local(num_jobs=3, gpus_per_worker=2).workers() == 3 and Local().gpus_of_a_worker() == 0


def test_on_a_node_as_many_workers_as_the_gpus_suffice_for() -> None:
    nodes = Slurm(num_jobs=2, gpus_per_node=8, gpus_per_worker=2)
    assert (nodes.tasks, nodes.workers(), nodes.gpus_of_a_worker()) == (4, 8, 2)
    assert "--gpus 2" in worker_command(nodes, Path("/run"), Path("/run/work.json"))
    assert Slurm(num_jobs=1, gpus_per_worker=4).gpus == 4, "a node is asked for what one worker needs"
    assert Slurm(num_jobs=1, gpus_per_node=0).gpus_of_a_worker() == 0
    with pytest.raises(UserError, match=r"use cluster\.gpus_per_node=4"):
        Slurm(num_jobs=1, gpus_per_node=2, gpus_per_worker=4)
