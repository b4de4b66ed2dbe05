"""A list under another name, in another place, in another format; and what is said of places where no list can be."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import read
from labelyard.generate.record import Item
from labelyard.generate.rows import Entry
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import build
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.coco import Coco
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.train_json import TrainJson
from labelyard.generate.sources.tsv import Tsv
from labelyard.generate.sources.txt import Txt
from labelyard.launch.config.compose import composed
from labelyard.launch.planning.plan import plan
from labelyard.launch.run import main
from labelyard.launch.starting.places import check_moved
from labelyard.launch.starting.request import Wish, wished
from labelyard.launch.starting.run_json import compare, frozen, settle
from labelyard.utils.errors import UserError
from labelyard.utils.locations import how_to_fetch, local
from tests.conftest import FAKES

ROWS = [{"image": f"pictures/{n}.jpg", "caption": f"picture {n}", "licence": "CC0"} for n in range(3)]


def table(path: Path, rows: list[dict[str, str]] = ROWS, delimiter: str = ",", above: str = "") -> Path:
    with path.open("w", newline="") as file:
        file.write(above)
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_json(folder: Path) -> list[str]:
    (folder / "a.json").write_text(json.dumps(ROWS))
    return [f"source.path={folder}/a.json"]


def as_lines(folder: Path) -> list[str]:
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode()))
    return [f"source.path={folder}/b.jsonl.gz"]


def as_table(folder: Path) -> list[str]:
    return [f"source.path={table(folder / 'c.csv', delimiter=';')}", "source=csv", "source.encoding=latin-1"]


def as_tabs(folder: Path) -> list[str]:
    return [f"source.path={table(folder / 'd.txt', delimiter=chr(9))}", "source=tsv"]


def wrapped(folder: Path) -> list[str]:
    (folder / "e.json").write_text(json.dumps({"version": 2, "data": ROWS}))
    return [f"source.path={folder}/e.json", "source=train_json", "source.list_key=data"]


def asked(*overrides: str) -> Wish:
    return wished(composed(["output=out", "pipeline=fake", *overrides], directory=FAKES))


def planned(folder: RunFolder, wish: Wish) -> tuple[int, int]:
    """As `start` does it: items that are new, and those that were planned before."""
    check_moved(folder, wish.source, wish.config["image_root"])
    settle(folder, wish.config, wish.steps, wish.location)
    latest = plan(folder, wish.source, None, None, lambda seen: None).passes[-1]
    return latest.items, latest.known


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run on the list as JSON."""
    (tmp_path / "pictures").mkdir()
    for n in range(3):
        (tmp_path / "pictures" / f"{n}.jpg").write_bytes(b"x")
    folder = RunFolder(tmp_path / "out")
    folder.make()
    assert planned(folder, asked(*as_json(tmp_path))) == (3, 0)
    return folder


@pytest.mark.parametrize("write", [as_lines, as_table, as_tabs, wrapped], ids=lambda write: write.__name__)
def test_the_same_list_in_another_format_goes_on(
    write: Callable[[Path], list[str]], run: RunFolder, tmp_path: Path
) -> None:
    for _ in range(2):
        assert planned(run, asked(*write(tmp_path))) == (0, 3)
    assert planned(run, asked(*as_json(tmp_path))) == (0, 3), "and back"
    assert run.read_plan().items == 3 and run.read_run()["config"]["source"]["path"] == str(tmp_path / "a.json")


