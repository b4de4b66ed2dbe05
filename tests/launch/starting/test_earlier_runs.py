"""Run folders that earlier Labelyards left behind are read and finished.

tests/kept/first has two shards done and two planned. It is from the last day of bare import names: its run.json says
generate.steps.edges.canny.Canny. tests/kept/second is done but for an image that was not there, and older than texts,
findings and asides, and than the settings write.image and write.aside.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import FAKES, ROOT, call, listed, records

KEPT = ROOT / "tests" / "kept" / "first"
SETTINGS = ("pipeline=fake", "edges=canny", "caption=template",
            "pipeline.steps=[tag,ground,segment,caption,embed,edges]",
            "write.short_side=64", "write.jpeg_quality=80", "shard_size=4")  # fmt: skip


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    return brought_back(KEPT, tmp_path / "kept")


def brought_back(kept: Path, place: Path) -> Path:
    shutil.copytree(kept, place)
    (place / "run" / "claims").mkdir()  # empty, and git keeps no empty folders
    for path in (place / "run").glob("*.*"):
        path.write_text(path.read_text().replace("@HERE@", str(place)))
    return place / "run"


def test_it_is_finished_by_the_command_that_began_it(earlier: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in records(earlier)}
    assert len(before) == 6
    command = ("--config-dir", FAKES, "source.path=list.json", "output=run", *SETTINGS, "cluster.num_jobs=1")
    done = call("run", *command, cwd=earlier.parent)
    assert done.returncode == 0 and "12 of 12 items are done" in done.stdout, done.stdout + done.stderr
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before, "made again"
    assert len(listed(earlier)) == 12
    checked = call("validate", earlier)
    assert checked.returncode == 0 and "12 records checked, no problems" in checked.stdout, checked.stdout
    other = call("run", *command, "edges.low=90", cwd=earlier.parent)
    assert other.returncode == 1 and "edges.low: 100 in the run, 90 now" in other.stderr


def test_its_records_are_exported_and_annotated_anew(earlier: Path, tmp_path: Path) -> None:
    exported = call("export", earlier, "coco", tmp_path / "coco")
    assert exported.returncode == 0 and "6 records" in exported.stdout, exported.stdout + exported.stderr
    again = ("--config-dir", FAKES, "source=records", f"source.path={earlier}", f"output={tmp_path / 'again'}")
    done = call("run", *again, "pipeline=fake", "pipeline.steps=[embed]", "cluster.num_jobs=1", cwd=earlier.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (json.loads(found[0].read_bytes()) for found in (records(earlier), records(tmp_path / "again")))
    assert [a["original"] for a in first["annos"]] == [a["original"] for a in second["annos"]]
    assert first["tags"] == second["tags"]


def test_one_older_than_texts_is_valid_finished_and_exported(tmp_path: Path) -> None:
    run = brought_back(KEPT.with_name("second"), tmp_path / "kept")
    before = {path: path.read_bytes() for path in records(run)}
    assert len(before) == 6
    checked = call("validate", run)
    assert checked.returncode == 0 and "6 records checked, no problems" in checked.stdout, checked.stdout
    shutil.copy(run.parent / "pics" / "0.png", run.parent / "pics" / "none.png")
    assert call("retry", run).returncode == 0
    command = ("--config-dir", FAKES, "source.path=list.json", "output=run", "pipeline=fake", "edges=canny",
               "caption=template", "pipeline.steps=[tag,ground,segment,caption,embed,edges]", "write.short_side=null",
               "shard_size=4", "cluster.num_jobs=1")  # fmt: skip
    done = call("run", *command, cwd=run.parent)
    assert done.returncode == 0 and "7 of 7 items are done" in done.stdout, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in before} == before
    (new,) = (json.loads(path.read_bytes()) for path in records(run) if path not in before)
    (twin,) = (json.loads(body) for body in before.values() if json.loads(body)["file_name"] == "pics/0.png")
    for key in new.keys() - {"id", "data_id", "file_name", "caption", "weight", "images"}:
        assert new[key] == twin[key], f"{key} of the same picture, written by the code of then and of today"
    other = call("run", *command, "write.image=none", cwd=run.parent)
    assert other.returncode == 1 and 'write.image: "embedded" in the run, "none" now' in other.stderr, other.stderr
    exported = call("export", run, "instancediffusion", tmp_path / "trained")
    assert exported.returncode == 0 and "7 records" in exported.stdout, exported.stdout + exported.stderr
