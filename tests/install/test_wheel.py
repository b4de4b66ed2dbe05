"""The wheel, in an environment of its own, away from this checkout."""

from __future__ import annotations

import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import MakeList
from tests.install import built, hostile

SHIPPED = [
    "labelyard/py.typed",
    "labelyard/conf/config.yaml",
    "labelyard/conf/demo.yaml",
    "labelyard/conf/segment/sam_hq.yaml",
    "labelyard/slurm/generate.sbatch",
    "labelyard/slurm/merge.sbatch",
    "labelyard/launch/report/static/viewer.js",
    "labelyard/launch/report/static/report.css",
    "labelyard/generate/__main__.py",
    "labelyard/generate/steps/contract.py",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built.wheel(built.copied(tmp_path_factory.mktemp("copy")), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built.installed(tmp_path_factory.mktemp("environment"), wheel)


def test_nothing_but_labelyard_at_its_top(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"labelyard"}
    assert [name for name in SHIPPED if name not in names] == []
    assert [name for name in names if name.startswith("labelyard/tests")] == []


def test_a_run_by_the_command(installed: Path, make_list: MakeList, tmp_path: Path) -> None:
    user, out = hostile.make(tmp_path, make_list), tmp_path / "out"
    settings = built.activated(user.environment(), installed)

    def labelyard(*arguments: object, code: int = 0) -> str:
        done = subprocess.run(
            ["labelyard", *map(str, arguments)], cwd=user.folder, env=settings, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "launch/" not in done.stdout + done.stderr, "a program by a name that is not to be had here"
        return done.stdout + done.stderr

    said = labelyard("run", *user.arguments(out, "cluster.num_jobs=2", "shard_size=1"))
    hostile.assert_done(out, 3)
    assert "look at it   labelyard view" in said
    for verb in ("status", "validate", "merge", "view"):
        labelyard(verb, out)
    labelyard("export", out, "coco", tmp_path / "coco")
    planned = labelyard("run", *user.arguments(tmp_path / "by hand", "plan_only=true"))
    assert f"labelyard worker '{tmp_path / 'by hand'}'" in planned
    labelyard("worker", tmp_path / "by hand")
    labelyard("merge", tmp_path / "by hand")
    hostile.assert_done(tmp_path / "by hand", 3)
    assert labelyard("merge", tmp_path / "nowhere", code=1).startswith("merge: ")
    home = Path(labelyard("--home").strip())
    assert home.is_relative_to(installed.parent) and (home / "slurm" / "generate.sbatch").exists()


def test_the_package_is_typed_for_who_imports_it(installed: Path) -> None:
    place = sysconfig.get_path("purelib", vars={"base": str(installed.parent), "platbase": str(installed.parent)})
    assert (Path(place) / "labelyard" / "py.typed").exists()
