"""What a file system refuses is told of the file that it is about."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.file_system import explained, in_words
from labelyard.generate.sources.folder import Folder
from labelyard.launch import run
from tests.conftest import MakeList, fake_run


def refusal(number: int, path: Path | None, second: Path | None = None) -> OSError:
    if path is None:
        return OSError(number, os.strerror(number))
    return OSError(number, os.strerror(number), str(path), None, *([str(second)] if second else []))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EIO, errno.EISDIR, errno.EROFS])
def test_a_file_elsewhere_is_not_blamed_on_the_run_folder(number: int, tmp_path: Path) -> None:
    run_folder, elsewhere = tmp_path / "run", tmp_path / "run-photos" / "a.jpg"
    told = explained(refusal(number, elsewhere), run_folder)
    assert (
        isinstance(told, FatalError) and str(told).startswith(str(elsewhere)) and str(run_folder) + " " not in str(told)
    )
    assert "run folder" not in str(told) and "same command again" in str(told)
    inside = explained(refusal(number, run_folder / "done" / "00000.jsonl"), run_folder)
    assert isinstance(inside, FatalError) and str(inside).startswith(f"{run_folder}: ")


def test_what_names_no_file_is_of_the_place_and_a_renaming_of_where_it_was_to_go(tmp_path: Path) -> None:
    assert str(explained(refusal(errno.ENOSPC, None), tmp_path)).startswith(f"{tmp_path}: no space left")
    moved = explained(refusal(errno.EISDIR, Path("/tmp/x"), tmp_path / "train.txt"), tmp_path)
    assert f"{tmp_path / 'train.txt'} is a folder" in str(moved)


def test_of_several_places_the_one_that_holds_it(tmp_path: Path) -> None:
    told = explained(refusal(errno.EACCES, tmp_path / "b" / "x"), tmp_path / "a", tmp_path / "b")
    assert str(told).startswith(f"{tmp_path / 'b'}: no permission ({tmp_path / 'b' / 'x'})")


def test_other_trouble_stays_what_it_is(tmp_path: Path) -> None:
    error = refusal(errno.EPIPE, None)
    assert explained(error, tmp_path) is error


def test_a_link_that_leads_nowhere_is_called_so(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(OSError) as caught:
        link.read_bytes()
    assert in_words(caught.value) == f"{link}: a link that leads nowhere, to {tmp_path / 'gone'}"


@pytest.mark.parametrize(
    ("method", "how"),
    [("fingerprint", "dry_run=true"), ("fingerprint", "plan_only=true"), ("entries", "dry_run=true"),
     ("entries", "plan_only=true"), ("peek", "plan_only=true")],
)  # fmt: skip
def test_what_can_t_be_read_of_a_source_is_the_source_s_matter(
    method: str, how: str, make_list: MakeList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A dry run sees it as well as a start; neither calls the run folder moved or cleaned."""
    photos = make_list(3).parent / "pictures"

    def refuse(self: Folder, urls: bool = False) -> None:
        raise refusal(errno.ENOENT, photos / "0001.jpg")

    if method == "entries":
        monkeypatch.setattr(Folder, "peek", lambda self, urls=False: None)
    monkeypatch.setattr(Folder, method, refuse)
    assert (
        run.main([*map(str, fake_run(photos, tmp_path / "out", "source=folder", "source.caption_key=null", how))]) == 1
    )
    said = capsys.readouterr().err
    assert said.startswith(f"run: source.path={photos} can't be read: {photos / '0001.jpg'}: No such file"), said
    assert "moved or cleaned" not in said and len(said.splitlines()) == 1
