"""A run folder that an earlier Labelyard left behind (tests/kept/first: two shards done, two planned) is read
and finished.

It is from the last day of bare import names: its run.json says generate.steps.edges.canny.Canny.
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
    place = tmp_path / "kept"
    shutil.copytree(KEPT, place)
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
