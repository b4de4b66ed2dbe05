"""Files appear whole or not at all; what killed writers leave is swept."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from labelyard.utils import faults
from labelyard.utils.atomic import (
    is_temporary,
    replacing,
    server_clock,
    sweep,
    sync_file_system,
    temporaries,
    temporary_beside,
    write_atomic,
    writer_is_gone,
)
from tests.conftest import environment


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    versions = [bytes([n]) * 200_000 for n in range(20)]
    write_atomic(path, versions[0])
    seen: list[bytes] = []
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            seen.append(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for version in cycle(versions):
        write_atomic(path, version, sync=False)
        if len(set(seen)) > 3:  # it has read while others wrote
            break
    end.set()
    reader.join()
    assert set(seen) <= set(versions)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("fault", ["write:1:ENOSPC", "rename:1:EIO"])
def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    faults.arm(fault)
    with pytest.raises(OSError):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["x" * 255, "猫" * 85, "short"])
def test_a_temporary_name_is_never_too_long(tmp_path: Path, name: str) -> None:
    write_atomic(tmp_path / name, b"data")
    assert os.listdir(tmp_path) == [name]


def test_a_killed_writers_leavings_are_swept_and_a_living_ones_are_not(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from labelyard.utils.atomic import write_atomic; "
        "write_atomic(Path('file'), b'x' * 1000)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**environment(), "LABELYARD_FAULT": "write:1"}, timeout=60
    )
    assert killed.returncode == -9
    (left,) = temporaries(tmp_path)
    assert left.stat().st_size == 500, "died in the middle of the write"
    ours = temporary_beside(tmp_path / "other")
    ours.write_bytes(b"")
    assert writer_is_gone(left) and not writer_is_gone(ours)
    elsewhere = tmp_path / ".file.~otherhost~1~aa0.tmp"
    elsewhere.write_bytes(b"")
    assert sweep(tmp_path, writer_is_gone) == 1
    assert {path.name for path in temporaries(tmp_path)} == {ours.name, elsewhere.name}
    assert all(map(is_temporary, os.listdir(tmp_path)))


def test_a_killed_writer_whom_nobody_has_waited_for_is_gone_too(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from labelyard.utils.atomic import temporary_beside; "
    code += "temporary_beside(Path('file')).touch(); print(); sys.stdout.flush(); sys.stdin.read()"
    writer = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout is not None and writer.stdout.readline()
    (left,) = temporaries(tmp_path)
    assert not writer_is_gone(left)
    writer.kill()
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now, and stays one
    assert writer_is_gone(left)
    writer.communicate()


def test_a_sweep_that_takes_a_living_writers_file_costs_it_one_more_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace
    swept: list[int] = []

    def replace(source: Path, target: Path) -> None:
        if not swept:
            swept.append(sweep(tmp_path, lambda path: True))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    write_atomic(tmp_path / "file", b"data")
    assert swept == [1] and (tmp_path / "file").read_bytes() == b"data"


def test_a_missing_folder_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no" / "file", b"data")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "file"):
        pass
    assert not os.listdir(tmp_path)


def test_a_streamed_file_takes_its_place_only_if_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with replacing(path) as file:
        file.write(b"one\n")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"two\n")
        raise RuntimeError("half way")
    assert path.read_bytes() == b"one\n" and os.listdir(tmp_path) == ["list.txt"]


def test_the_servers_clock_leaves_no_trace(tmp_path: Path) -> None:
    assert abs(server_clock(tmp_path) - time.time()) < 60
    assert not os.listdir(tmp_path)
    assert abs(server_clock(tmp_path / "absent") - time.time()) < 60


def test_a_file_system_is_synced_by_any_of_its_folders(tmp_path: Path) -> None:
    sync_file_system(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file_system(tmp_path / "absent")
