"""A planned run folder without a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labelyard.generate.record import Item, item_id
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Pass, Plan

MakeRun = Callable[..., RunFolder]


def item(number: int, image: str | None = None) -> Item:
    location = image or f"{number}.jpg"
    return Item(item_id(location, ""), number, location, "")


def planned(path: Path, items: int, size: int = 8) -> RunFolder:
    folder = RunFolder(path)
    folder.make()
    folder.write_run({"config": {}})
    shards = -(-items // size)
    for number in range(shards):
        folder.write_shard(number, [item(n) for n in range(number * size, min(items, (number + 1) * size))])
    folder.write_plan(Plan((Pass({}, None, items, items, 0, 0, shards, size, ""),)))
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(items: int, size: int = 8) -> RunFolder:
        return planned(tmp_path / "run", items, size)

    return make
