"""How large a data set is that nobody has fetched yet."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from labelyard.launch.run import main
from labelyard.launch.starting.at_the_hub import Published, lines, rows_in
from tests.launch.hub import Hub, serve
from tests.launch.test_fetch import fetch

SAVED = {
    "README.md": b"",
    "dataset_dict.json": b"{}",
    "train/data-00000-of-00001.arrow": bytes(5000),
    "test/data-00000-of-00002.arrow": bytes(2000),
    "test/data-00001-of-00002.arrow": bytes(1500),
    "test/state.json": bytes(300),
}
CARD: dict[str, object] = {
    "dataset_info": {"splits": [{"name": "train", "num_examples": 50}, {"name": "test", "num_examples": 7}]}
}


def test_a_dry_run_asks_the_hub_for_files_bytes_and_rows(tmp_path: Path) -> None:
    hub = Hub({"VisualCloze/Graph200K": SAVED})
    hub.cards["VisualCloze/Graph200K"] = CARD
    place = tmp_path / "not fetched"
    given = ["source=graph200k", f"source.path={place}", "source.split=test", "pipeline=none"]
    with serve(hub) as url:
        told = fetch(tmp_path, url, *given, f"output={tmp_path / 'out'}", "dry_run=true", program="run")
    assert told.returncode == 0, told.stderr
    assert "the hub has VisualCloze/Graph200K: 6 files, 8.8e-06 GB, 57 rows by its card" in told.stdout
    assert "split      test: 3 files, 3.8e-06 GB, 7 rows by its card" in told.stdout
    command = "--repo-type dataset VisualCloze/Graph200K --include 'test/*' --include dataset_dict.json --local-dir"
    assert f"hf download {command} {shlex.quote(str(place))}" in told.stdout
    assert not hub.asked and not (tmp_path / "out").exists() and not place.exists()


def test_without_the_hub_it_says_so_and_a_run_says_how_to_fetch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["source=graph200k", f"source.path={tmp_path / 'no'}", "pipeline=none", f"output={tmp_path / 'out'}"]
    command = f"dataset VisualCloze/Graph200K --local-dir {tmp_path / 'no'} (a run with dry_run=true asks the hub"
    for more, told in (([], command), (["dry_run=true"], "can't be asked how large VisualCloze/Graph200K is")):
        assert main([*given, *more]) == 1
        said = capsys.readouterr().err
        assert told in said and len(said.splitlines()) == 1


def test_splits_are_found_by_their_folder_or_their_name() -> None:
    published = Published("me/it", {"data/test-0.parquet": 3, "data/train-0.parquet": 9, "latest-0.parquet": 1}, {})
    wanted = published.of("test")
    assert wanted == {"data/test-0.parquet": 3}
    *_, command = lines(published, "here", "test", wanted)
    assert command.endswith("hf download --repo-type dataset me/it --include 'data/test-*' --local-dir here")
    *_, whole = lines(published, "here", None, published.sizes)
    assert whole.endswith("me/it --local-dir here")


def test_rows_are_told_only_where_it_is_clear_whose_they_are() -> None:
    one = CARD["dataset_info"]
    assert rows_in(one) == rows_in([one]) == {"train": 50, "test": 7}
    assert rows_in([one, one]) == rows_in(None) == rows_in({"features": []}) == {}
