"""A file may be called anything. Lists of all that is printable, through every program, in a folder of such a name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labelyard.launch import cancel, export, jsons2txt, retry, run, status, validate
from tests.conftest import ROOT, command, environment, fake_run
from tests.letters import ODD, PRINTABLE, names
from tests.letters_run import FOLDER, FORMATS, make, problems

NUMBER = 300


def test_every_letter_is_in_a_name() -> None:
    found = names(NUMBER)
    assert len(set(found)) == NUMBER and {name[0] for name in found} >= set(PRINTABLE)
    assert {name[-1] for name in names(10_000)} >= set(PRINTABLE)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_text_format(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed, out = make(tmp_path, ending, NUMBER), tmp_path / f"run {FOLDER}"
    arguments = [str(word) for word in fake_run(listed, out, "cluster=debug", "work.batch=64")]
    assert run.main(arguments) == 0, capsys.readouterr()
    assert problems(out, NUMBER) == []
    said = capsys.readouterr().out
    assert f"{NUMBER} of {NUMBER} items are done" in said
    for code in (
        status.main([str(out)]),
        jsons2txt.main([str(out)]),
        validate.main([str(out)]),
        retry.main([str(out)]),
        cancel.main([str(out)]),
        export.main([str(out), "coco", str(tmp_path / f"coco {FOLDER}"), "images=false"]),
    ):
        assert code == 0, capsys.readouterr()
    assert problems(out, NUMBER) == []


@pytest.mark.parametrize("name", sorted(export.formats()))
def test_every_export_goes_to_such_a_place(name: str, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = {"instancediffusion": ["image=none"], "instructcv": ["tasks=cls"]}.get(name, [])
    place = finished.parent / f"{name} {FOLDER} {ODD[2]}"
    code = export.main([str(finished), name, str(place), *more])
    said = capsys.readouterr()
    if name in ("gcg", "grand_lmdb"):  # for the want of texts nothing of these records can be trained on
        assert code == 3 and said.out.count("left out: ") == 12 and place.is_dir(), said
    else:
        assert code == 0 and "12 records" in said.out, said


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twelve."""
    place = tmp_path_factory.mktemp("finished")
    listed, out = make(place, "txt", 12), place / f"run {FOLDER}"
    assert run.main([str(word) for word in fake_run(listed, out, "cluster=debug")]) == 0
    return out


STUB = """#!/bin/bash
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""


@pytest.mark.parametrize("given", ["output={out}", "output='{out}'", "++output={out}"])
def test_the_script_for_people(given: str, tmp_path: Path) -> None:
    """slurm/generate.sbatch and merge.sbatch, with a srun that runs its command at once."""
    place = FOLDER.replace("\\", "") if "'" not in given else "läufe (1) = a,b"
    listed, out = make(tmp_path, "csv", 24), tmp_path / f"run 5 %j {place}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "srun").write_text(STUB)
    (tmp_path / "bin" / "srun").chmod(0o755)
    slurm = {
        "LABELYARD": str(ROOT), "PYTHON": command("run")[0], "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_MAX": "3", "SLURM_JOB_ID": "7",
        "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_NAME": 'a "name"', "SLURM_CLUSTER_NAME": "c",
        "SLURM_RESTART_COUNT": "0", "SLURM_NODEID": "0", "SLURMD_NODENAME": "n1",
    }  # fmt: skip
    settings = [str(word) for word in fake_run(listed, out) if not str(word).startswith("output=")]
    for script, words in (
        ("generate", [*settings, given.format(out=out)]),
        ("merge", [str(out)]),
    ):
        done = subprocess.run(
            ["bash", str(ROOT / "slurm" / f"{script}.sbatch"), *words],
            env=environment() | slurm, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert problems(out, 24) == []
    assert '"tasks": 4' in (out / "slurm" / "sbatch-7.json").read_text()


def test_a_backslash_in_the_run_folder_s_name_is_no_place_for_slurm_s_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = make(tmp_path, "txt", 2)
    words = [str(word) for word in fake_run(listed, tmp_path / "a\\b", "cluster=slurm", "dry_run=true")]
    assert run.main(words) == 1 and "use of its own for \\ in a log's path" in capsys.readouterr().err
