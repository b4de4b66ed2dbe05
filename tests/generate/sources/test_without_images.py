"""Rows of text, of videos, of images and of nothing, mixed: in every format, for a pipeline that reads this or that."""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.pipeline import Pipeline, needs
from labelyard.generate.record import Item, item_id
from labelyard.generate.rows import Entry, Refusal
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.folder import Folder
from labelyard.generate.sources.hf import Hf
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.train_json import TrainJson
from labelyard.generate.sources.tsv import Tsv
from labelyard.generate.sources.txt import Txt
from labelyard.generate.sources.webdataset import Webdataset
from labelyard.launch.planning.plan import plan
from labelyard.utils.errors import UserError
from tests.conftest import call, fake_run
from tests.fakes import FakeRewrite, FakeTags
from tests.generate.sources.formats import add

Row = dict[str, Any]
MIXED: list[Row] = [
    {"image": "a.jpg", "film": None, "caption": "a picture", "n": 0},
    {"image": None, "film": None, "caption": "a text", "n": 1},
    {"image": None, "film": "b.mp4", "caption": None, "n": 2},
    {"image": "c.jpg", "film": "c.webm", "caption": "both", "n": 3},
    {"image": None, "film": None, "caption": None, "n": 4},
    {"image": None, "film": None, "caption": "another text", "n": 5},
]
ITEMS = [("a.jpg", "", "a picture"), ("", "", "a text"), ("", "b.mp4", ""), ("c.jpg", "c.webm", "both")]
ITEMS += [("", "", "another text")]
KEYS = {"video_key": "film"}


def train_json(rows: list[Row], to: Path, **said: Any) -> Source:
    (to / "list.json").write_text(json.dumps(rows))
    return TrainJson(path=str(to / "list.json"), **said)


def jsonl(rows: list[Row], to: Path, **said: Any) -> Source:
    """What is null in the others is not even a key."""
    lines = ({key: value for key, value in row.items() if value is not None} for row in rows)
    (to / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Jsonl(path=str(to / "list.jsonl"), **said)


def _table(rows: list[Row], path: Path, delimiter: str) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def csv_(rows: list[Row], to: Path, **said: Any) -> Source:
    _table(rows, to / "list.csv", ",")
    return Csv(path=str(to / "list.csv"), **said)


def tsv(rows: list[Row], to: Path, **said: Any) -> Source:
    _table(rows, to / "list.tsv", "\t")
    return Tsv(path=str(to / "list.tsv"), **said)


def parquet(rows: list[Row], to: Path, **said: Any) -> Source:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), to / "list.parquet")
    return Parquet(path=str(to / "list.parquet"), **said)


def hf(rows: list[Row], to: Path, **said: Any) -> Source:
    import datasets

    datasets.Dataset.from_list(rows).save_to_disk(str(to / "saved"))
    return Hf(path=str(to / "saved"), **said)


FORMATS = [train_json, jsonl, csv_, tsv, parquet, hf]


def seen(source: Source) -> list[tuple[str, str, str]]:
    return [(row.image, row.video, row.caption) for row in source.entries() if isinstance(row, Entry)]


def refusals(source: Source) -> list[str]:
    return [row.reason for row in source.entries() if isinstance(row, Refusal)]


def planned(source: Source, to: Path) -> list[Item]:
    folder = RunFolder(to)
    folder.make()
    known = plan(folder, source, None, None, lambda _: None)
    return [item for number in range(known.shards) for item in folder.items(number)]


@pytest.mark.parametrize("made", FORMATS)
def test_a_mixed_list_for_a_pipeline_that_reads_captions(made: Callable[..., Source], tmp_path: Path) -> None:
    source = made(MIXED, tmp_path, **KEYS)
    source.serve({})
    assert seen(source) == ITEMS
    assert len(refusals(source)) == 1 and refusals(source)[0].startswith("has neither an image nor a video nor a text")
    items = planned(source, tmp_path / "out")
    assert [(item.image, item.video, item.caption) for item in items] == ITEMS
    assert [int(item.given["n"]) for item in items] == [0, 1, 2, 3, 5]
    assert [item.id for item in items] == [item_id(image, caption, video) for image, video, caption in ITEMS]


@pytest.mark.parametrize("made", FORMATS)
def test_a_pipeline_that_reads_an_image_refuses_the_rows_without(made: Callable[..., Source], tmp_path: Path) -> None:
    source = made(MIXED, tmp_path, **KEYS)
    source.serve(needs({"rewrite": FakeRewrite(), "tag": FakeTags(), "again": FakeTags()}))
    assert seen(source) == [ITEMS[0], ITEMS[3]]
    said = refusals(source)
    assert len(said) == 4 and all(reason.startswith("has no image, which 'tag' reads: ") for reason in said), said
    source.serve({"video": "watch"})
    assert seen(source) == ITEMS[2:4] and all("has no video, which 'watch' reads" in r for r in refusals(source))


@pytest.mark.parametrize("made", FORMATS)
def test_a_list_without_any_image_is_refused_at_once(made: Callable[..., Source], tmp_path: Path) -> None:
    rows = [{"image": None, "caption": f"text {n}"} for n in range(3)]
    source = made(rows, tmp_path)
    source.serve({"image": "tag"})
    with pytest.raises(UserError, match=r"has no image, which 'tag' reads.*none of the first rows is an item"):
        source.peek()
    source.serve({})
    source.peek()
    assert len(seen(source)) == 3


