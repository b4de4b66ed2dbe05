"""A second run on an earlier run's records: what it does not redo is taken over as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.rows import Refusal
from labelyard.generate.sources.records import Records
from tests.conftest import MakeList, call, fake_run, listed
from tests.launch.made import make_run

OF_CAPTIONS = ("caption", "caption_source", "blip_clip_embeddings")


def bodies(run: Path) -> list[dict[str, Any]]:
    return [json.loads(Path(path).read_bytes()) for path in listed(run)]


def without(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    annotations = [{key: value for key, value in entry.items() if key not in keys} for entry in body["annos"]]
    return {**{key: value for key, value in body.items() if key not in ("made_by", "models")}, "annos": annotations}


@pytest.fixture
def first(make_list: MakeList, tmp_path: Path) -> Path:
    train = make_list(24)
    rows = json.loads(train.read_text())
    rows[2] |= {"similarity": 0.25, "width": 7}
    train.write_text(json.dumps(rows))
    done = call("run", *fake_run(train, tmp_path / "first", "write.short_side=100", "cluster.num_jobs=1"))
    assert done.returncode == 0, done.stderr
    return tmp_path / "first"


def second(first: Path, *more: object) -> list[object]:
    return fake_run(first, first.parent / "second", "write.short_side=100", "cluster.num_jobs=1", *more)


def test_captions_alone_are_redone(first: Path) -> None:
    done = call("run", *second(first, "caption=template", "pipeline.steps=[caption,embed]"))
    assert done.returncode == 0 and "24 rows: 24 new items" in done.stdout, done.stderr
    before, after = bodies(first), bodies(first.parent / "second")
    assert [without(body, *OF_CAPTIONS) for body in after] == [without(body, *OF_CAPTIONS) for body in before]
    captions = [[entry.get("caption") for entry in body["annos"] if not entry.get("pad")] for body in after]
    assert sum(map(len, captions)) > 20 and all(all(words) for words in captions)
    redone = [
        (entry["caption"], other["caption"])
        for body, old in zip(after, before, strict=True)
        for entry, other in zip(body["annos"], old["annos"], strict=True)
        if not entry.get("pad")
    ]
    assert all(new != old for new, old in redone)
    assert all(body["models"]["segment"] == old["models"]["segment"] for body, old in zip(after, before, strict=True))
    assert after[0]["models"]["caption"] != before[0]["models"]["caption"]
    assert call("validate", first.parent / "second").returncode == 0


def test_with_no_step_at_all_the_records_stay_what_they_are(first: Path) -> None:
    done = call("run", *second(first, "pipeline.steps=[]"))
    assert done.returncode == 0, done.stderr
    for body, old in zip(bodies(first.parent / "second"), bodies(first), strict=True):
        assert {**body, "made_by": None} == {**old, "made_by": None}


def test_new_boxes_leave_nothing_of_the_old_masks(first: Path) -> None:
    refused = call("run", *second(first, "pipeline.steps=[ground,embed]"))
    assert refused.returncode == 1 and "step 'embed' reads instances.caption, which no earlier step" in refused.stderr
    done = call("run", *second(first, "pipeline.steps=[ground]", "ground.box_threshold=0.1"))
    assert done.returncode == 0, done.stderr
    after, before = bodies(first.parent / "second"), bodies(first)
    assert not any("mask" in entry or "caption" in entry for body in after for entry in body["annos"])
    assert [body["tags"] for body in after] == [body["tags"] for body in before]
    assert set(after[0]["models"]) == {"trouble", "tag", "ground"}


def test_the_records_own_images_where_the_originals_are_gone(first: Path) -> None:
    shutil.rmtree(first.parent / "pictures")
    lost = call("run", *second(first, "pipeline.steps=[caption]"))
    assert lost.returncode != 0 and "no such file" in lost.stdout + lost.stderr
    shutil.rmtree(first.parent / "second")
    done = call("run", *second(first, "source=records", "source.pixels=record", "pipeline.steps=[caption]"))
    assert done.returncode == 0, done.stderr
    for body, old in zip(bodies(first.parent / "second"), bodies(first), strict=True):
        assert body["image"] == old["image"] and body["file"] == old["file"]
        for entry, other in zip(body["annos"], old["annos"], strict=True):
            assert entry["bbox"] == other["bbox"] and entry["mask"] == other["mask"]


def test_what_the_first_run_did_not_finish_is_refused_and_counted(first: Path) -> None:
    for path in listed(first)[3:5]:
        Path(path).unlink()
    done = call("run", *second(first, "pipeline.steps=[caption]"))
    assert done.returncode == 0 and "24 rows: 22 new items" in done.stdout and "2 refused" in done.stdout
    assert len(bodies(first.parent / "second")) == 22


def test_an_image_that_has_changed_is_quarantined(first: Path) -> None:
    from PIL import Image

    Image.new("RGB", (33, 44)).save(bodies(first)[5]["file_name"])
    done = call("run", *second(first, "pipeline.steps=[caption]"))
    assert done.returncode == 3 and "the image has changed since the earlier run" in done.stdout


def test_the_first_thousand_of_a_run_may_all_be_in_quarantine(tmp_path: Path) -> None:
    folder = make_run(
        tmp_path / "run", [Image.new("RGB", (8, 6))], number=210, size=70, failing=tuple(range(205)), sides=False
    )
    folder.write_run({"made_by": {}, "config": {"pipeline": {"steps": []}, "steps": {}, "image_root": str(tmp_path)}})
    source = Records(path=str(folder.path))
    source.peek()
    assert [isinstance(row, Refusal) for row in source.entries()] == [True] * 205 + [False] * 5