def test_a_list_that_moved_with_its_images_goes_on(run: RunFolder, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("pictures", "a.json"):
        shutil.move(tmp_path / name, moved / name)
    shutil.move(moved / "a.json", moved / "renamed.json")
    before = run.read_run()
    assert planned(run, asked(f"source.path={moved}/renamed.json")) == (0, 3)
    now = run.read_run()
    assert now["config"]["image_root"] == str(moved), "exports read the images from there, too"
    assert now["config"]["source"]["path"] == str(moved / "renamed.json")
    assert {**now, "config": None} == {**before, "config": None}, "and what the run is, is as it was"
    assert now["made_by"] == frozen(asked(f"source.path={moved}/renamed.json").config, {})["made_by"]


def test_a_list_that_moved_alone_has_lost_its_images(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "a.json", tmp_path / "moved")
    with pytest.raises(UserError, match=rf"pictures/0.jpg is not in .*/moved, but is in .* source.root={tmp_path}$"):
        planned(run, asked(f"source.path={tmp_path}/moved/a.json"))
    assert planned(run, asked(f"source.path={tmp_path}/moved/a.json", f"source.root={tmp_path}")) == (0, 3)


def test_other_items_are_new_ones_as_of_a_longer_list(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "more.json").write_text(json.dumps([*ROWS[1:], {"image": "pictures/4.jpg", "caption": "new"}]))
    assert planned(run, asked(f"source.path={tmp_path}/more.json")) == (1, 2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["source.image_key=file"], 'source.image_key: "image" in the run, "file" now'),
        (["source.caption_key=licence"], 'source.caption_key: "caption" in the run, "licence" now'),
        (["source=jsonl", "source.keep=[]"], "source.keep: null in the run, [] now"),
        (["source=csv", "source.caption_key=null"], 'source.caption_key: "caption" in the run, null now'),
    ],
)
def test_what_would_make_other_data_is_refused(run: RunFolder, tmp_path: Path, given: list[str], told: str) -> None:
    wish = asked(*given, f"source.path={tmp_path}/a.json")
    with pytest.raises(UserError) as caught:
        compare(run, wish.config, "out")
    assert told in str(caught.value) and "of two kinds" in str(caught.value)


def test_formats_are_not_told_apart_by_what_nobody_has_said(tmp_path: Path) -> None:
    """A list of paths has no captions, by its format; the run on it must go on under source=auto and source=txt."""
    (tmp_path / "a.txt").write_text("1.jpg\n2.jpg\n")
    folder = RunFolder(tmp_path / "out")
    folder.make()
    assert planned(folder, asked(f"source.path={tmp_path}/a.txt")) == (2, 0)
    assert planned(folder, asked(f"source.path={tmp_path}/a.txt", "source=txt")) == (2, 0), "the same reading"
    table(tmp_path / "b.csv", [{"image": "1.jpg"}, {"image": "2.jpg"}])
    with_nulls = asked(f"source.path={tmp_path}/b.csv", "source.caption_key=null")
    with pytest.raises(UserError, match=r'source.caption_key: "caption" in the run, null now'):
        planned(folder, with_nulls)


def test_the_same_file_read_in_another_way_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"train": ROWS[:2], "test": ROWS[2:]}))
    folder = RunFolder(tmp_path / "out")
    folder.make()
    path = f"source.path={tmp_path}/a.json"
    assert planned(folder, asked(path, "source=train_json", "source.list_key=train")) == (2, 0)
    assert planned(folder, asked(path, "source=train_json", "source.list_key=test")) == (1, 0)


def test_other_captions_beside_the_same_coco_file_are_noticed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"images": [], "annotations": []}))
    prints = [Coco(path="a.json", captions_path=f"{name}.json").fingerprint() for name in ("a", "b", "b")]
    assert prints[0] != prints[1] == prints[2]


# What divides the fields of a table.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("kind", [Csv, Tsv])
def test_what_divides_the_fields_is_found_out(tmp_path: Path, kind: type[Csv], delimiter: str) -> None:
    rows = [{"image": "a,b;c.jpg", "caption": 'says "hi"; or, x|y\tz', "licence": "CC0"}, *ROWS]
    source = kind(path=str(table(tmp_path / "list.csv", rows, delimiter)))
    assert [(row.image, row.caption, row.given) for row in source.entries() if isinstance(row, Entry)] == [
        (row["image"], row["caption"], {"licence": "CC0"}) for row in rows
    ]
    assert [image for many in source.rows() for image in many.images] == [row["image"] for row in rows]


