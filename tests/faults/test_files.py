"""Rows 7, 8, 9, 11 and 21 of docs/failures.md: disks that are full, files that hang, files that are torn, clocks."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, MakeList, call, environment, fake_run, listed, records
from tests.faults.outcome import check_at_any_time, outcome, temporaries_in
from tests.faults.support import Worker, is_root, lines, merge, plan, work, worker
from tests.support.processes import wait_for

libc = ctypes.CDLL(None, use_errno=True)


def mount(kind: str, place: Path, options: str) -> None:
    place.mkdir(exist_ok=True)
    if not is_root() or libc.mount(b"none", os.fsencode(place), kind.encode(), 0, options.encode()) != 0:
        pytest.skip(f"a {kind} can't be mounted here (root is needed)")


@contextlib.contextmanager
def mounted(kind: str, place: Path, options: str) -> Iterator[Path]:
    mount(kind, place, options)
    try:
        yield place
    finally:
        libc.umount2(os.fsencode(place), 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted("tmpfs", tmp_path / "disk", "size=1m") as place:
        yield place


@contextlib.contextmanager
def dead_mount(place: Path) -> Iterator[None]:
    """A file system whose server never answers: every call waits for it for ever."""
    server = os.open("/dev/fuse", os.O_RDWR) if os.access("/dev/fuse", os.W_OK) else -1
    with mounted("fuse", place, f"fd={server},rootmode=40000,user_id=0,group_id=0"):
        try:
            yield
        finally:
            os.close(server)


def test_a_full_disk_stops_it_with_one_clear_reason_and_it_goes_on_when_there_is_room(
    make_list: MakeList, tmp_path: Path, small_disk: Path
) -> None:
    out = small_disk / "out"
    arguments = fake_run(make_list(150), out, "cluster.num_jobs=2")
    done = call("run", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no space left. Make room" in done.stderr and "Traceback" not in done.stderr
    before = check_at_any_time(out, tmp_path)
    assert 0 < before["done"] < 150 and before["quarantined"] == 0
    assert len(listed(out)) == before["done"], "what is done has its list on a full disk too"
    assert libc.mount(b"none", os.fsencode(small_disk), b"tmpfs", 32, b"size=64m") == 0  # 32: remount
    again = call("run", *arguments)
    assert again.returncode == 0, again.stderr
    assert len(listed(out)) == 150 and temporaries_in(out) == []
    assert call("validate", out).returncode == 0


def test_out_of_inodes_is_told_apart_from_a_full_disk_and_what_is_done_has_its_list(
    make_list: MakeList, tmp_path: Path
) -> None:
    disk, out = tmp_path / "disk", tmp_path / "disk" / "out"
    # One worker on one shard: its claims are files too, and of several the end would be room enough.
    arguments = fake_run(make_list(60), out, "cluster.num_jobs=1", "shard_size=60")
    with mounted("tmpfs", disk, "size=64m,nr_inodes=70"):
        done = call("run", *arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "no inodes left" in done.stderr and "df -i" in done.stderr
        assert "no space left" not in done.stderr and "Traceback" not in done.stderr
        found = check_at_any_time(out, tmp_path)
        assert 0 < found["done"] < 60 and found["quarantined"] == 0
        assert len(listed(out)) == found["done"]
        assert libc.mount(b"none", os.fsencode(disk), b"tmpfs", 32, b"nr_inodes=10000") == 0  # 32: remount
        again = call("run", *arguments)
        assert again.returncode == 0, again.stderr
        assert len(listed(out)) == 60 and temporaries_in(out) == [] and not (out / "reserve").exists()


def test_a_quota_of_file_sizes_is_fatal_too(make_list: MakeList, tmp_path: Path) -> None:
    """No file may exceed 4 kB, so no record can be written, and nothing is blamed for it."""
    out = tmp_path / "out"
    plan(make_list(12), out)
    limited = subprocess.run(
        [sys.executable, str(ROOT / "generate"), str(out)],
        env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"},  # Python leaves compiled modules torn at such a limit
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert limited.returncode == 1
    assert "the file is too large. Make room" in limited.stderr and "Traceback" not in limited.stderr
    assert check_at_any_time(out, tmp_path) == {"done": 0, "quarantined": 0, "pending": 12}
    assert work(out)[0] == 0 and merge(out)[1]["done"] == 12


def test_a_run_folder_that_may_not_be_written(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan(make_list(4), out)
    code, _, errors = work(out, LABELYARD_FAULT="write:4:EROFS")
    assert code == 1 and "the file system is read-only" in errors and "Traceback" not in errors
    assert work(out)[0] == 0


def test_images_on_a_dead_mount_are_given_up_and_the_rest_goes_on(make_list: MakeList, tmp_path: Path) -> None:
    train, out, dead = make_list(20), tmp_path / "out", tmp_path / "dead"
    entries = json.loads(train.read_text())
    entries[3]["image"], entries[11]["image"] = str(dead / "a.jpg"), str(dead / "b.jpg")
    train.write_text(json.dumps(entries))
    with dead_mount(dead):
        plan(train, out, "work.read_timeout=0.5", "work.batch=4")
        code, _, errors = work(out)
        assert code == 0, errors
        _, stats = merge(out)
    assert stats["done"] == 18 and stats["quarantined"] == 2
    assert {entry["reason"].partition(":")[0] for entry in lines(out / "quarantine.jsonl")} == {
        "no answer within 0.5 s"
    }
    assert all("tried twice" in entry["reason"] for entry in lines(out / "quarantine.jsonl"))


def test_when_every_image_hangs_it_ends_and_marks_nothing(make_list: MakeList, tmp_path: Path) -> None:
    train, out, dead = make_list(1), tmp_path / "out", tmp_path / "dead"
    picture = (tmp_path / "pictures" / "0000.jpg").read_bytes()
    train.write_text(json.dumps([{"image": str(dead / f"{n}.jpg"), "caption": ""} for n in range(60)]))
    with dead_mount(dead):
        plan(train, out, "work.read_timeout=0.3", "load.threads=2")
        code, _, errors = work(out)
    assert code == 1 and "files hang" in errors and "Is a network mount dead?" in errors
    assert check_at_any_time(out, tmp_path) == {"done": 0, "quarantined": 0, "pending": 60}
    for n in range(60):
        (dead / f"{n}.jpg").write_bytes(picture)
    assert work(out)[0] == 0 and merge(out)[1]["done"] == 60


def test_a_worker_that_waits_for_a_dead_mount_still_stops_when_asked(make_list: MakeList, tmp_path: Path) -> None:
    train, out, dead = make_list(1), tmp_path / "out", tmp_path / "dead"
    train.write_text(json.dumps([{"image": str(dead / "a.jpg"), "caption": ""}]))
    with dead_mount(dead):
        plan(train, out)
        process = worker(out)
        wait_for(lambda: any(b"started" in path.read_bytes() for path in (out / "journal").iterdir()))
        process.terminate()
        assert process.wait(timeout=30) == 75
        process.communicate()
    assert check_at_any_time(out, tmp_path)["pending"] == 1


def test_a_mount_that_goes_away_half_way_quarantines_nothing(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(400, side=24), tmp_path / "out"
    pictures = tmp_path / "pictures"
    plan(train, out, "work.batch=4", "trouble.seconds=0.01")
    process = worker(out)
    wait_for(lambda: len(records(out)) >= 120)
    pictures.rename(tmp_path / "away")
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "can't be read any more" in errors, said + errors
    assert check_at_any_time(out, tmp_path)["quarantined"] == 0
    (tmp_path / "away").rename(pictures)
    assert work(out)[0] == 0 and merge(out)[1]["done"] == 400


# Writes: of the worker's state (1), its claim (2), records and manifests in whatever order the threads take.
@pytest.mark.parametrize("fault", ["read:3", "write:1", "write:2", "write:9", "write:13", "write:17"])
def test_a_stale_file_handle_passes(make_list: MakeList, tmp_path: Path, fault: str) -> None:
    out = tmp_path / "out"
    plan(make_list(12), out)
    code, _, errors = work(out, LABELYARD_FAULT=f"{fault}:ESTALE:once")
    assert code == 0, errors
    assert merge(out)[1]["done"] == 12 and temporaries_in(out) == []


def test_pipes_and_devices_in_the_list_are_not_even_opened_for_long(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(4), tmp_path / "out"
    os.mkfifo(tmp_path / "pipe.jpg")
    entries = json.loads(train.read_text())
    odd = [str(tmp_path / "pipe.jpg"), "/dev/zero", "/dev/stdin", str(tmp_path)]
    train.write_text(json.dumps(entries + [{"image": name, "caption": ""} for name in odd]))
    plan(train, out)
    assert work(out)[0] == 0
    _, stats = merge(out)
    assert stats["done"] == 4 and stats["quarantined"] == 4
    assert {e["reason"].partition(":")[0] for e in lines(out / "quarantine.jsonl")} == {
        "not a file but a pipe or device",
        "a folder, not a file",
    }


def zoo(folder: Path) -> dict[str, str]:
    """Images that are none, and images that look odd: name -> the reason, or '' if it is to be done."""
    folder.mkdir()
    picture = Image.radial_gradient("L").resize((60, 40))
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG")
    whole = buffer.getvalue()
    exif = Image.Exif()
    exif[0x0112] = 6
    made = {
        "whole.jpg": (whole, ""),
        "cut.jpg": (whole[: len(whole) // 2], "damaged image"),
        "empty.jpg": (b"", "the file is empty"),
        "zeros.jpg": (bytes(9000), "not an image: 9000 zero bytes"),
        "page.jpg": (b"<html><script>alert(1)</script></html>", "not an image: an HTML page"),
        "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image: PostScript"),
        "weights.jpg": (b"\x80\x04cos\nsystem\n(S'touch HACKED'\ntR.", "not an image"),
        "bomb.png": (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", SIXTY_THOUSAND) + _chunk(b"IDAT", b"x"), "too many pixels"),
    }
    for name, (data, _) in made.items():
        (folder / name).write_bytes(data)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.convert("P").save(folder / "palette.png", transparency=0)
    picture.convert("RGB").save(folder / "turned.jpg", exif=exif)
    picture.save(folder / "moving.gif", save_all=True, append_images=[picture.rotate(9)] * 3)
    Image.new("I;16", (60, 40), 30_000).save(folder / "deep.png")
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (900, 3)).save(folder / "strip.png")
    odd = {path.name: "" for path in folder.iterdir()}
    return {**odd, "strip.png": "too elongated", **{name: reason for name, (_, reason) in made.items()}}


SIXTY_THOUSAND = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_the_zoo_of_images(make_list: MakeList, tmp_path: Path) -> None:
    cages = zoo(tmp_path / "zoo")
    train, out = make_list(6), tmp_path / "out"
    entries = json.loads(train.read_text())
    train.write_text(
        json.dumps(entries + [{"image": str(tmp_path / "zoo" / name), "caption": "odd"} for name in sorted(cages)])
    )
    done = call("run", *fake_run(train, out, "write.short_side=64"), cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    reasons = {Path(entry["image"]).name: entry["reason"] for entry in lines(out / "quarantine.jsonl")}
    assert set(reasons) == {name for name, reason in cages.items() if reason}
    for name, reason in reasons.items():
        assert reason.startswith(cages[name])
    assert len(listed(out)) == 6 + sum(1 for reason in cages.values() if not reason)
    assert call("validate", out).returncode == 0
    assert not list(tmp_path.rglob("HACKED"))


def test_records_torn_at_random_are_made_again_and_never_listed(make_list: MakeList, tmp_path: Path) -> None:
    """Before the shard is finished, and after. (Atomic writes forbid it; broken disks and copies do not.)"""
    out, clean = tmp_path / "out", tmp_path / "clean"
    train = make_list(40)
    plan(train, clean, "shard_size=40")
    work(clean)
    merge(clean)
    chance = random.Random(11)
    plan(train, out, "shard_size=40", "work.batch=4", "trouble.seconds=0.02")
    process = worker(out)
    wait_for(lambda: len(records(out)) >= 15)
    process.kill()
    process.communicate()
    assert not list((out / "done").iterdir()), "its one shard is not finished"
    torn = chance.sample(records(out), 8)
    for path in torn:
        os.truncate(path, chance.randrange(path.stat().st_size))
    check_at_any_time(out, tmp_path)
    for path in (out / "journal").iterdir():
        os.truncate(path, chance.randrange(1, path.stat().st_size + 1))
    check_at_any_time(out, tmp_path)
    assert work(out)[0] == 0
    for path in torn:
        assert path.read_bytes() == (clean / path.relative_to(out)).read_bytes(), "made again"
    finished = chance.sample(records(out), 5)
    os.truncate(finished[0], 0)
    os.truncate(finished[1], finished[1].stat().st_size - 1)
    finished[2].unlink()
    code, stats = merge(out)
    damaged = [line for line in lines(out / "missing.jsonl") if "damaged" in line]
    assert code == 3 and stats["damaged"] == len(damaged) == 3
    assert not {str(path) for path in finished[:3]} & set(listed(out))
    back = call("retry", out, "--damaged")
    assert back.returncode == 0 and f"{len(damaged)} items" in back.stdout
    assert work(out)[0] == 0 and merge(out)[0] == 0
    assert outcome(out) == outcome(clean)


def test_a_damaged_manifest_is_told_and_mended_as_said(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan(make_list(12), out)
    work(out)
    (manifest, *_) = sorted((out / "done").iterdir())
    os.truncate(manifest, manifest.stat().st_size // 2)
    assert "Traceback" not in call("status", out).stderr, "it reads no more than the first line"
    for program in ("jsons2txt", "validate"):
        told = call(program, out)
        assert told.returncode == 1 and "is damaged" in told.stderr and "Traceback" not in told.stderr
    manifest.unlink()
    before = {path: path.stat().st_mtime_ns for path in records(out)}
    assert work(out)[0] == 0 and merge(out)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in records(out)} == before, "its records are kept"


def is_at_work_or_ended(out: Path, process: Worker[str]) -> bool:
    return process.poll() is not None or any((out / "claims").glob("0*"))


def test_clocks_and_equal_times_decide_nothing(make_list: MakeList, tmp_path: Path) -> None:
    """Every file is given one and the same time, years ago; then workers of the future and of the past go on."""
    out, clean = tmp_path / "out", tmp_path / "clean"
    train = make_list(30)
    plan(train, clean)
    work(clean)
    merge(clean)
    plan(train, out, "work.batch=4", "trouble.seconds=0.02")
    process = worker(out)
    wait_for(lambda: len(records(out)) >= 8)
    process.kill()
    process.communicate()
    for path in out.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    hosts = tmp_path / "clock"
    hosts.mkdir()
    for days in (-400, 400):
        (hosts / "sitecustomize.py").write_text(
            f"import time\nreal = time.time\ntime.time = lambda: real() + {days * 86400}\n"
        )
        process = worker(out, PYTHONPATH=f"{hosts}:{ROOT}")
        wait_for(partial(is_at_work_or_ended, out, process))
        time.sleep(0.3)
        process.terminate()
        process.wait(timeout=60)
        process.communicate()
        seen = json.loads(call("status", out, "--json").stdout)
        assert seen["workers"] and all(state["state"] != "working" for state in seen["workers"])
    assert work(out)[0] == 0 and merge(out)[0] == 0
    assert outcome(out) == outcome(clean)


def test_a_copy_of_a_run_folder_goes_on_where_the_original_was(make_list: MakeList, tmp_path: Path) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"
    plan(make_list(20), out, "work.batch=4", "trouble.seconds=0.02")
    process = worker(out)
    wait_for(lambda: len(records(out)) >= 5)
    process.kill()
    process.communicate()
    shutil.copytree(out, copy)
    assert work(copy)[0] == 0 and merge(copy)[1]["done"] == 20
    assert all(path.startswith(str(copy)) for path in listed(copy))
