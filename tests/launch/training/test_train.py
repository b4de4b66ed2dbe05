"""What a training job is: its script to the letter, and what is looked at before it is submitted."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from labelyard.launch.train import main
from tests.generate.exporters.instructcv.conftest import export, given
from tests.launch.pairs.test_voc2coco import called
from tests.support import datasets

GOLDEN = Path(__file__).parent


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, its pairs whole and split, its table, and a trainer's folder."""
    top = tmp_path_factory.mktemp("training")
    assert given("coco", datasets.coco(top / "coco", copies=3), top / "run").returncode == 0
    for name, options in {"pairs": [], "split": ["split=train=.7,val=.3"]}.items():
        assert export(top / "run", "instructcv", top / name, "tasks=det", *options).returncode == 0
    (top / "table").mkdir()
    (top / "table" / "data-00000.parquet").write_bytes(b"")
    (top / "repo").mkdir()
    for entry in ("main.py", "train_instruct_pix2pix.py"):
        (top / "repo" / entry).write_text("")
    return top


SITE = ("cluster.partition=gpu32", "cluster.account=vision", "cluster.qos=normal", "cluster.mem=200G")
SCRIPTS = {
    "instructcv": ["data=pairs", *SITE, "cluster.setup=[module load cuda, source activate icv]"],
    "instructcv-split": ["data=split", "name=two words", "cluster.requeue=false", "cluster.gpus_per_node=1"],
    "instruct_pix2pix": ["data=table", "arguments=--max_train_steps 10", *SITE],
    "command": ["data=pairs", "command=python x.py {data} --out {output}", "cluster.sbatch_args=[--exclusive]"],
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_this_to_the_letter(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = called(main, [name.partition("-")[0], "repo=repo", *SCRIPTS[name], "print_only=true"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace(str(place), "/PLACE") == (GOLDEN / f"{name}.sbatch").read_text()
    assert not (place / "runs").exists()


def test_a_command_with_hard_letters_is_one_that_a_shell_reads(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = called(main, ["instructcv", "data=split", "repo=repo", "name=it's 1", "print_only=true"])
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("python main.py")]
    words = shlex.split(line.rstrip("& "))
    assert words[words.index("--name") + 1] == "it's 1"
    assert f"data.params.train.params.path={place}/split/train" in words
    assert "data.params.validation.params.splits=[0.0,1.0,0.0]" in words


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["instructcf", "data=pairs"], "Did you mean instructcv?"),
        (["instructcv", "repo=repo"], "data is not given"),
        (["instructcv", "data=none", "repo=repo"], "data=none: there is no such folder"),
        (["instructcv", "data=pairs"], "repo is not given: the folder of the trainer, with main.py in it"),
        (["instructcv", "data=pairs", "repo=run"], "repo=run: there is no main.py in it"),
        (["instructcv", "data=table", "repo=repo"], "table has no seeds.json"),
        (["instruct_pix2pix", "data=pairs", "repo=repo"], "data=pairs holds no table"),
        (["instructcv", "data=pairs", "repo=repo", "cluster.partiton=x"], "did you mean cluster.partition?"),
        (["instructcv", "data=pairs", "repo=repo", "cluster.num_jobs=2"], "there is no setting 'cluster.num_jobs'"),
        (["instructcv", "data=pairs", "repo=repo", "cluster.time=soon"], "cluster.time"),
        (["instructcv", "data=pairs", "repo=repo", "gpus"], "gpus: settings are key=value"),
        (["command", "data=pairs", "command=x {dat}"], "{dat}, which stands for nothing"),
        (["command", "data=pairs"], "command is not given"),
        (["instructcv", "data=torn", "repo=repo"], "does not read back"),
        (["instructcv", "data=empty", "repo=repo"], "names no sample"),
    ],
)
def test_what_would_fail_in_a_day_fails_now(
    arguments: list[str], reason: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    for name, listed in (("torn", [["a", ["a"]]]), ("empty", [])):
        (place / name).mkdir(exist_ok=True)
        (place / name / "seeds.json").write_text(json.dumps(listed))
    done = called(main, [*arguments, "print_only=true"])
    assert done.returncode == 1 and reason in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_without_slurm_the_script_stands_there_and_is_named(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = called(main, ["instructcv", f"data={place}/pairs", f"repo={place}/repo"])
    assert done.returncode == 1 and "there is no sbatch on this machine" in done.stderr
    assert (
        "bash runs/train-labelyard/train.sbatch" in done.stderr and Path("runs/train-labelyard/train.sbatch").exists()
    )


def test_the_recipes_are_told() -> None:
    assert [line.split()[0] for line in called(main, []).stdout.splitlines()] == [
        "command",
        "instruct_pix2pix",
        "instructcv",
    ]