def images(source: Source) -> list[str]:
    return [row.image for row in source.entries() if isinstance(row, Entry)]


def error_of(source: Source) -> str:
    with pytest.raises(UserError) as caught:
        list(source.entries())
    return str(caught.value)


def test_what_divides_the_fields_may_be_said(tmp_path: Path) -> None:
    path = table(tmp_path / "list.csv", delimiter="#")
    assert "has no 'image'; its keys are image#caption#licence" in error_of(Csv(path=str(path)))
    assert images(Csv(path=str(path), delimiter="#")) == [row["image"] for row in ROWS]
    for name, letter in {"semicolon": ";", "pipe": "|", "tab": "\t", "\\t": "\t", "comma": ","}.items():
        assert Csv(path="x", delimiter=name).delimiter == letter
    with pytest.raises(UserError, match=r"source.delimiter=ab: give comma, semicolon, tab, pipe or one letter"):
        Csv(path="x", delimiter="ab")


def test_the_keys_of_a_table_without_the_right_ones_are_told_apart(tmp_path: Path) -> None:
    renamed = [{"bild": row["image"], "text": row["caption"]} for row in ROWS]
    said = error_of(Csv(path=str(table(tmp_path / "list.csv", renamed, ";"))))
    assert "has no 'image'; its keys are bild, text." in said
    assert images(Csv(path=str(tmp_path / "list.csv"), image_key="bild", caption_key="text")) == [
        row["image"] for row in ROWS
    ]


def test_the_usual_one_counts_where_both_would_do(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image\na;b.jpg\n")
    assert images(Csv(path=str(tmp_path / "list.csv"), caption_key=None)) == ["a;b.jpg"]
    (tmp_path / "no-header.csv").write_text("a,1.jpg;b\nc.jpg;d\n")
    without = Csv(path=str(tmp_path / "no-header.csv"), header=["image", "caption"])
    assert images(Csv(path=str(tmp_path / "no-header.csv"), header=["image", "caption"], delimiter=";")) == [
        "a,1.jpg",
        "c.jpg",
    ]
    said = error_of(without)
    assert "Is there a ',' or a quotation mark" in said and "source.delimiter=semicolon" in said


def test_the_line_that_excel_puts_above_a_table(tmp_path: Path) -> None:
    path = table(tmp_path / "list.csv", delimiter=";", above="sep=;\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert images(Csv(path=str(path))) == [row["image"] for row in ROWS]


# Lists in objects.


def test_a_list_in_an_object(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    body = {"info": {"tags": ["a"], "by": [["x"]]}, "empty": [], "sets": {"train": ROWS}}
    path.write_text(json.dumps(body))
    said = error_of(Auto(path=str(path)))
    assert "holds an object, not a list. Its key 'sets.train' holds one" in said
    assert said.endswith("source=train_json source.list_key=sets.train")
    inside = TrainJson(path=str(path), list_key="sets.train")
    assert images(inside) == [row["image"] for row in ROWS]
    assert [image for rows in inside.rows() for image in rows.images] == [row["image"] for row in ROWS]
    assert "Did you mean source.list_key=sets.train?" in error_of(TrainJson(path=str(path), list_key="set"))
    path.write_text(json.dumps(body)[:-40])
    assert "is not whole JSON: after entry" in error_of(TrainJson(path=str(path), list_key="sets.train"))
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"data": ROWS}).encode())
    assert len(images(TrainJson(path=str(path), list_key="data"))) == 3
    path.write_text(json.dumps({"a.jpg": "no list at all"}))
    assert "say source=jsonl; else wrap the entries in [ … ]" in error_of(TrainJson(path=str(path)))


