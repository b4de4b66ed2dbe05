"""Records that earlier Labelyards left behind (tests/kept) mean today what they meant then.

`first` has frames of 64 pixels, `second` has frames of the images' own sizes; both have boxes, masks, captions,
embeddings, lonely instances, instances without any, edges beside the image, and keys of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item
from labelyard.generate.record_json.check import record_problems
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import encoded
from labelyard.generate.record_json.finished import finished
from labelyard.generate.run_folder.layout import RunFolder
from tests.conftest import ROOT

KEPT = ROOT / "tests" / "kept"
RECORDS = [(name, path) for name in ("first", "second") for path in sorted(KEPT.glob(f"{name}/run/records/*/*.json"))]


def setting_of(name: str) -> Write:
    written: dict[str, Any] = json.loads((KEPT / name / "run" / "run.json").read_bytes())["config"]["write"]
    return Write(**written)


def test_both_runs_are_there() -> None:
    assert [sum(name == kept for kept, _ in RECORDS) for name in ("first", "second")] == [6, 6]


@pytest.mark.parametrize(("name", "path"), RECORDS)
def test_taken_over_and_written_again_they_are_the_same_to_the_byte(name: str, path: Path) -> None:
    run = RunFolder(KEPT / name / "run")
    body = json.loads(path.read_bytes())
    planned = next(item for item in run.items(int(path.parent.name)) if item.id == body["id"])
    item = Item(**{**vars(planned), "known": {"record": str(path)}})
    record = load(item, str(KEPT / name), Load())
    text, instances, images = encoded(run, int(path.parent.name), record, setting_of(name), body["made_by"])
    again = json.loads(text)
    if name == "first":  # resized and encoded anew: the codec's own affair
        again["image"] = body["image"]
        assert json.dumps(again) == json.dumps(body)
    else:
        assert text == path.read_bytes()
    assert instances == sum(1 for entry in body["annos"] if not entry.get("pad"))
    assert list(images) == ["edges"]


@pytest.mark.parametrize(("name", "path"), RECORDS)
def test_they_are_valid(name: str, path: Path) -> None:
    assert record_problems(json.loads(path.read_bytes())) == []


@pytest.mark.parametrize("name", ["first", "second"])
def test_they_are_read_in_both_frames(name: str) -> None:
    for record in finished(RunFolder(KEPT / name / "run")):
        for entry, found, original in zip(
            record.annotations, record.instances(), record.instances(original=True), strict=True
        ):
            assert list(found.box) == entry["bbox"] and found.mask == entry["mask"]
            assert original.mask == entry["original"]["mask"] and original.label == entry["category_name"]
