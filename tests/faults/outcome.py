"""What a run has come to, in a form that can be compared; and what must hold at every instant."""

from __future__ import annotations

import json
import os
from pathlib import Path

from labelyard.generate.record_json.embeddings import holds_images, lists
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.merging.merge import merge
from labelyard.utils.atomic import is_temporary


def outcome(run: Path) -> dict[str, object]:
    """Every byte that a run makes, apart from who made it and when: equal for runs that were disturbed or not."""
    found: dict[str, object] = {}
    for place in ("records", "images", "clips", "shards"):
        for path in sorted((run / place).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(run))] = path.read_bytes()
    found["train"] = [line.replace(str(run), "") for line in (run / lists(RunFolder(run))[0]).read_text().splitlines()]
    for name in ("missing.jsonl", "quarantine.jsonl"):
        found[name] = (run / name).read_bytes()
    for path in sorted((run / "done").glob("*.jsonl")):
        found[str(path.relative_to(run))] = path.read_bytes().splitlines()[1:]  # the first has worker and time
    return found


def temporaries_in(run: Path) -> list[str]:
    return [str(Path(folder, name)) for folder, _, names in os.walk(run) for name in names if is_temporary(name)]


def check_at_any_time(run: Path, aside: Path) -> dict[str, int]:
    """Whatever was killed whenever: every item is exactly one of three things, and nothing partial is listed."""
    folder = RunFolder(run)
    if not folder.run_json.exists():
        return {}
    planned = folder.read_plan().items
    # A list of records without images has its place in the run.
    merged = merge(folder, aside / "train.txt" if holds_images(folder) else None)
    states = [line["status"] for _, line in Standing(folder).everything()]
    if folder.read_plan().items != planned:  # a plan was committed between these looks
        return check_at_any_time(run, aside)
    assert len(states) == planned == merged.items
    assert set(states) <= {"done", "quarantined", "pending"}
    listed = merged.train.read_text().splitlines()
    assert len(set(listed)) == len(listed) == merged.done
    for path in listed:
        record = json.loads(Path(path).read_bytes())
        for beside in [*record.get("images", {}).values(), *record.get("clips", {}).values()]:
            # Of an earlier run, it lies where it was.
            assert (run / (beside.get("path") or beside["file"])).stat().st_size > 0
    return {state: states.count(state) for state in ("done", "quarantined", "pending")}


def difference(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return [key for key in sorted({*one, *other}) if one.get(key) != other.get(key)]
