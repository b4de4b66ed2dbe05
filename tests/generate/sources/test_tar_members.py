"""Headers that are read here are read as tarfile reads them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from labelyard.generate.sources.common.tar_members import Members

LONG = f"{'p' * 90}/{'q' * 60}.jpg"
NAMES = (
    "./", "a.jpg", "./b/c.json", "b/ä.txt", "x" * 99, "y" * 100, "z" * 101, LONG, "日本.jpg", "link", "odd\udcff.jpg",
    "empty",
)  # fmt: skip


def made(path: Path, form: int, **more: object) -> None:
    with tarfile.open(path, "w", format=form, **more) as tar:  # type: ignore[call-overload]
        for number, name in enumerate(NAMES):
            info = tarfile.TarInfo(name)
            info.size = 0 if name == "empty" or name.endswith("/") else number * 300 + 1
            if name == "link":
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "a.jpg", 0
            elif name.endswith("/"):
                info.type = tarfile.DIRTYPE
            elif number % 2:
                info.mtime = 1.5  # of which PAX makes a header of its own
            tar.addfile(info, io.BytesIO(b"x" * info.size))


def seen(path: Path) -> list[tuple[str, int, int]]:
    with path.open("rb") as file:
        return [(one.name, one.offset, one.size) for one in Members(file)]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("more", [{}, {"pax_headers": {"comment": "of all"}}])
def test_all_that_tarfile_finds_is_found(tmp_path: Path, form: int, more: dict[str, object]) -> None:
    made(tmp_path / "a.tar", form, **more)
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert seen(tmp_path / "a.tar") == [(m.name, m.offset_data, m.size) for m in tar if m.isreg()]
    assert len(seen(tmp_path / "a.tar")) == len(NAMES) - 2


def test_a_tar_that_is_cut_off_or_broken_ends_where_tarfile_ends(tmp_path: Path) -> None:
    made(tmp_path / "whole.tar", tarfile.GNU_FORMAT)
    whole, path = (tmp_path / "whole.tar").read_bytes(), tmp_path / "cut.tar"
    ends = [offset for _, offset, _ in seen(tmp_path / "whole.tar")]
    for end in (*(at + more for at in ends[1:5] for more in (-512, -100, 0, 1, 700)), len(whole) - 10240):
        path.write_bytes(whole[:end])
        assert outcome(path, ours=True) == outcome(path, ours=False), end
    path.write_bytes(whole[: ends[3] - 300] + b"\7" + whole[ends[3] - 299 :])
    assert outcome(path, ours=True) == outcome(path, ours=False) and len(outcome(path, ours=True)) == 3


def outcome(path: Path, ours: bool) -> list[object]:
    found: list[object] = []
    try:
        if ours:
            with path.open("rb") as file:
                found += (tuple(one) for one in Members(file))
        else:
            with tarfile.open(path, "r:") as tar:
                found += ((m.name, m.offset_data, m.size) for m in tar if m.isreg())
    except tarfile.TarError as error:
        found.append(str(error))
    return found