def test_an_object_around_a_list_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text(json.dumps({"data": ROWS}))
    with pytest.raises(UserError, match=r"source=train_json source.list_key=data\)"):
        Jsonl(path=str(tmp_path / "list.jsonl")).peek()


# Places where no list can be.


@pytest.mark.parametrize("kind", [Auto, Jsonl, TrainJson, Csv, Txt, Coco])
@pytest.mark.parametrize("name", ["list.json", "list.jsonl", "list.csv", "list.txt", "list"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, kind: type[Source], name: str) -> None:
    os.mkfifo(tmp_path / name)
    said = error_of(kind(path=str(tmp_path / name)))
    assert f"source.path={tmp_path / name} is a pipe or device, not a file" in said and "Write it to a file" in said
    assert "is a pipe or device" in error_of(kind(path="/dev/null"))


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("https://example.org/a b.json", "curl -LO 'https://example.org/a b.json'"),
        ("s3://bucket/list.json", "aws s3 cp s3://bucket/list.json ."),
        ("s3://bucket/tars", "aws s3 cp --recursive s3://bucket/tars ."),
        ("gs://bucket/list.json", "gcloud storage cp gs://bucket/list.json ."),
        ("hf://datasets/who/what", "hf download who/what --repo-type dataset --local-dir ."),
        ("hf://datasets/who/what/a/b.parquet", "hf download who/what a/b.parquet --repo-type dataset --local-dir ."),
        ("azure://x/y", ""),
    ],
)
def test_a_url_is_told_how_to_be_fetched(url: str, command: str) -> None:
    assert how_to_fetch(url) == command
    for option in ("path", "root", "captions_path"):
        with pytest.raises(UserError) as caught:
            build({"_target_": "labelyard.generate.sources.coco.Coco", "path": "list.json", option: url})
        said = str(caught.value)
        assert f"source.{option}={url} is a URL" in said and f"Fetch it {'first' if command else 'to'}" in said
        assert command in said


def test_a_url_is_refused_before_anything_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source.path=s3://bucket/list.json", "output=out"]) == 1
    assert "aws s3 cp s3://bucket/list.json ." in capsys.readouterr().err and not Path("out").exists()


def test_file_urls_and_the_home_folder_simply_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "100%25.jpg").write_bytes(b"x")
    (tmp_path / "a b" / "list.txt").write_text("100%25.jpg\n")
    for path in ("~/a b/list.txt", f"file://{tmp_path}/a%20b/list.txt", f"file://localhost{tmp_path}/a b/list.txt"):
        for source in (Auto(path=path), Txt(path=path)):
            assert images(source) == ["100%25.jpg"] and source.image_root() == str(tmp_path / "a b")
    for location in ("~/a b/100%25.jpg", f"file://{tmp_path}/a b/100%25.jpg", f"file://{tmp_path}/a%20b/100%2525.jpg"):
        assert read(item(location), "/root/of/others") == b"x"
    Path("~").mkdir()
    assert local("~") == "~", "what is there under that very name is meant"


def item(location: str) -> Item:
    return Item("0" * 16, 0, location, "")


def test_urls_in_a_list(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"image": "https://example.org/a.jpg", "caption": "x"}]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match=r"first image is 'https://example.org/a.jpg', a URL.*img2dataset.*image_key"):
        Auto(path=str(tmp_path / "list.json")).peek()
    (tmp_path / "list.json").write_text(json.dumps([*ROWS, *rows]))
    Auto(path=str(tmp_path / "list.json")).peek()
    with pytest.raises(ItemError, match=r"^a URL; fetch it .*img2dataset.*load.urls=true: https://"):
        read(item("https://example.org/a.jpg"), str(tmp_path))
    mirrored = tmp_path / "https:" / "example.org"
    mirrored.mkdir(parents=True)
    (mirrored / "a.jpg").write_bytes(b"x")
    assert read(item("https://example.org/a.jpg"), str(tmp_path)) == b"x", "as wget -r leaves it"
