"""What of a folder is read, in which order, and what is left out of it and said to be."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from labelyard.generate.rows import Entry, Refusal
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.folder import Folder
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.records import Records
from labelyard.generate.sources.train_json import TrainJson
from labelyard.generate.sources.txt import Txt
from labelyard.generate.sources.webdataset import Webdataset
from labelyard.launch.planning.plan import plan
from labelyard.utils.errors import UserError
from labelyard.utils.image_formats import TELLING, format_of
from labelyard.utils.images import decode, is_readable
from tests.conftest import MakeList, call, fake_run, listed

JPEG = b"\xff\xd8\xff\xe0"


def write(path: Path, data: bytes = JPEG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def run_in(folder: Path) -> Path:
    """Of everything that a run makes there: what could be taken for input."""
    run = RunFolder(folder)
    run.make()
    run.write_run({"made_by": {"labelyard": "1", "config": "0"}, "config": {}})
    for name in ("images/depth/00000/a-0.png", "report/thumbnails/a.jpg"):
        write(folder / name)
    for name in ("shards/00000.jsonl", "done/00000.jsonl", "quarantine.jsonl"):
        write(folder / name, b'{"image": "a.jpg", "caption": "of a run"}\n')
    write(folder / "records" / "00000" / "label_a-0.json", b'[{"image": "a.jpg"}]')
    write(folder / "train.txt", b"records/00000/label_a-0.json\n")
    return folder


def images(source: Source) -> list[str]:
    found = [row.image for row in source.entries() if isinstance(row, Entry)]
    assert [image for rows in source.rows() for image in rows.images] == found
    return found


def error_of(source: Source) -> str:
    with pytest.raises(UserError) as caught:
        list(source.entries())
    return str(caught.value)


def test_a_run_in_the_source_folder_is_not_read(make_list: MakeList, tmp_path: Path) -> None:
    make_list(3)
    folder = tmp_path / "pictures"
    command = fake_run(folder, folder / "labels", "source=folder", "cluster.num_jobs=1")  # photos without captions
    done = call("run", *command)
    assert done.returncode == 0 and "3 rows: 3 new items" in done.stdout, done.stderr
    write(folder / "labels" / "report" / "thumbnails" / "a.jpg")
    again = call("run", *command)
    assert again.returncode == 0 and "3 items in 1 shard, as planned before" in again.stdout
    assert "left out of the source: run folders 1\n" in done.stdout and "run folders 1\n" in again.stdout
    assert len(listed(folder / "labels")) == 3
    asked = call("run", *command, "dry_run=true")
    assert "left out   run folders 1\n" in asked.stdout
    for source in (folder / "labels", folder / "labels" / "images"):
        eaten = call("run", *fake_run(source, folder / "labels", "source=folder", "source.caption_key=null"))
        assert eaten.returncode == 1 and "the run would read what it writes. Give another output" in eaten.stderr


@pytest.mark.parametrize("lost", ["nothing", "run.json", "shards"])
def test_no_source_reads_a_run_that_it_was_not_given(tmp_path: Path, lost: str) -> None:
    """Nor one that was just begun, or of which a part was copied."""
    import pyarrow
    import pyarrow.parquet

    lists = tmp_path / "lists"
    row = b'{"image": "mine.jpg", "caption": "x"}'
    write(lists / "a.jsonl", row)
    write(lists / "b.csv", b"image,caption\nmine.jpg,x\n")
    write(lists / "c.txt", b"mine.jpg\n")
    write(lists / "d.json", b"[" + row + b"]")
    pyarrow.parquet.write_table(pyarrow.table({"image": ["mine.jpg"], "caption": ["x"]}), lists / "e.parquet")
    run = run_in(lists / "deep" / "run")
    shutil.copy(lists / "e.parquet", run)
    shutil.copy(lists / "b.csv", run / "b.csv")
    export = lists / "deep" / "export"
    write(export / "export.jsonl", b'{"export":"parquet","options":{},"run":"/run"}\n')
    shutil.copy(lists / "e.parquet", export)
    if lost != "nothing":
        shutil.rmtree(run / lost, ignore_errors=True)
        (run / lost).unlink(missing_ok=True)
    for kind in (Jsonl, Csv, Txt, Parquet):
        source = kind(path=str(lists))
        assert images(source) == ["mine.jpg"]
        assert source.left_out() == {"run folders": 1, "exports": 1}
        pattern = kind(path=f"{lists}/**/*{kind.suffixes[0]}")
        assert images(pattern) == ["mine.jpg"]
        assert pattern.left_out()["run folders"] == 1
        assert "is a run folder, and source=" in error_of(kind(path=str(run)))
    said = error_of(Jsonl(path=f"{lists}/*/*/*.jsonl"))
    assert "but for what Labelyard has made (exports 1, run folders 1)" in said and "say source=records" in said
    named = Jsonl(path=f"{run}/{'done' if lost == 'shards' else 'shards'}/*.jsonl")
    assert images(named) == ["a.jpg"], "what is named is meant"
    assert isinstance(Auto(path=str(run)).chosen, Records)
    assert "is a run folder, and source=folder" in error_of(Folder(path=str(run)))
    assert images(Folder(path=str(run / "images"), caption_key=None)) == ["depth/00000/a-0.png"]


def test_auto_is_not_confused_by_a_run(tmp_path: Path) -> None:
    write(tmp_path / "f" / "a.jpg")
    run_in(tmp_path / "f" / "labels")
    auto = Auto(path=str(tmp_path / "f"), caption_key=None)
    assert isinstance(auto.chosen, Folder)
    assert images(auto) == ["a.jpg"] and auto.left_out() == {"run folders": 1}


def test_a_run_json_of_somebody_else_is_no_run(tmp_path: Path) -> None:
    write(tmp_path / "a" / "one.jpg")
    write(tmp_path / "a" / "run.json", b'{"learning rate": 0.1}')
    write(tmp_path / "a" / "shards" / "two.jpg")
    write(tmp_path / "a" / "export.jsonl", b'{"image": "x"}\n')
    assert images(Folder(path=str(tmp_path), caption_key=None)) == ["a/one.jpg", "a/shards/two.jpg"]


def test_what_is_in_a_file_counts_and_not_its_name(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20), "red")  # Pillow 10 makes no ICO of what is smaller than 16
    names = {
        **{"a.jfif": "JPEG", "b.jpe": "JPEG", "c": "JPEG", "d.jpg~": "JPEG", "e.JPG_large": "JPEG", "f.1": "PNG"},
        **{"g.dat": "WEBP", "h.x": "TIFF", "i.x": "GIF", "j.x": "BMP", "k.x": "PPM", "l.x": "JPEG2000", "m.x": "ICO"},
    }
    for name, kind in names.items():
        picture.save(tmp_path / name, kind)
    (tmp_path / "c.txt").write_text("no ending, and a caption")
    (tmp_path / "d.txt").write_text("a copy that an editor made")
    os.mkfifo(tmp_path / "n")
    write(tmp_path / "o.x", b"BMW is no bitmap, nor is this P6 of a PPM")
    write(tmp_path / "p", b"")
    write(tmp_path / "q.nef", b"II*\0 begins as TIFF does")
    write(tmp_path / "r.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    write(tmp_path / "s", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    write(tmp_path / "t.MP4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42")
    write(tmp_path / "u.txt", b"beside nothing")
    write(tmp_path / "v.json", b"{}")
    write(tmp_path / "w.tar", JPEG)
    write(tmp_path / ".hidden.jpg")
    write(tmp_path / ".git" / "x.jpg")
    source = Folder(path=str(tmp_path))
    assert images(source) == sorted(names)
    captions = {row.image: row.caption for row in source.entries() if isinstance(row, Entry)}
    assert captions["c"] == "no ending, and a caption" and captions["d.jpg~"] == "a copy that an editor made"
    assert source.left_out() == {
        **{"without an ending": 2, ".x": 1, "videos": 1, ".txt": 1, ".json": 1, ".tar": 1, "hidden": 2},
        "raw photos (not readable here; convert them to JPEG or PNG)": 1,
        "HEIC (not readable here; convert them to JPEG or PNG)": 2,
    }


def test_avif_where_pillow_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf")
    shutil.copy(tmp_path / "a.avif", tmp_path / "b")
    write(tmp_path / "c.jpg")
    for reads, expected in ((True, ["a.avif", "b", "c.jpg"]), (False, ["c.jpg"])):
        monkeypatch.setattr("labelyard.generate.sources.folder.is_readable", lambda name, reads=reads: reads)
        source = Folder(path=str(tmp_path), caption_key=None)
        assert images(source) == expected
    assert source.left_out() == {"AVIF (this Pillow can't read it: pip install -U pillow)": 2}


def test_formats_are_told_by_what_pillow_writes() -> None:
    import io

    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "PPM", "ICO", "QOI", "AVIF"):
        if name in ("QOI", "AVIF") and not is_readable("AVIF"):
            continue  # a Pillow of before
        for mode in ("RGB", "RGB" if name == "QOI" else "L"):
            buffer = io.BytesIO()
            Image.new(mode, (40, 30)).save(buffer, name)
            assert format_of(buffer.getvalue()[:TELLING]) == name
            assert decode(buffer.getvalue(), 10_000, 10).facts["format"] == name
    for text in (b"", b"P", b"P5 is a process", b"BM", b"<html>", b"\0" * 64, b"GIF", b"RIFF1234WAVE", b"II"):
        assert format_of(text) is None


def test_links_to_folders_are_followed_and_end(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top / "b.jpg")
    write(top / "real" / "r.jpg")
    write(top / ".store" / "s.jpg")
    write(tmp_path / "outside" / "o.jpg")
    write(tmp_path / "outside" / "deep" / "d.jpg")
    (top / "a").symlink_to(tmp_path / "outside")  # followed
    (top / "again").symlink_to(tmp_path / "outside" / "deep")  # has been read by then
    (top / "also").symlink_to("real")  # is read at its own place
    (top / "real" / "up").symlink_to("..")
    (top / "self").symlink_to("self")
    (top / "stored").symlink_to(".store")  # else nobody would read it
    (top / "z").symlink_to(tmp_path)  # from above the folder down to it
    (tmp_path / "outside" / "back").symlink_to(top)
    source = Folder(path=str(top), caption_key=None)
    assert images(source) == ["b.jpg", "a/o.jpg", "a/deep/d.jpg", "real/r.jpg", "stored/s.jpg"]
    assert source.left_out() == {"links to folders that are read anyhow": 6, "hidden": 1, "without an ending": 1}
    before = source.fingerprint()
    write(tmp_path / "outside" / "new.jpg")
    assert source.fingerprint() != before, "what is new behind a link is noticed"
    (top / "run").symlink_to(run_in(tmp_path / "elsewhere"))
    assert "run/images/depth/00000/a-0.png" not in images(source) and source.left_out()["run folders"] == 1
    write(tmp_path / "outside" / "deep" / "list.txt", b"x.jpg\n")
    assert images(Txt(path=str(top))) == ["x.jpg"], "lists behind links, too"
    assert images(Txt(path=f"{top}/**/list.txt")) == ["x.jpg"], "and no pattern goes round a circle"


def test_what_was_read_before_comes_in_the_same_order(tmp_path: Path) -> None:
    names = ["B.jpg", "a.png", "b/2.jpg", "b/1/x.jpg", "b/1.jpg", "A/z.jpg", "ä/k.jpg", "b.jpg/q.gif"]
    for name in names:
        write(tmp_path / name)
    expected = []
    for folder, below, files in os.walk(tmp_path):  # as the first version had it
        below.sort()
        expected += [Path(folder, name).relative_to(tmp_path).as_posix() for name in sorted(files)]
    assert images(Folder(path=str(tmp_path), caption_key=None)) == expected


def test_a_link_to_nothing_is_refused_and_stops_nobody(tmp_path: Path) -> None:
    write(tmp_path / "f" / "a.jpg")
    (tmp_path / "f" / "b.jpg").symlink_to("gone.jpg")
    (tmp_path / "f" / "c.csv").symlink_to("gone.csv")
    source = Folder(path=str(tmp_path / "f"), caption_key=None)
    folder = RunFolder(tmp_path / "out")
    folder.make()
    planned = plan(folder, source, None, None, lambda seen: None)
    (latest,) = planned.passes
    assert (latest.rows, latest.items, latest.refused, latest.left_out) == (2, 1, 1, {".csv": 1})
    assert json.loads(folder.refused.read_text())["reason"] == "a link to nothing: gone.jpg"
    assert plan(folder, source, None, None, lambda seen: None) == planned
    (refusal,) = [row for row in source.entries() if isinstance(row, Refusal)]
    assert refusal.where == str(tmp_path / "f" / "b.jpg")


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    write(tmp_path / "list.jsonl", b"{}")
    run_in(tmp_path / "run")
    said = error_of(Folder(path=str(tmp_path)))
    assert "no image in this folder or below it; left out: " in said and "run folders 1" in said
    assert "videos 1" in said and ".jsonl 1" in said and "give the list as source.path" in said


def test_kinds_are_told_the_most_frequent_first_and_bounded(tmp_path: Path) -> None:
    from labelyard.generate.sources.common.input_folder import KINDS, InputFolder, told

    folder = InputFolder(tmp_path)
    for n in range(2 * KINDS):
        folder.leave_out(f"a.{n}")
    for _ in range(3):
        folder.leave_out("b.csv")
    folder.leave_out("c.no ending at all")
    assert len(folder.left_out) <= KINDS + 1
    assert told({".a": 1, ".b": 3}) == ".b 3, .a 1"
    assert told({f".{n}": 1 for n in range(20)}).endswith(", others 8")


@pytest.mark.parametrize("kind", [TrainJson, Webdataset])
def test_a_list_in_a_run_folder_is_read_where_it_is_named(tmp_path: Path, kind: type[Source]) -> None:
    run = run_in(tmp_path / "run")
    if kind is TrainJson:
        assert images(TrainJson(path=str(run / "records" / "00000" / "label_a-0.json"))) == ["a.jpg"]
    else:
        assert "is a run folder, and source=webdataset" in error_of(Webdataset(path=str(run)))


def test_photos_have_no_captions_as_a_rule_but_may_have_misnamed_ones(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg")
    (row,) = Folder(path=str(tmp_path)).entries()
    assert isinstance(row, Entry) and row.has_caption
    write(tmp_path / "a.json", b'{"text": "a cat"}')
    (row,) = Folder(path=str(tmp_path)).entries()
    assert isinstance(row, Entry) and not row.has_caption