@pytest.mark.parametrize("made", FORMATS)
def test_a_list_that_knows_no_image_at_all(made: Callable[..., Source], tmp_path: Path) -> None:
    rows = [{"caption": f"text {n}", "image": "a word"} for n in range(3)]
    source = made(rows, tmp_path, image_key=None)
    source.serve({})
    assert seen(source) == [("", "", f"text {n}") for n in range(3)]
    assert planned(source, tmp_path / "out")[2].given == {"image": "a word"}
    assert source.brings() == ("caption",)
    with pytest.raises(UserError, match=r"'tag' reads image, and .* rows bring caption. .*image_key"):
        Pipeline({"tag": FakeTags()}, brought=source.brings())
    Pipeline({"rewrite": FakeRewrite()}, brought=source.brings())


def test_a_text_file_of_texts_and_one_of_videos(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("one\ntwo\n\nthree\n")
    for lines, brought in (("texts", ("caption",)), ("videos", ("video",)), ("images", ("image",))):
        source = Txt(path=str(path), lines=lines)
        source.serve({})
        assert source.brings() == brought
        found = [{"texts": row[2], "videos": row[1], "images": row[0]}[lines] for row in seen(source)]
        assert found == ["one", "two", "three"]
        items = planned(source, tmp_path / lines)
        assert [(item.image, item.video, item.caption) for item in items] == seen(source)


def test_samples_of_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        add(tar, "0.jpg", b"x" * 10)
        add(tar, "0.txt", b"a picture")
        add(tar, "1.txt", b"a text")
        add(tar, "2.mp4", b"y" * 20)
        add(tar, "3.jpg", b"x" * 30)
        add(tar, "3.mp4", b"y" * 40)
        add(tar, "4.mp4", b"y")
        add(tar, "4.webm", b"y")
        add(tar, "5.json", b"{}")
    source = Webdataset(path=str(path), videos=True)
    source.serve({})
    rows = [("0.tar#0.jpg", "", "a picture"), ("", "", "a text"), ("", "0.tar#2.mp4", "")]
    assert seen(source) == [*rows, ("0.tar#3.jpg", "0.tar#3.mp4", "")]
    assert ["several videos" in reason or "neither" in reason for reason in refusals(source)] == [True, True]
    places = [row.place for row in source.entries() if isinstance(row, Entry)]
    assert [p and (p.get("bytes"), p.get("video", {}).get("bytes")) for p in places] == [
        (10, None),
        None,
        (None, 20),
        (30, 40),
    ]
    source.videos = False
    assert seen(source) == [*rows[:2], ("0.tar#3.jpg", "", "")]


def test_videos_in_a_folder(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.mp4", "c.webm"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b.txt").write_text("a film\n")
    source = Folder(path=str(tmp_path))
    assert seen(source) == [("a.jpg", "", "")] and source.left_out()["videos"] == 2
    source = Folder(path=str(tmp_path), videos=True)
    source.serve({})
    assert seen(source) == [("a.jpg", "", ""), ("", "b.mp4", "a film"), ("", "c.webm", "")]
    assert not source.left_out() and source.brings() == ("image", "video", "caption")
    source.serve({"image": "tag"})
    assert refusals(source) == ["has no image, which 'tag' reads"] * 2


def test_who_recognises_a_list_hands_on_what_is_needed_of_it(tmp_path: Path) -> None:
    jsonl(MIXED, tmp_path)
    source = Auto(path=str(tmp_path / "list.jsonl"), video_key="film")
    source.serve({"image": "tag"})
    assert len(seen(source)) == 2 and "which 'tag' reads" in refusals(source)[0]
    assert source.brings() == ("image", "video", "caption")


def test_of_two_items_with_one_image_the_videos_differ() -> None:
    ids = {item_id("a.jpg", "x"), item_id("a.jpg", "x", "b.mp4"), item_id("a.jpg", "x", "c.mp4"), item_id("", "x")}
    assert len({*ids, item_id("", "x", "a.jpg")}) == 5
    assert item_id("a.jpg", "x") == "e25ccc884607ca8f"


def test_nothing_is_written_for_a_list_without_images(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps({"caption": f"text {n}"}) + "\n" for n in range(5)))
    for said, reason in (
        ([], "has no image, which"),
        (["source.image_key=null"], "and the list has none"),
    ):
        out = tmp_path / "out"
        done = call("run", *fake_run(path, out, *said))
        assert done.returncode == 1 and reason in done.stderr, done.stdout + done.stderr
        assert not out.exists()


@pytest.mark.parametrize("made", [parquet, hf])
def test_of_a_table_with_images_inside_rows_without_one_are_texts(made: Callable[..., Source], tmp_path: Path) -> None:
    cells = [{"bytes": b"JPEG", "path": "x.jpg"}, None, {"bytes": None, "path": None}, {"bytes": None, "path": "y.jpg"}]
    texts = ("inside", "none", "neither", "elsewhere")
    rows = [{"image": cell, "caption": text} for cell, text in zip(cells, texts, strict=True)]
    source = made(rows, tmp_path)
    source.serve({})
    items = planned(source, tmp_path / "out")
    assert [(item.caption, bool(item.image), bool(item.place)) for item in items] == [
        ("inside", True, True),
        ("none", False, False),
        ("neither", False, False),
        ("elsewhere", True, False),
    ]
    assert items[3].image == "y.jpg" and RunFolder(tmp_path / "out").read_plan().passes[0].imageless == 2
