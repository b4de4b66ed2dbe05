"""A run whose records hold no images, but texts, findings and asides: run, looked at, exported, gone on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FAKES, MakeList, call, records

LIGHT = ("--config-dir", FAKES, "pipeline=light", "cluster.num_jobs=1")


@pytest.fixture
def light(make_list: MakeList, tmp_path: Path) -> Path:
    """The pipeline says how its records are written."""
    done = call("run", *LIGHT, f"source.path={make_list(6)}", f"output={tmp_path / 'light'}")
    assert done.returncode == 0 and "records.txt" in done.stdout, done.stdout + done.stderr
    return tmp_path / "light"


def bodies(run: Path) -> list[dict[str, Any]]:
    return sorted((json.loads(path.read_bytes()) for path in records(run)), key=lambda body: int(body["data_id"]))


def test_it_is_no_training_data_and_says_so_before_anything_is_written(light: Path, tmp_path: Path) -> None:
    assert not (light / "train.txt").exists()
    assert (light / "records.txt").read_text().splitlines() == [
        str(path) for path in sorted(records(light), key=lambda path: json.loads(path.read_bytes())["data_id"])
    ]
    assert len(bodies(light)) == 6 and all("image" not in body for body in bodies(light))
    written = json.loads((light / "run.json").read_bytes())["config"]["write"]
    assert (written["image"], written["short_side"], written["jpeg_quality"]) == ("none", None, 95)
    for wanted in (
        ("jsons2txt", light, tmp_path / "out" / "train.txt"),
        ("export", light, "train_list", tmp_path / "out" / "train.txt"),
        ("export", light, "webdataset", tmp_path / "out"),
        ("export", light, "lmdb", tmp_path / "out"),
        ("export", light, "coco", tmp_path / "out"),
    ):
        refused = call(*wanted)
        assert refused.returncode == 1 and "hold no images: the run has write.image=none" in refused.stderr
        assert not (tmp_path / "out").exists(), wanted
    for kind, *options in (("coco", "pixels=original"), ("voc", "images=false"), ("lmdb", "images=false")):
        exported = call("export", light, kind, tmp_path / kind, *options)
        assert exported.returncode == 0 and "6 records" in exported.stdout, exported.stdout + exported.stderr
    assert call("jsons2txt", light).returncode == 0 and not (light / "train.txt").exists()


def test_it_is_valid_and_a_record_of_another_kind_is_not(light: Path) -> None:
    checked = call("validate", light)
    assert checked.returncode == 0 and "6 records checked, no problems" in checked.stdout, checked.stdout
    (path,) = (path for path in records(light) if json.loads(path.read_bytes())["data_id"] == 0)
    alone = call("validate", path)
    assert alone.returncode == 1 and "image: None is not base64 text" in alone.stdout


def test_texts_findings_and_asides_go_on_into_another_run(light: Path, tmp_path: Path) -> None:
    before = bodies(light)
    assert any(len(body["annos"]) > 1 for body in before) and any(not body["annos"] for body in before)
    for body in before:
        phrases = body["texts"]["said"].get("phrases", [])
        said = [body["texts"]["said"]["text"][p["start"] : p["end"]] for p in phrases]
        assert said == [entry["category_name"] for entry in body["annos"]]
        assert body["found"] == {"said": {"instances": len(body["annos"])}}
        assert body["aside"] == {"said": {"tags": body["tags"]}}
    of_it = (*LIGHT, "source=records", f"source.path={light}")
    same, other = tmp_path / "same", tmp_path / "other"
    kept = call("run", *of_it, "pipeline.steps=[]", f"output={same}")
    assert kept.returncode == 0, kept.stderr
    gone = call("run", *of_it, "source.pixels=record", "pipeline.steps=[]", f"output={tmp_path / 'gone'}")
    assert gone.returncode == 1 and "hold no images" in gone.stderr and "source.pixels=original" in gone.stderr
    assert not (tmp_path / "gone").exists()
    own = ("made_by",)
    assert [{k: v for k, v in body.items() if k not in own} for body in bodies(same)] == [
        {k: v for k, v in body.items() if k not in own} for body in before
    ]
    anew = call("run", *of_it, "pipeline.steps=[ground]", "write.aside=false", f"output={other}")
    assert anew.returncode == 0, anew.stderr
    for body, old in zip(bodies(other), before, strict=True):
        assert body["texts"]["said"] == {"text": old["texts"]["said"]["text"], "source": "template"}, "phrases are void"
        assert body["found"] == old["found"] and "aside" not in body


def test_the_export_for_the_trainer_takes_the_images_from_where_they_are(light: Path, tmp_path: Path) -> None:
    embedded = tmp_path / "embedded"
    of_it = (*LIGHT, "source=records", f"source.path={light}", "caption=fake", "embed=fake")
    assert call("run", *of_it, "pipeline.steps=[caption,embed]", f"output={embedded}").returncode == 0
    exported = call("export", embedded, "instancediffusion", tmp_path / "trained", "short_side=64")
    assert exported.returncode == 0 and "6 records" in exported.stdout, exported.stdout + exported.stderr
    checked = call("validate", tmp_path / "trained" / "train.txt")
    assert checked.returncode == 0 and "6 records checked, no problems" in checked.stdout, checked.stdout


def test_a_list_of_texts_is_a_run_without_images_whatever_is_said(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text('{"caption": "one"}\n{"caption": "two"}\n')
    texts, out = ("--config-dir", FAKES, "pipeline=fake", "rewrite=fake", "pipeline.steps=[rewrite]"), tmp_path / "out"
    done = call("run", *texts, f"source.path={tmp_path / 'list.jsonl'}", "source.image_key=null", f"output={out}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [body["texts"]["rewrite"]["text"] for body in bodies(out)] == ["eno", "owt"]
    assert len((out / "records.txt").read_text().splitlines()) == 2 and not (out / "train.txt").exists()
    checked = call("validate", out)
    assert checked.returncode == 0 and "2 records checked, no problems" in checked.stdout, checked.stdout
    assert call("validate", out / "records.txt").returncode == 1, "nothing that the trainer could read"
