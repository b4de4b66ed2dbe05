"""Texts, videos, images and what is none of them in one list: done, refused or quarantined, each with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.launch import export, validate
from tests.conftest import FAKES, call, records
from tests.fakes import FakeWatch
from tests.support.videos import sound, video, without_frames

KEYS = ("source.video_key=video", "source.caption_key=text", "cluster.num_jobs=1")
BAD = {
    "cut.mp4": "cut off: 10 of 20 frames are there",
    "frameless.mp4": "no ",
    "sound.mp4": "no video in it",
    "words.mp4": "not a video, or a damaged one",
    "gone.mp4": "no such file",
}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    films = {
        "a.mp4": video(),
        "b.webm": video("webm"),
        "c.gif": video("gif"),
        "turned.mp4": video(quarter_turn=True),
        "cut.mp4": video()[:-200],
        "frameless.mp4": without_frames(),
        "sound.mp4": sound(),
        "words.mp4": b"<html>not found</html>",
    }
    for name, data in films.items():
        (folder / name).write_bytes(data)
    Image.effect_noise((40, 30), 90).convert("RGB").save(folder / "a.jpg")
    (folder / "half.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    rows: list[dict[str, Any]] = [{"video": name, "text": f"the film {name}"} for name in (*films, "gone.mp4")]
    rows += [{"image": name, "text": f"the picture {name}"} for name in ("a.jpg", "half.jpg")]
    rows += [{"text": "a text"}, {"text": "a text"}, {"text": "another", "image": None}]
    rows += [{"image": "a.jpg", "video": "a.mp4", "text": "both"}, {"n": 1}, {"video": 7, "text": "seven"}]
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(path: Path, out: Path, step: str, *more: str) -> Any:
    steps = (f"{step}=fake", f"pipeline.steps=[{step}]")
    return call("run", "--config-dir", FAKES, f"source.path={path}", f"output={out}", *steps, *KEYS, *more)


def found(out: Path) -> dict[str, dict[str, Any]]:
    return {body["caption"]: body for body in (json.loads(path.read_bytes()) for path in records(out))}


def reasons(path: Path) -> list[str]:
    return [json.loads(line)["reason"] for line in path.read_text().splitlines()]


def test_each_is_done_or_refused_or_quarantined(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    done = run(mixed, out, "rewrite", "source.identity=row")
    assert done.returncode == 3, done.stdout + done.stderr
    good = ["a.mp4", "b.webm", "c.gif", "turned.mp4"]
    there = found(out)
    assert set(there) == {*(f"the film {name}" for name in good), "the picture a.jpg", "a text", "another", "both"}
    assert len(records(out)) == len(there) + 1  # one text comes twice
    assert there["a text"]["texts"]["rewrite"]["text"] == "txet a" and "image" not in there["a text"]
    film = there["the film turned.mp4"]
    assert film["file_name"] == "turned.mp4" and film["file"]["video"]["width"] == 48 and "image" not in film
    assert "image" in there["both"] and there["both"]["file"]["video"]["frames"] == 20
    said = {
        Path(line["image"]).name: line["reason"]
        for line in map(json.loads, (out / "quarantine.jsonl").read_text().splitlines())
    }
    assert said.keys() == {*BAD, "half.jpg"}
    assert all(said[name].startswith(reason) for name, reason in BAD.items()), said
    refused = reasons(out / "refused.jsonl")
    assert refused[0].startswith("has neither an image nor a video nor a text")
    assert refused[1] == "'video' is a number (7), not the location of a video"
    listed = [Path(line) for name in ("train.txt", "records.txt") for line in (out / name).read_text().splitlines()]
    assert sorted(listed) == sorted(records(out)), "each stands in one of the lists"
    assert len((out / "train.txt").read_text().splitlines()) == 2, "the trainer can read two of them"
    assert all(("image" in json.loads(path.read_bytes())) == (n < 2) for n, path in enumerate(listed))
    assert "records.txt   (7 records of texts or videos)" in done.stdout
    checked = call("validate", out)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (out / "train.txt").write_text("".join(f"{path}\n" for path in listed))
    assert validate.main([str(out)]) == 1 and "7 lines are not finished records" in capsys.readouterr().out
    for format, taken in (("train_list", 2), ("coco", 2), ("webdataset", 2), ("lmdb", 2), ("grand", 2), ("jsonl", 9)):
        to = tmp_path / format / ("to.txt" if format in ("train_list", "jsonl") else "")
        assert export.main([str(out), format, str(to)]) == 0
        said_of_it = capsys.readouterr().out
        assert f"{taken} records" in said_of_it, said_of_it
        assert ("not in it: 7 records of texts or videos" in said_of_it) == (taken == 2)
    assert export.main([str(out), "lmdb", str(tmp_path / "light"), "images=false"]) == 0
    assert "9 records" in capsys.readouterr().out
    shown = call("view", out)
    assert shown.returncode == 0, shown.stdout + shown.stderr


def test_a_video_that_was_mended_is_done_alone(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(mixed, out, "watch").returncode == 3
    before = {path.name: path.stat().st_mtime_ns for path in records(out)}
    watched = {text: body["found"]["watched"] for text, body in found(out).items()}
    assert set(watched) == {*(f"the film {n}" for n in ("a.mp4", "b.webm", "c.gif", "turned.mp4")), "both"}
    assert watched["both"] == watched["the film a.mp4"] != watched["the film turned.mp4"]
    lacking = [reason for reason in reasons(out / "refused.jsonl") if "has no video, which 'watch' reads" in reason]
    assert len(lacking) == 6
    (mixed.parent / "cut.mp4").write_bytes(video())
    assert call("retry", out).returncode == 0
    run(mixed, out, "watch")
    assert found(out)["the film cut.mp4"]["found"]["watched"] == watched["the film a.mp4"]
    after = {path.name: path.stat().st_mtime_ns for path in records(out)}
    assert {name: after[name] for name in before} == before and len(after) == len(before) + 1


def test_a_step_that_looks_at_images_refuses_a_list_without(mixed: Path, tmp_path: Path) -> None:
    films = [row for row in map(json.loads, mixed.read_text().splitlines()) if "image" not in row]
    mixed.write_text("".join(json.dumps(row) + "\n" for row in films))
    refused = run(mixed, tmp_path / "out", "tag")
    assert refused.returncode == 1 and "has no image, which 'tag' reads" in refused.stderr, refused.stderr
    assert not (tmp_path / "out").exists()


def test_what_a_video_shows_does_not_depend_on_its_company(mixed: Path) -> None:
    names = ("a.mp4", "b.webm", "turned.mp4")
    items = [Item(f"{n:016x}", n, "", "", video=name) for n, name in enumerate(names)]
    assert_company_does_not_matter(FakeWatch(), [load(item, str(mixed.parent), Load()) for item in items])
