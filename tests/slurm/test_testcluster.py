"""The throw-away cluster does what a real one does, and leaves the machine as it was."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

from .conftest import Cluster, bring_up, clean_environment, cluster_script, wait_until


def script(folder: Path, body: str) -> Path:
    path = folder / "job.sh"
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return path


def lines(path: Path) -> list[str]:
    """Whole lines only: the job may be writing."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def alive(pid: str | int) -> bool:
    """A process that runs: a zombie that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_of(folder: Path) -> list[str]:
    """The processes that have the folder in their command line or environment, or a file in it open."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if not alive(entry.name) or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            known = command + (entry / "environ").read_bytes()
            known += b"\0".join(os.fsencode(os.readlink(link)) for link in (entry / "fd").iterdir())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended just now, or it is the container's own first process
        if os.fsencode(folder) in known:
            found.append(f"{entry.name}: {os.fsdecode(command).replace(chr(0), ' ')}")
    return found


def listening(pids: list[str]) -> list[str]:
    """Addresses on which processes wait for TCP connections, as the kernel writes them: 127.0.0.1 is 0100007F."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        for row in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state == "0A":
                sockets[f"socket:[{inode}]"] = local.partition(":")[0]
    links = [os.readlink(link) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir()]
    return [sockets[link] for link in links if link in sockets]


@pytest.mark.skipif(socket.gethostbyname(socket.gethostname()) != "127.0.0.1", reason="no name for loopback")
def test_it_listens_on_loopback_only(slurm: Cluster) -> None:
    daemons = [path.read_text().split()[0] for path in (slurm.folder / "pids").iterdir()]
    assert listening(daemons) == ["0100007F"] * 4, "slurmctld, slurmdbd, two slurmd; the others have sockets in files"


def test_two_jobs_of_a_node_get_different_gpus(slurm: Cluster, tmp_path: Path) -> None:
    job = script(tmp_path, f'echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES" >>{tmp_path}/seen; sleep 600')
    for _ in range(5):
        slurm.sbatch("--gres=gpu:1", "-o", "/dev/null", job)
    wait_until(lambda: len(lines(tmp_path / "seen")) == 4, "four jobs run")
    assert sorted(lines(tmp_path / "seen")) == ["n1 0", "n1 1", "n2 0", "n2 1"]
    wait_until(lambda: [row["state"] for row in slurm.squeue("-t", "PD")] == ["PENDING"], "the fifth waits")
    assert slurm.squeue("-t", "PD")[0]["reason"] in ("Resources", "Priority", "None")


def test_preemption_in_learn_requeues(slurm: Cluster, tmp_path: Path) -> None:
    again = '[ -n "$SLURM_RESTART_COUNT" ]'
    job = script(tmp_path, f'echo "${{SLURM_RESTART_COUNT:-0}}" >>{tmp_path}/starts; {again} || sleep 600')
    learner = slurm.sbatch("-w", "n1", "--gres=gpu:2", "--requeue", "-o", "/dev/null", job)
    wait_until(lambda: lines(tmp_path / "starts") == ["0"], "the first start")
    urgent = slurm.sbatch("-p", "urgent", "-w", "n1", "--gres=gpu:2", "-o", "/dev/null", "--wrap", "sleep 1")
    slurm.wait_state(urgent, "COMPLETED")
    slurm.wait_state(learner, "COMPLETED")
    assert lines(tmp_path / "starts") == ["0", "1"]
    assert [row["State"] for row in slurm.sacct(learner, "State", "-D")] == ["PREEMPTED", "COMPLETED"]


def test_preemption_in_cancelled_cancels(slurm: Cluster, tmp_path: Path) -> None:
    job = script(tmp_path, f"echo start >>{tmp_path}/seen; sleep 600")
    victim = slurm.sbatch("-p", "cancelled", "-w", "n2", "--gres=gpu:2", "--requeue", "-o", "/dev/null", job)
    wait_until(lambda: lines(tmp_path / "seen") == ["start"], "the start")
    slurm.sbatch("-p", "urgent", "-w", "n2", "--gres=gpu:2", "-o", "/dev/null", "--wrap", "sleep 600")
    slurm.wait_state(victim, "PREEMPTED")
    wait_until(lambda: [row["partition"] for row in slurm.squeue()] == ["urgent"], "the victim has left the queue")
    assert lines(tmp_path / "seen") == ["start"]


CATCH = """
import signal, sys
def caught(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGUSR2:
        sys.exit()
signal.signal(signal.SIGUSR2, caught)
signal.signal(signal.SIGTERM, caught)
print("start", flush=True)
while True:
    signal.pause()
"""


def test_grace_ahead_of_preemption(slurm: Cluster, tmp_path: Path) -> None:
    # In the grace TERM goes to job steps alone: a batch script that runs no srun hears nothing until it is over.
    (tmp_path / "catch.py").write_text(CATCH)
    trap = f"trap 'echo TERM >>{tmp_path}/shell' TERM"
    job = script(tmp_path, f"{trap}; srun python3 {tmp_path}/catch.py >{tmp_path}/step")
    slurm.run("scontrol", "update", "PartitionName=cancelled", "GraceTime=600")
    try:
        victim = slurm.sbatch("-p", "cancelled", "-w", "n2", "--gres=gpu:2", "-o", "/dev/null", job)
        wait_until(lambda: lines(tmp_path / "step") == ["start"], "the start")
        slurm.sbatch("-p", "urgent", "-w", "n2", "--gres=gpu:2", "-o", "/dev/null", "--wrap", "sleep 600")
        wait_until(lambda: lines(tmp_path / "step") == ["start", "SIGTERM"], "TERM arrives")
        assert [row["state"] for row in slurm.squeue("-j", victim)] == ["RUNNING"]  # accounting lags behind by seconds
        assert not lines(tmp_path / "shell")
    finally:
        slurm.run("scontrol", "update", "PartitionName=cancelled", "GraceTime=0")


def test_signal_ahead_of_the_time_limit(slurm: Cluster, tmp_path: Path) -> None:
    (tmp_path / "catch.py").write_text(CATCH)
    job = script(tmp_path, f"exec python3 {tmp_path}/catch.py")
    to_shell = slurm.sbatch("--time=60", "--signal=B:USR2@60", "-o", tmp_path / "to_shell", job)
    to_step = slurm.sbatch("--time=60", "--signal=USR2@60", "-o", tmp_path / "to_step", "--wrap", f"srun {job}")
    wait_until(lambda: all(lines(tmp_path / name) == ["start"] for name in ("to_shell", "to_step")), "both start")
    # Only now, for SLURM looks every 30 s and is up to a minute early: a short limit from the start may be too soon.
    for running in (to_shell, to_step):
        slurm.run("scontrol", "update", f"JobId={running}", "TimeLimit=1")
    for running in (to_shell, to_step):
        slurm.wait_state(running, "COMPLETED")
    assert lines(tmp_path / "to_shell") == ["start", "SIGUSR2"]
    assert lines(tmp_path / "to_step") == ["start", "SIGUSR2"]


def test_array_beyond_the_limit_is_refused(slurm: Cluster, tmp_path: Path) -> None:
    assert "MaxArraySize            = 9\n" in slurm.run("scontrol", "show", "config").stdout
    refused = slurm.run("sbatch", "--array=0-9", "-o", "/dev/null", "--wrap", "true", check=False)
    assert refused.returncode == 1 and "Invalid job array specification" in refused.stderr
    array = slurm.sbatch("--array=0-8", "-o", "/dev/null", "--wrap", f"touch {tmp_path}/$SLURM_ARRAY_TASK_ID")
    wait_until(lambda: not slurm.squeue(), "the array ends")
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(index) for index in range(9)]
    wait_until(lambda: [row["State"] for row in slurm.sacct(array)] == 9 * ["COMPLETED"], "accounting knows of it")


def test_a_node_dies_and_comes_back(slurm: Cluster, tmp_path: Path) -> None:
    stray = f"setsid sleep 600 & echo $! >>{tmp_path}/pids"
    job = script(tmp_path, f'echo "$SLURMD_NODENAME $$" >>{tmp_path}/starts; {stray}; wait')
    moved = slurm.sbatch("--gres=gpu:2", "--requeue", "-w", "n1", "-o", "/dev/null", job)
    bound = slurm.sbatch("--gres=gpu:2", "--no-requeue", "-w", "n2", "-o", "/dev/null", job)
    wait_until(lambda: len(lines(tmp_path / "pids")) == 2, "both start")
    pids = dict(line.split() for line in lines(tmp_path / "starts"))

    slurm.kill_node("n1")
    assert slurm.run("sinfo", "-h", "-p", "learn", "-n", "n1", "-o", "%T").stdout.strip() == "down"
    assert not alive(pids["n1"]) and alive(pids["n2"]), "the job of the dead node ends, that of the other lives"
    assert len([pid for pid in lines(tmp_path / "pids") if alive(pid)]) == 1, "so do the jobs' strays"
    slurm.revive_node("n1")
    wait_until(lambda: len(lines(tmp_path / "starts")) == 3, "the job starts again")
    assert sorted(line.split()[0] for line in lines(tmp_path / "starts")) == ["n1", "n1", "n2"]
    assert slurm.sacct(moved, "State", "-D")[0]["State"] == "NODE_FAIL"

    slurm.kill_node("n2")
    slurm.wait_state(bound, "NODE_FAIL")


@pytest.fixture
def lookalike(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else that is called like a daemon of the cluster, and one's job."""
    environment = dict(os.environ) | {"SLURM_CONF": "/somewhere/else/slurm.conf", "SLURMD_NODENAME": "n1"}
    process = subprocess.Popen(["bash", "-c", "exec -a slurmd sleep 600"], env=environment)
    yield process
    process.kill()
    process.wait()


def test_down_ends_all_of_its_own_and_nothing_else(
    slurm: Cluster, lookalike: subprocess.Popen[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second")
    # No place for temporary files but its own: a MariaDB that starts removes those that another one is using.
    second = bring_up(folder, os.getpid(), TESTCLUSTER_MAX_ARRAY_SIZE="4", TMPDIR="/nowhere")
    busy = ("--gres=gpu:1", "-o", "/dev/null", "--wrap", "srun sleep 600 & setsid sleep 600 & wait")
    first_job, second_job = slurm.sbatch(*busy), second.sbatch(*busy)
    second.wait_state(second_job, "RUNNING")
    slurm.wait_state(first_job, "RUNNING")
    wait_until(lambda: sum("sleep 600" in process for process in processes_of(folder)) >= 2, "its job's processes")

    done = cluster_script("down", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: processes_of(folder) == [], "all processes of the second are gone", timeout=10)
    assert lookalike.poll() is None
    assert cluster_script("status", folder).returncode == 3
    assert cluster_script("status", slurm.folder).returncode == 0
    assert slurm.state(first_job) == "RUNNING"
    assert cluster_script("down", folder).returncode == 0, "down twice is no error"


def test_the_cluster_ends_with_its_owner(slurm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("owned")
    owner = subprocess.Popen(["sleep", "600"])
    bring_up(folder, owner.pid)
    time.sleep(2)  # the watchdog looks once a second: it must not mistake a living owner for a dead one
    assert cluster_script("status", folder).returncode == 0
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_until(lambda: not processes_of(folder), "the cluster is down")
    assert cluster_script("status", slurm.folder).returncode == 0


def test_where_no_cluster_can_be_had_the_tests_say_so_loudly(tmp_path: Path) -> None:
    nobody = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    own = ["-p", "no:cacheprovider", "-n", "2", "--basetemp", str(tmp_path / "tests"), "tests/slurm/test_options.py"]
    done = subprocess.run(
        [*nobody, sys.executable, "-m", "pytest", *own],
        env={**clean_environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "! SLURM NOT TESTED !" in done.stdout
    assert "1 tests were skipped: no SLURM to test on: a test cluster needs root" in done.stdout
