"""Threads of a step beside torch's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

ASK = """
import json, torch
from labelyard.generate.compute.threads import each

def divided(seed):
    numbers = torch.rand(3_000_000, generator=torch.Generator().manual_seed(seed))
    return torch.get_num_threads(), numbers.sum().item().hex()

whole = divided(0)
print(json.dumps([whole, *each(divided, [0, 0, 0]), divided(0)]))
"""


def test_a_step_s_threads_compute_the_same_whatever_the_number_of_cores() -> None:
    kept = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    found = {}
    for cores in (1, 2):
        environment = {**kept, "OMP_NUM_THREADS": str(cores)}
        done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
        before, *threaded, after = json.loads(done.stdout)
        assert before == after and before[0] <= cores  # the step's own thread has all of them, as before
        assert {threads for threads, _ in threaded} == {1}
        found[cores] = {total for _, total in threaded}
    assert found[1] == found[2] and len(found[1]) == 1


def test_a_worker_spins_less_unless_the_user_has_chosen() -> None:
    from labelyard.generate.__main__ import spin_less

    chosen: list[dict[str, str]] = [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}]
    for environment in chosen:
        spin_less(environment)
    assert chosen == [{"GOMP_SPINCOUNT": "10000"}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}]
