"""Exporting as a user does: options, stopping and going on, runs that grow, destinations that are taken."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import FAKES, MakeList, call, command, environment, fake_run, records
from tests.generate.exporters.conftest import export
from tests.launch.merging.test_merge import stopped
from tests.support.processes import wait_for


@pytest.fixture
def run(make_list: MakeList, tmp_path: Path) -> Path:
    assert call("run", *fake_run(make_list(30), tmp_path / "out", "write.short_side=64")).returncode == 0
    return tmp_path / "out"


def test_mistakes_are_answered_with_what_is_valid(
    tmp_path: Path, make_list: MakeList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    assert call("run", *fake_run(make_list(2), out, "plan_only=true")).returncode == 0
    for arguments, answer in (
        ((out, "cocoa", "x"), "no format 'cocoa'"),
        ((out, "cocoa", "x"), "Did you mean coco?"),
        ((out, "coco", "x", "pixel=original"), "Did you mean pixels?"),
        ((out, "coco", "x", "pixel=original"), "Options: floating, images, min_agreement, min_instances, min_score"),
        ((out, "coco", "x", "min_instances=some"), "min_instances=some"),
        ((out, "coco", "x", "pixels=mine"), "give record or original"),
        ((out, "coco"), "give one destination"),
        ((tmp_path / "nothing", "coco", "x"), "not there"),
    ):
        refused = export(*arguments)
        assert refused.returncode == 1 and answer in refused.stderr and "Traceback" not in refused.stderr
    assert not (tmp_path / "x").exists()
    assert "min_score=0.0" in export(out, "coco", "--help").stdout
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    refused = export(out, "coco", taken)
    assert refused.returncode == 1 and "is not empty, and no export of ours" in refused.stderr
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]


def test_another_export_s_folder_is_refused_with_the_difference(run: Path, tmp_path: Path) -> None:
    assert export(run, "webdataset", tmp_path / "w", "per_tar=7").returncode == 0
    refused = export(run, "webdataset", tmp_path / "w", "per_tar=8")
    assert refused.returncode == 1 and "per_tar: 7 there, 8 now" in refused.stderr


def test_killed_half_way_it_goes_on_and_ends_the_same(run: Path, tmp_path: Path) -> None:
    assert export(run, "webdataset", tmp_path / "whole", "per_tar=3").returncode == 0
    broken = tmp_path / "broken"
    arguments = command("export", run, "webdataset", broken, "per_tar=3")
    killed = subprocess.run(arguments, env={**environment(), "LABELYARD_FAULT": "rename:5"}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    before = {path.name: path.stat().st_mtime_ns for path in broken.glob("*.tar")}
    assert 0 < len(before) < 10
    done = export(run, "webdataset", broken, "per_tar=3")
    assert done.returncode == 0 and f"{len(before)} of 10 parts were there" in done.stdout, done.stdout + done.stderr
    assert {name: (broken / name).stat().st_mtime_ns for name in before} == before
    for path in (tmp_path / "whole").glob("*.tar"):
        assert (broken / path.name).read_bytes() == path.read_bytes()
    assert not [path for path in broken.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["coco", "parquet", "lmdb", "yolo", "voc", "instancediffusion"])
def test_terminated_at_any_time_it_goes_on(run: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with subprocess.Popen(command("export", run, name, target), env=environment()) as process:
        wait_for(lambda: (target / "export.jsonl").exists())
        os.kill(process.pid, signal.SIGKILL)
    done = export(run, name, target)
    assert done.returncode == 0 and "30 records" in done.stdout, done.stderr


def test_a_run_that_has_grown_adds_to_what_is_there(make_list: MakeList, run: Path, tmp_path: Path) -> None:
    for name in ("webdataset", "coco", "lmdb"):
        options = ["per_tar=10"] if name == "webdataset" else []
        assert export(run, name, tmp_path / name, *options).returncode == 0
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "webdataset").glob("*.tar")}
    assert call("run", *fake_run(make_list(36), run, "write.short_side=64")).returncode == 0
    for name in ("webdataset", "coco", "lmdb"):
        options = ["per_tar=10"] if name == "webdataset" else []
        done = export(run, name, tmp_path / name, *options)
        assert done.returncode == 0 and "36 records" in done.stdout, done.stderr
        assert name != "webdataset" or "3 of 4 parts were there" in done.stdout
    assert {name: (tmp_path / "webdataset" / name).stat().st_mtime_ns for name in before} == before
    images = json.loads((tmp_path / "coco" / "annotations" / "instances_train.json").read_text())["images"]
    assert len(images) == 36


def test_a_record_that_is_damaged_is_named(run: Path, tmp_path: Path) -> None:
    victim = Path((run / "train.txt").read_text().splitlines()[4])
    size = victim.stat().st_size
    victim.write_bytes(b"{" + b" " * (size - 1))
    done = export(run, "webdataset", tmp_path / "w")
    assert done.returncode == 3 and f"left out: {victim}" in done.stdout and "29 records" in done.stdout


def test_two_exports_to_one_place_do_not_mix(run: Path, tmp_path: Path) -> None:
    for name, target in (("coco", tmp_path / "c"), ("train_list", tmp_path / "lists" / "t.txt")):
        with stopped("rename:1", "export", run, name, target):
            refused = export(run, name, target)
            assert refused.returncode == 1 and f"another export is at {target} (process " in refused.stderr
            assert "Wait until it has ended, or end it" in refused.stderr
        again = export(run, name, target)
        assert again.returncode == 0 and "30 records" in again.stdout, again.stderr
        place = target if target.is_dir() else target.parent
        assert not [path for path in place.iterdir() if "lock" in path.name]
    with stopped("rename:2", "export", run, "coco", tmp_path / "k") as killed:
        killed.kill()
    assert export(run, "coco", tmp_path / "k").returncode == 0, "a killed one keeps nobody away"


def test_while_the_run_goes_on_what_is_finished_is_exported(make_list: MakeList, tmp_path: Path) -> None:
    out, gate = tmp_path / "out", ("trouble.after=12", f"trouble.until={tmp_path / 'gate'}", "cluster.num_jobs=1")
    arguments = command("run", *fake_run(make_list(30), out, "work.batch=4", "write.short_side=64", *gate))
    with subprocess.Popen(arguments, env=environment(), stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: len(records(out)) >= 12)
        early = export(out, "coco", tmp_path / "c")
        (tmp_path / "gate").touch()
    assert process.returncode == 0
    assert early.returncode == 0 and 12 <= int(early.stdout.split()[0]) < 30, early.stderr
    late = export(out, "coco", tmp_path / "c")
    assert late.returncode == 0 and "30 records" in late.stdout, late.stderr


@pytest.mark.parametrize("options", [[], ["--split", "val=0.5"]])
def test_a_train_list_replaces_nothing_but_a_list_of_the_same_run(
    run: Path, tmp_path: Path, make_list: MakeList, options: list[str]
) -> None:
    listed = make_list(30)
    (tmp_path / "val.txt").write_text("notes of mine\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    target = tmp_path / "train.txt" if options else listed
    refused = export(run, "train_list", target, *options)
    assert refused.returncode == 1 and "no list of the records in" in refused.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    for more in ([], ["--relative"], []):
        done = export(run, "train_list", tmp_path / "lists" / "t.txt", *options, *more)
        assert done.returncode == 0 and "30 records" in done.stdout, done.stderr


def test_records_without_embeddings_are_refused_before_anything_is_written_with_advice_that_works(
    make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "a run"
    plain = ("pipeline.steps=[tag,ground,segment,caption]", "embed=null", "cluster.num_jobs=1")
    assert call("run", *fake_run(make_list(12), out, *plain)).returncode == 0
    refused = export(out, "instancediffusion", tmp_path / "i")
    assert refused.returncode == 1 and "have no embeddings" in refused.stderr
    assert not (tmp_path / "i").exists()
    _, _, advice = refused.stderr.partition("python launch/run.py ")
    advised = shlex.split(advice.partition("\nThen export")[0])
    fakes = ["--config-dir", FAKES, "pipeline=fake", "cluster.num_jobs=1"]
    done = call("run", *fakes, *advised)
    assert done.returncode == 0, done.stderr
    exported = export(f"{out}-embedded", "instancediffusion", tmp_path / "i")
    assert exported.returncode == 0 and "12 records" in exported.stdout, exported.stderr
    checked = call("validate", tmp_path / "i" / "train.txt")
    assert checked.returncode == 0, checked.stdout
