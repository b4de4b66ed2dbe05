"""A chain whose launcher dies, in every stage and at every write of its own file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from labelyard.launch.chains import frozen
from labelyard.launch.chains.folder import ChainFolder, Frozen, FrozenChain
from labelyard.utils import faults
from tests.conftest import MakeList, command, environment, records
from tests.faults.outcome import outcome, temporaries_in
from tests.launch.chains.support import STAGES, fakes


def started(train: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    words = command("chain", *fakes(train, out, "cluster.num_jobs=2", "shard_size=3", "work.batch=1", *more))
    return subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def to_its_end(train: Path, out: Path) -> None:
    process = started(train, out)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said


def made(chain: Path, stage: str) -> dict[str, object]:
    """The items of a stage name the records that they come from."""
    found = outcome(chain / stage)
    return {key: one.replace(bytes(chain), b"") if isinstance(one, bytes) else one for key, one in found.items()}


def test_killed_in_every_stage_and_given_again(make_list: MakeList, tmp_path: Path) -> None:
    train, out, undisturbed = make_list(6), tmp_path / "out", tmp_path / "undisturbed"
    to_its_end(train, undisturbed)
    for stage in STAGES:
        gate = tmp_path / f"{stage}-goes-on"
        process = started(train, out, f"{stage}:trouble.until={gate}", f"{stage}:trouble.after=1")
        end = time.monotonic() + 120
        while not records(out / stage):  # of each of its two workers one passes the gate
            assert process.poll() is None and time.monotonic() < end, process.communicate()
            time.sleep(0.05)
        assert len(records(out / stage)) < 6
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        gate.touch()
    to_its_end(train, out)
    for stage in STAGES:
        assert made(out, stage) == made(undisturbed, stage)
        assert temporaries_in(out / stage) == []


def test_killed_at_every_write_of_its_own(tmp_path: Path) -> None:
    folder = ChainFolder(tmp_path / "out")
    folder.make()
    before = FrozenChain("four", {"a": Frozen("a", (), {"x": 1})})
    after = FrozenChain("four", {"a": Frozen("a-2", (), {"x": 2}), "b": Frozen("b", ("a",), {})})
    survived = 0
    for kind in ("write", "rename", "renamed"):
        for number in range(1, 100):
            frozen.write(folder, before)
            pid = os.fork()
            if pid == 0:
                faults.arm(f"{kind}:{number}")
                frozen.write(folder, after)
                os._exit(0)
            died = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0
            assert folder.read() == (after if kind == "renamed" or not died else before)
            if not died:
                break
            survived += 1
    assert survived == 3
