"""What sbatch gets, and what SLURM's programs print: text in, text out, without a SLURM.

slurm_text/full.sbatch is the script of a fully configured run. After a wanted change look at the difference, and write
it anew by: python -m tests.launch.test_slurm_text
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.clusters.slurm import Slurm, what_next
from labelyard.launch.slurm import script
from labelyard.launch.slurm.arrays import windows
from labelyard.launch.slurm.jobs_lines import lines
from labelyard.launch.slurm.jobs_overview import Failed, Held, MergeJob, seen
from labelyard.launch.slurm.logs import word_of_setup
from labelyard.launch.slurm.options import Options, as_parameters, seconds_of
from labelyard.launch.slurm.parse import Accounted, Queued, indices, read_config, read_sacct, read_squeue
from labelyard.launch.slurm.setup import blocks
from labelyard.utils.errors import UserError
from tests.conftest import ROOT, MakeList, call, fake_run

GOLDEN = Path(__file__).parent / "slurm_text" / "full.sbatch"
RUN = Path("/shared/runs/train data")
CONFIG = RUN / "hydra" / "now" / "work.json"

FULL: dict[str, Any] = {
    "num_jobs": 64,
    "max_running": 16,
    "stop_before": 300,
    "partition": "learn",
    "account": "vision",
    "qos": "normal",
    "constraint": "a100&nvme",
    "gpus_per_node": 4,
    "gpu_type": "a100",
    "nodes": 2,
    "tasks_per_node": 4,
    "cpus_per_task": 8,
    "mem": "240G",
    "time": "1-12:00:00",
    "exclude": ["n7", "n[9-11]"],
    "nodelist": "n[1-32]",
    "comment": "grounded data, week 2",
    "reservation": "vision-week",
    "dependency": "afterok:41",
    "setup": ["module load cuda/12.4", "source /shared/venv/bin/activate"],
    "sbatch_args": ["--mail-type=END,FAIL", "--exclusive", "--gpu-bind=none"],
    "srun_args": ["--cpu-bind=none"],
    "python": "apptainer exec --nv /shared/labelyard.sif python",
    "merge": {"partition": "cpu", "mem": "8G", "time": "60", "sbatch_args": ["--nice=10"]},
}


def test_what_to_copy_after_a_submission_is_quoted_for_the_shell() -> None:
    run = Path("/shared/it's mine; (v2) $HOME")
    look, end, logs, train = (shlex.split(line) for line in what_next(RunFolder(run)).splitlines())
    assert look == ["look", "python", "launch/status.py", str(run)]
    assert end == ["end", "them", "python", "launch/cancel.py", str(run)]
    assert logs == ["logs", f"{run}/logs"]
    assert train[:3] == ["train", "list", f"{run}/train.txt,"]


def full_text() -> str:
    options = Options(**FULL)
    (window,) = windows(64, 1001, options.max_running)
    array = script.array_parameters(options, RUN, "train-data-0a1b2c", window, options.dependency)
    merge = script.merge_parameters(options, RUN, "train-data-0a1b2c-merge", "afterany:42")
    texts = [
        script.text(array, script.worker_command(options, RUN, CONFIG), RUN / "slurm"),
        script.text(merge, script.merge_command(options, RUN), RUN / "slurm"),
    ]
    return "\n########\n".join(texts).replace(str(ROOT), "/shared/labelyard")


def test_a_fully_configured_run_as_sbatch_gets_it() -> None:
    assert full_text() == GOLDEN.read_text()


def test_every_option_has_its_say() -> None:
    """The golden file would not notice an option that nobody passes on."""
    text = full_text()
    for name, value in FULL.items():
        if name not in ("merge", "num_jobs", "max_running", "exclude", "stop_before", "tasks_per_node"):
            for part in value if isinstance(value, list) else [value]:
                assert str(part) in text, name
    assert "--array=0-63%16" in text and "n7,n[9-11]" in text and "USR2@300" in text and "--ntasks-per-node=4" in text
    assert "afterany:42" in text and "--nice=10" in text


def test_what_is_not_given_is_left_to_the_cluster() -> None:
    options = Options()
    (window,) = windows(1, 1001)
    text = script.text(script.array_parameters(options, RUN, "x", window, None), "true", RUN)
    names = {line.split()[1].split("=")[0] for line in text.splitlines() if line.startswith("#SBATCH")}
    assert names == {
        "--array", "--gpus-per-node", "--job-name", "--nodes", "--ntasks-per-node", "--open-mode", "--output",
        "--requeue", "--signal",
    }  # fmt: skip


def test_without_requeue_the_script_does_not_requeue_either() -> None:
    options = Options(requeue=False)
    assert "scontrol" not in script.worker_command(options, RUN, CONFIG)
    parameters = script.array_parameters(options, RUN, "x", windows(1, 9)[0], None)
    assert "#SBATCH --no-requeue" in script.text(parameters, "true", RUN)


def test_the_scripts_for_people_live_as_the_launcher_s_do() -> None:
    lines = (ROOT / "slurm" / "generate.sbatch").read_text()
    assert script.LIVING.format(patience=90) + script.REQUEUE.format() + script.EXIT in lines


def bash(setup: list[str], command: str = "echo reached $X") -> tuple[int, str, str]:
    """The script that sbatch would get, with something short in the place of the workers."""
    array = script.array_parameters(Options(setup=setup), RUN, "x", windows(1, 9)[0], None)
    done = subprocess.run(
        ["bash", "-c", script.text(array, command, RUN)], capture_output=True, text=True, timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (["module load cuda"], "exit status 127 at: module load cuda"),
        (["cd /nowhere && export X=1"], "exit status 1 at: cd /nowhere && export X=1"),
        (["source /nowhere/bin/activate"], "exit status 1 at: source /nowhere/bin/activate"),
        (["set -e", "export X=1", "false"], "exit status 1 at: false"),
        (["set -u", "echo $NOT_THERE"], "at: echo $NOT_THERE"),
        (["module() { return 3; }", "module load a\\'b"], "exit status 3 at: module load a\\'b"),
        (["if true; then", "  false", "fi"], "exit status 1 at: if true; then …"),
        (["echo one\n(exit 4)"], "exit status 4 at: echo one …"),
        (["for x in"], "at: for x in"),
    ],
)
def test_a_setup_line_that_fails_ends_the_job_with_its_words(setup: list[str], words: str) -> None:
    code, said, errors = bash(setup)
    assert code not in (0, 3, 75) and "reached" not in said, "3 and 75 mean something else behind the setup"
    assert words in errors.splitlines()[-1] and errors.splitlines()[-1].startswith("cluster.setup failed with")
    assert "|| true" in errors


ACTIVATE = """\
hash -r 2>/dev/null
[ -n "$NOT_THERE" ] && echo never
false
[ "x$NOT_THERE" = x ] && export X=venv
"""


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        (["export X=1"], "1"),
        (["module() { export X=$2; }", "module load cuda"], "cuda"),
        (["module() {", "  export X=$2", "}", "module load cuda"], "cuda"),
        (["if [ -e /nowhere ]; then", "  export X=1", "else", "  export X=2", "fi"], "2"),
        (["cat >/dev/null <<END", "false", "END", "export X=5"], "5"),
        (["export \\", "  X=6"], "6"),
        (["source {activate}"], "venv"),
        (["set -u", "set +u; source {activate}", "set -u"], "venv"),
        (["set -e -o pipefail", "export X=7"], "7"),
        (["module load cuda || true", "# a comment", "", "X=8"], "8"),
        (["X=9; false; true"], "9"),
    ],
)
def test_what_setup_lines_do_holds_behind_them(setup: list[str], said: str, tmp_path: Path) -> None:
    activate = tmp_path / "activate"
    activate.write_text(ACTIVATE)
    code, told, errors = bash([line.replace("{activate}", str(activate)) for line in setup])
    assert (code, told) == (0, f"reached {said}\n"), errors


def test_behind_the_setup_the_launcher_s_own_lines_are_as_ever() -> None:
    """`set -e` would end the script at the first worker that was stopped, instead of asking for a requeue."""
    command = 'false; echo "$not_there" | grep -q x; (exit 75); code=$?; set -o; trap; exit $code'
    code, said, errors = bash(["set -euo pipefail"], command)
    assert code == 75 and errors == ""
    assert "setup_line" not in said and {line.split()[1] for line in said.splitlines() if line[:8] == "errexit "} == {
        "off"
    }
    _, said, _ = bash(["trap 'echo swept' EXIT"])
    assert said == "reached\nswept\n", "a trap of the site's own stays"


def test_lines_that_only_together_are_whole_stay_together() -> None:
    assert blocks(["a", "if b; then", "c", "fi", "d \\", "e", "f"]) == ["a", "if b; then\nc\nfi", "d \\\ne", "f"]
    assert blocks(["f() {", "never closed"]) == ["f() {\nnever closed"]


def test_which_setup_line_failed_is_told_with_and_without_accounting(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.make()
    (folder.logs / "slurm-5_0_0.log").write_text(
        "some noise\ncluster.setup failed with exit status 1 at: module load x\n"
    )
    (folder.logs / "slurm-5_1_0.log").write_text("all went well\n")
    for accounted in ([], [Accounted("5", (0,), "FAILED", "1:0", "n2", "x")]):
        found = seen({"5_0", "5_1"}, {"9"}, [], accounted, [], {}, lambda task: word_of_setup(folder, task))
        assert found.states == {"failed": 1, "unknown": 1}
        assert any(
            line.endswith("cluster.setup failed with exit status 1 at: module load x")
            for line in lines(found, tmp_path)
        )


@pytest.mark.parametrize(
    ("jobs", "size", "sizes"),
    [(1, 1001, [1]), (9, 9, [9]), (10, 9, [9, 1]), (27, 9, [9, 9, 9]), (2500, 1001, [1001, 1001, 498])],
)
def test_windows_hold_every_job_once(jobs: int, size: int, sizes: list[int]) -> None:
    found = windows(jobs, size)
    assert [window.tasks for window in found] == sizes
    assert [window.first + index for window in found for index in range(window.tasks)] == list(range(jobs))
    assert all(window.spec == f"0-{window.tasks - 1}" for window in found)  # the largest index is size - 1


def test_what_may_run_at_once_is_shared_out() -> None:
    assert [window.spec for window in windows(20, 9, 7)] == ["0-8%3", "0-8%2", "0-1%2"]
    with pytest.raises(UserError, match=r"max_running=2 is less than the 3 arrays .* MaxArraySize is 9"):
        windows(20, 9, 2)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("90", 5400), ("1:30", 90), ("12:00:00", 43200), ("2-00", 172800), ("2-12:30", 217800), ("1-00:00:10", 86410),
     ("UNLIMITED", None)],
)  # fmt: skip
def test_time_limits_as_slurm_writes_them(limit: str, seconds: int | None) -> None:
    assert seconds_of(limit, "cluster.time") == seconds


@pytest.mark.parametrize(("time", "ahead"), [("12:00:00", 120), ("4", 60), ("1", 15), (None, 120)])
def test_the_signal_fits_into_a_short_limit(time: str | None, ahead: int) -> None:
    assert Options(time=time).stop_seconds == ahead


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [("gpu:2", 2), ("gpu", 1), ("gpu:a100:4", 4), ("gpu:a100", 1), ("gpu:4(S:0-1)", 4), ("nvme:1,gpu:a100:2", 2),
     ("nvme:1", 0)],
)  # fmt: skip
def test_a_worker_for_every_gpu_that_gres_asks_for(gres: str, gpus: int) -> None:
    options = Slurm(gres=gres, num_jobs=3, nodes=2)
    assert (options.gpus, options.workers()) == (gpus, 3 * 2 * max(1, gpus))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["cluster.num_job=3"], "there is no key 'num_job' in cluster. Valid keys: account, comment"),
        (["cluster.merge.tme=3"], "there is no key 'tme' in cluster.merge. Valid keys: account"),
        (["cluster.num_jobs=0"], "cluster.num_jobs=0: give a number from 1 to 1,000,000"),
        (["cluster.time=soon"], "cluster.time=soon: give minutes (90), 12:00:00"),
        (["cluster.gres=gpu:2", "cluster.gpus_per_node=2"], "say the same thing twice"),
        (["cluster.sbatch_args=['--array=0-3']"], "--array is set by the launcher: say cluster.num_jobs"),
        (["cluster.sbatch_args=['-A vision']"], "'-A vision' must read --name=value or --name"),
    ],
)
def test_wrong_options_are_refused_with_what_is_right(
    settings: list[str], words: str, make_list: MakeList, tmp_path: Path
) -> None:
    done = call("run", *fake_run(make_list(1), tmp_path / "out", "cluster=slurm", "dry_run=true", *settings))
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_dry_run_prints_the_scripts_and_the_hours(make_list: MakeList, tmp_path: Path) -> None:
    settings = ["cluster=slurm", "cluster.num_jobs=8", "cluster.successors=1", "rate=0.01", "dry_run=true"]
    done = call("run", *fake_run(make_list(36), tmp_path / "out", *settings, "cluster.setup=[module load cuda]"))
    assert done.returncode == 0, done.stderr
    assert "about 1 GPU hours for 36 items at 0.01 images/s per worker (as given); 8 min with 8 workers" in done.stdout
    assert done.stdout.count("#SBATCH --array=0-7") == 2 and done.stdout.count("\nmodule load cuda\n") == 3
    assert "--dependency='afterany:<array 1>'" in done.stdout
    assert "--dependency='afterany:<array 1>:<array 2>'" in done.stdout
    assert not (tmp_path / "out").exists()


def test_arguments_of_sbatch() -> None:
    assert as_parameters(["--mail-type=END", "--exclusive", "--x=a=b"], "") == {
        "mail-type": "END", "exclusive": True, "x": "a=b",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("7", (7,)), ("[4-7%8]", (4, 5, 6, 7)), ("4-7%2", (4, 5, 6, 7)), ("[0-8:4,11]", (0, 4, 8, 11)),
     ("[1,3,5,...]", (1, 3, 5)), ("N/A", ()), ("", ()), ("[3-", ())],
)  # fmt: skip
def test_lists_of_array_indices(text: str, numbers: tuple[int, ...]) -> None:
    assert indices(text) == numbers


def test_squeue_on_odd_days() -> None:
    output = (
        "123|4-99%8|PENDING||a-b|Resources\n123|0|RUNNING|n1|a-b|None\n124|N/A|PENDING||a-b-merge|Dependency\n"
        "125|2|PENDING||a|b|launch failed requeued held\nslurm_load_jobs error: Unable to contact\n\n126|1|RUN"
    )
    found = read_squeue(output)
    assert [(job.job, job.number, job.state, job.nodes) for job in found[:3]] == [
        ("123", 96, "PENDING", ""), ("123", 1, "RUNNING", "n1"), ("124", 1, "PENDING", ""),
    ]  # fmt: skip
    assert len(found) == 4 and found[0].reason == "Resources" and found[1].reason == ""
    assert read_squeue("") == []


def test_sacct_on_odd_days() -> None:
    output = (
        "123_[4-99%8]|PENDING|0:0|None assigned|a-b\n123_0|NODE_FAIL|1:0|n1|a-b\n123_0.batch|CANCELLED|0:15|n1|batch\n"
        "123_1|CANCELLED by 1000|0:0|n2|a-b\n124|COMPLETED|0:0|n1|a-b-merge\n125|RUNNING\nslurm: odd\n"
    )
    found = read_sacct(output)
    assert [(life.job, len(life.tasks), life.state, life.nodes) for life in found] == [
        ("123", 96, "PENDING", ""), ("123", 1, "NODE_FAIL", "n1"), ("123", 1, "CANCELLED", "n2"),
        ("124", 0, "COMPLETED", "n1"),
    ]  # fmt: skip
    assert read_sacct("") == []


def test_scontrol_config() -> None:
    assert read_config("MaxArraySize            = 1001\nMaxJobCount = 10\n", "MaxArraySize") == "1001"
    assert read_config("", "MaxArraySize") is None


def life(task: int, restart: int, node: str, state: str, done: int = 0, began: float = 0.0) -> dict[str, Any]:
    slurm = {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": str(task), "SLURMD_NODENAME": node}
    worker = f"slurm-5_{task}_0-r{restart}"
    return {"worker": worker, "slurm": slurm, "state": state, "reason": "no libcudnn", "done": done, "began": began}


def test_what_is_seen_of_a_run() -> None:
    queue = [
        Queued("5", (3, 4, 5), "PENDING", "", "x", "Priority"),
        Queued("5", (0,), "RUNNING", "n1", "x", ""),
        Queued("5", (1,), "PENDING", "", "x", "BeginTime"),
        Queued("5", (6,), "PENDING", "", "x", "launch failed requeued held"),
        Queued("9", (), "PENDING", "", "x-merge", "Dependency"),
    ]
    accounted = [
        Accounted("5", (1,), "NODE_FAIL", "0:0", "n3", "x"),
        Accounted("5", (2,), "FAILED", "1:0", "n2", "x"),
        Accounted("5", (7,), "COMPLETED", "0:0", "n1", "x"),
    ]
    presence = [life(0, 0, "n1", "working", 5), *(life(2, n, "n2", "failed", began=n) for n in range(3))]
    found = seen({f"5_{n}" for n in range(8)}, {"9"}, queue, accounted, presence, {})
    assert found.states == {"pending": 3, "running": 1, "requeued": 1, "held": 1, "failed": 1, "completed": 1}
    assert found.pending_because == {"Priority": 3, "BeginTime": 1}
    assert found.bad_nodes == ["n2", "n3"]
    assert found.nodes["n1"]["running"] == 1
    assert found.held == [Held("5_6", 1, "PENDING", "launch failed requeued held")]
    assert found.failed == [Failed("5_2", "n2", "FAILED", "no libcudnn")]
    assert found.merge == [MergeJob("9", "pending (Dependency)")]


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        ("PENDING", "JobHeldUser", "scontrol release '5_[0-2,4]'"),
        ("PENDING", "launch failed requeued held", "scontrol release '5_[0-2,4]'"),
        ("PENDING", "job requeued in held state", "scontrol release '5_[0-2,4]'"),
        ("REQUEUE_HOLD", "", "scontrol release '5_[0-2,4]'"),
        ("PENDING", "JobHeldAdmin", "only an administrator can release it"),
        ("PENDING", "DependencyNeverSatisfied", "scontrol update 'JobId=5_[0-2,4]' Dependency=   (starts without"),
        ("PENDING", "BadConstraints", "scontrol update 'JobId=5_[0-2,4]' Features="),
        ("PENDING", "InvalidAccount", "Account=…"),
        ("PENDING", "InvalidQOS", "QOS=…"),
        ("PENDING", "PartitionTimeLimit", "TimeLimit=…"),
        ("PENDING", "QOSMaxWallDurationPerJobLimit", "TimeLimit=…"),
        ("PENDING", "AssocMaxCpuPerJobLimit", "asks for more than one job may have"),
    ],
)
def test_each_reason_to_wait_for_a_person_has_what_helps_with_it(state: str, reason: str, told: str) -> None:
    queue = [Queued("5", (0, 1, 2, 4), state, "", "x", reason)]
    found = seen(set(), set(), queue, [], [], {})
    assert found.states == {"held": 4} and found.pending_because == {}
    (line,) = [line for line in lines(found, RUN) if line.startswith("  held")]
    assert told in line and (("release" in told) or "scontrol release" not in line)
    if "administrator" not in told and "release" not in told:
        assert f"or python launch/cancel.py '{RUN}', and start again with another" in line


@pytest.mark.parametrize(
    "reason",
    ["", "Priority", "Resources", "Dependency", "BeginTime", "AssocMaxJobsLimit", "QOSMaxCpuPerUserLimit", "Licenses",
     "ReqNodeNotAvail, UnavailableNodes:n1", "PartitionDown", "JobArrayTaskLimit"],
)  # fmt: skip
def test_what_passes_by_itself_is_no_person_s_task(reason: str) -> None:
    found = seen(set(), set(), [Queued("5", (0, 1), "PENDING", "", "x", reason)], [], [], {})
    assert found.states == {"pending": 2} and found.held == [] and found.pending_because == {reason or "None": 2}


def test_without_accounting_the_workers_own_words_count() -> None:
    presence = [life(0, 0, "n1", "finished", 5), life(1, 0, "n2", "failed")]
    found = seen({"5_0", "5_1", "5_2"}, {"9"}, [], [], presence, {"sacct": "disabled"})
    assert found.states == {"completed": 1, "failed": 1, "unknown": 1}
    assert found.failed[0].nodes == "n2" and found.reachable
    blind = seen({"5_0", "5_1"}, {"9"}, [], [], presence, {"sacct": "disabled", "squeue": "gone"})
    assert blind.states == {} and not blind.reachable


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(full_text())
