"""The run folder: what makes folders in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labelyard.generate.run_folder.layout import RunFolder
from tests.generate.conftest import MakeRun


def test_folders_are_made_in_it_and_told_apart_from_those_that_were_there(make_run: MakeRun) -> None:
    folder = make_run(8)
    deep = folder.path / "images" / "edges" / "00000"
    assert folder.make_folder(deep) and not folder.make_folder(deep) and deep.is_dir()
    assert folder.open_shard(0) and not folder.open_shard(0)
    shutil.rmtree(folder.path / "records")
    assert folder.open_shard(0), "what was taken out of it by hand comes again"


def test_it_is_never_made_anew_at_a_place_that_it_was_moved_from(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run(8)
    folder.path.rename(tmp_path / "moved")
    for path in (folder.records_of(0), folder.path / "images" / "edges" / "00000", folder.path / "hydra"):
        with pytest.raises(FileNotFoundError):
            folder.make_folder(path)
    assert not folder.path.exists() and RunFolder.open(tmp_path / "moved")
