"""Exports of GranD that are killed, and given again; and those of a run that has grown since."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.exporters import grand_lmdb
from labelyard.generate.exporters.common import lmdb_parts
from labelyard.generate.exporters.gcg import Gcg
from labelyard.generate.exporters.grand import Grand
from labelyard.generate.exporters.grand_lmdb import GrandLmdb
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils import faults
from tests.conftest import call
from tests.generate.exporters.conftest import export
from tests.support import glamm
from tests.support.grand import exported, level_4

KILLED = -signal.SIGKILL
PLACES = ("write", "rename", "renamed")
OPTIONS = {"grand": ["per_folder=4"], "grand_lmdb": ["dense=true", "val=0.4"], "gcg": ["val=0.3", "test=0.2"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GranD's files, taken over by a run of several shards."""
    folder = tmp_path_factory.mktemp("grand")
    level_4(folder)
    _take_over(folder)
    return folder


def _take_over(folder: Path) -> None:
    settings = ["source=grand", f"source.root={folder / 'pictures'}", "pipeline=given", "shard_size=3"]
    how = ["cluster.num_jobs=1", f"output={folder / 'run'}"]
    done = call("run", f"source.path={folder / 'level-4'}", *settings, *how)
    assert done.returncode == 0, done.stderr


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Grand, GrandLmdb, Gcg):
        monkeypatch.setattr(kind, "size", 2)


def made(run: Path, name: str, dest: Path) -> dict[str, object]:
    done = export(run, name, dest, *OPTIONS[name])
    assert done.returncode in (0, 3) and "read back well" in done.stdout, done.stdout + done.stderr
    return exported(dest)


def life(run: Path, name: str, dest: Path, prepare: Callable[[], object]) -> int:
    """Of a process that exports; how it ended."""
    pid = os.fork()
    if pid == 0:
        prepare()
        os._exit(export(run, name, dest, *OPTIONS[name]).returncode)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("name", OPTIONS)
def test_killed_again_and_again_it_ends_as_if_it_had_not_been(place: Path, tmp_path: Path, name: str) -> None:
    """Every time further on, in one destination: in the midst of files, before and behind their names."""
    whole = made(place / "run", name, tmp_path / "whole")
    cut, deaths = tmp_path / "cut", 0
    for at in PLACES:
        for number in range(1, 100, 2):
            code = life(place / "run", name, cut, lambda where=f"{at}:{number}": faults.arm(where))  # type: ignore[misc]
            deaths += code == KILLED
            assert code in (KILLED, 0, 3)
            if code != KILLED:
                break
    assert deaths >= 5 and exported(cut) == whole
    assert made(place / "run", name, cut) == whole
    assert list(cut.rglob(".*.tmp")) == []


def test_killed_inside_of_a_transaction_an_lmdb_has_the_whole_part_in_the_end(place: Path, tmp_path: Path) -> None:
    whole = made(place / "run", "grand_lmdb", tmp_path / "whole")
    cut, put = tmp_path / "cut", lmdb_parts.put
    for most in (1, 2, 3, 4):  # a part has two databases; a whole one is not written again
        calls = 0

        def half(environment: Any, entries: Mapping[bytes, bytes], most: int = most) -> None:
            nonlocal calls
            calls += 1
            if calls < most:
                return put(environment, entries)
            with environment.begin(write=True) as transaction:
                for key in entries:
                    transaction.put(key, b"cut off")
                os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("it is dead")

        assert life(place / "run", "grand_lmdb", cut, lambda: setattr(grand_lmdb, "put", half)) == KILLED
    assert made(place / "run", "grand_lmdb", cut) == whole


def test_while_a_run_grows_each_export_ends_as_one_of_all_that_is_there(place: Path, tmp_path: Path) -> None:
    """Whichever shard is finished first; then the list grows, by a picture of a name that is taken, too."""
    folder, run, before = tmp_path / "grown", RunFolder(tmp_path / "grown" / "run"), dict[str, int]()
    for part in ("pictures", "level-4"):
        shutil.copytree(place / part, folder / part)
    _take_over(folder)

    def all_equal(stage: str) -> None:
        for name in OPTIONS:
            found = made(run.path, name, tmp_path / name)
            assert found == made(run.path, name, tmp_path / stage / name), (stage, name)
            files = sum(len(one) if isinstance(one, dict) else 1 for one in found.values())
            assert files > before.get(name, 0), (stage, name)
            before[name] = files

    for shards in ([2], [1, 2], [0, 1, 2]):
        with _pending(run, {0, 1, 2} - set(shards), tmp_path / "away"):
            all_equal(f"{len(shards)} shards")
    for more in ("later", "sub/more/sa_1"):
        _add(folder, more)
    _take_over(folder)
    all_equal("more rows")


def _add(folder: Path, name: str) -> None:
    glamm.picture(folder / "pictures" / f"{name}.jpg")
    ((body,),) = (json.loads((folder / "level-4" / "sa_1.json").read_bytes()).values(),)
    glamm.write(folder / "level-4" / f"{name}.json", {f"{Path(name).name}.jpg": body})


@contextmanager
def _pending(run: RunFolder, shards: Iterable[int], place: Path) -> Iterator[None]:
    """As if these were still to be done."""
    place.mkdir(exist_ok=True)
    ended = [path for number in shards for path in (run.manifest(number), *run.journals_of(number))]
    away = {path: place / f"{path.parent.name}-{path.name}" for path in ended}
    for path, hidden in away.items():
        path.rename(hidden)
    yield
    for path, hidden in away.items():
        hidden.rename(path)
