"""What an item, and what a shard, costs a file server in operations on names: docs/scaling.md has the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.conftest import ROOT, MakeList, call, environment, fake_run


def counts(listed: Path, out: Path, size: int, pipeline: str = "fake") -> Counter[str]:
    """Of one worker's whole life."""
    arguments = [*fake_run(listed, out, "plan_only=true", f"shard_size={size}"), f"pipeline={pipeline}"]
    planned = call("run", *arguments)
    assert planned.returncode == 0, planned.stderr
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.operations", str(out)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return Counter(json.loads(done.stdout.splitlines()[-1]))


def difference(more: Counter[str], less: Counter[str]) -> dict[str, int]:
    return {key: more[key] - less[key] for key in sorted(more | less) if more[key] != less[key]}


def test_an_item_costs_one_create_one_rename_and_the_reading_of_its_image(make_list: MakeList, tmp_path: Path) -> None:
    few = counts(make_list(24, name="few.json"), tmp_path / "few", 8)
    many = counts(make_list(48, name="many.json"), tmp_path / "many", 16)
    assert difference(many, few) == {"images open": 24, "records create": 24, "records rename": 24}


def test_a_shard_costs_a_handful_of_operations_however_many_there_are(make_list: MakeList, tmp_path: Path) -> None:
    listed = make_list(48)
    few, many = counts(listed, tmp_path / "few", 16), counts(listed, tmp_path / "many", 4)
    per_shard = {key: number / 9 for key, number in difference(many, few).items()}
    assert per_shard == {
        # to claim it, and to know that nobody has opened it before
        "claims link": 1,
        "records mkdir": 1,
        "shards open": 1,
        "journal create": 1,
        # to finish it: leavings swept, names synced, the manifest, the claim given back after a look whose it is
        "records list": 1,
        "records open": 1,
        "images list": 1,
        "clips list": 1,  # of none, in most runs: that there are none is seen by asking
        "done create": 1,
        "done rename": 1,
        "done open": 1,
        "claims open": 1,
        "claims unlink": 1,
    }
