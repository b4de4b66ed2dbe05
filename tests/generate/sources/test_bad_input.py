"""What bad input gets: an error with file and row where the list is unusable, a refusal that is counted for one row."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import read
from labelyard.generate.record import Item
from labelyard.generate.rows import Entry, Refusal
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
from labelyard.utils.errors import UserError
from tests.conftest import MakeList, call, fake_run, listed
from tests.generate.sources.formats import add


def error_of(source: Source) -> str:
    with pytest.raises(UserError) as caught:
        list(source.entries())
    with pytest.raises(UserError) as together:
        list(source.rows())
    assert str(together.value) == str(caught.value), "thousands at a time"
    return str(caught.value)


def refusals(source: Source) -> list[str]:
    found = [str(row) for row in source.entries() if isinstance(row, Refusal)]
    assert [str(row) for rows in source.rows() for _, row in rows.refused] == found, "thousands at a time"
    return found


def good(source: Source) -> list[str]:
    return [row.image for row in source.entries() if isinstance(row, Entry)]


def test_a_ragged_table(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('image,caption\na.jpg,one\n"b.jpg","two\nlines"\nc.jpg,three, and more\n')
    said = error_of(Csv(path=str(path)))
    assert f"{path}, row 3 (it ends on line 5) has 3 fields, the header has 2" in said and "c.jpg,three" in said
    path.write_text('image\tcaption\na.jpg\t"a stray quote\nb.jpg\ttwo\n')
    assert "source.quotes=false" in error_of(Tsv(path=str(path)))
    assert good(Tsv(path=str(path), quotes=False)) == ["a.jpg", "b.jpg"]


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "list.csv").write_text("images,caption,url\na.jpg,one,x\n")
    pyarrow.parquet.write_table(pyarrow.table({"images": ["a"], "caption": ["b"]}), tmp_path / "list.parquet")
    for name in ("list.csv", "list.parquet"):
        said = error_of(Auto(path=str(tmp_path / name)))
        assert "has no 'image'; its keys are images, caption" in said and "source.image_key=images?" in said
    assert "(source.caption_key=null if there are no captions)" in error_of(
        Csv(path=str(tmp_path / "list.csv"), image_key="images", caption_key="text")
    )
    (tmp_path / "list.jsonl").write_text('{"images": "a.jpg", "caption": "one"}\n')
    with pytest.raises(UserError, match=r"line 1: has no 'image'; its keys are images, caption. Did you mean"):
        Jsonl(path=str(tmp_path / "list.jsonl")).peek()


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image,caption,image\na.jpg,one,b.jpg\n")
    assert "two columns are called 'image'" in error_of(Csv(path=str(tmp_path / "list.csv")))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    for name, head, source in (
        ("l.csv", "image,caption\n", Csv),
        ("l.tsv", "image\tcaption\n", Tsv),
        ("l.txt", "", Txt),
    ):
        path = tmp_path / name
        separator = "\t" if name == "l.tsv" else ","
        lines = [f"{n}.jpg{separator}caption {n}\n".encode() for n in range(5000)]
        lines[4000] = f"4000.jpg{separator}caf\xe9\n".encode("latin-1")
        path.write_bytes(head.encode() + b"".join(lines))
        assert f"{path}, line {4002 if head else 4001} is not" in error_of(source(path=str(path)))
    assert len(good(Csv(path=str(tmp_path / "l.csv"), encoding="latin-1"))) == 5000
    (tmp_path / "l.jsonl").write_bytes(b'{"image": "a.jpg"}\n{"image": "caf\xe9.jpg"}\n')
    assert "line 2 is not UTF-8" in error_of(Jsonl(path=str(tmp_path / "l.jsonl")))
    assert "no such encoding" in error_of(Csv(path=str(tmp_path / "l.csv"), encoding="utf-7000"))


@pytest.mark.parametrize("end", [".gz", ".zst"])
def test_a_compressed_file_that_is_cut_off(tmp_path: Path, end: str) -> None:
    import random

    import zstandard

    letters = random.Random(0)
    rows = [{"image": f"{n}.jpg", "caption": f"{letters.random()}"} for n in range(20_000)]
    texts = {
        "list.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "list.json": json.dumps(rows),
        "list.csv": "image,caption\n" + "".join(f"{row['image']},{row['caption']}\n" for row in rows),
        "list.txt": "".join(f"{row['image']}\n" for row in rows),
    }
    for name, text in texts.items():
        packed = gzip.compress(text.encode()) if end == ".gz" else zstandard.ZstdCompressor().compress(text.encode())
        path = tmp_path / (name + end)
        path.write_bytes(packed)
        assert len(good(Auto(path=str(path)))) == 20_000
        for cut in (len(packed) * 3 // 4, len(packed) - 1):
            path.write_bytes(packed[:cut])
            said = error_of(Auto(path=str(path)))
            assert str(path) in said and "cut off" in said and "after" in said, said


def test_lists_that_are_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"image": "a.jpg"}, {"image": "b.')
    assert "after entry 0" in error_of(TrainJson(path=str(tmp_path / "a.json")))
    (tmp_path / "a.jsonl").write_text('{"image": "a.jpg"}\n{"image": "b.')
    assert "line 2 is not JSON" in error_of(Jsonl(path=str(tmp_path / "a.jsonl")))


def test_a_table_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "list.parquet"
    rows = pyarrow.table(
        {"image": [f"{n}.jpg" for n in range(50_000)], "caption": [f"{n * 7919}" for n in range(50_000)]}
    )
    pyarrow.parquet.write_table(rows, path, row_group_size=10_000)
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    assert f"{path} can't be read as Parquet" in error_of(Parquet(path=str(path)))
    middle = len(data) // 2
    path.write_bytes(data[:middle] + b"\xff" * 4000 + data[middle + 4000 :])
    said = error_of(Parquet(path=str(path)))
    assert "after row" in said and "can't be read as Parquet" in said


def test_a_table_with_bytes_that_are_no_text(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    captions = pyarrow.array([b"fine", b"caf\xe9", b"fine"]).view(pyarrow.string())
    table = pyarrow.table({"image": ["a", "b", "c"], "caption": captions})
    pyarrow.parquet.write_table(table, tmp_path / "list.parquet")
    assert "list.parquet, row 1: 'caption' is not UTF-8" in error_of(Parquet(path=str(tmp_path / "list.parquet")))


def test_columns_of_the_wrong_type(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    def written(**columns: list[Any]) -> Parquet:
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "list.parquet")
        return Parquet(path=str(tmp_path / "list.parquet"))

    assert "the column 'image' is int64" in error_of(written(image=[1, 2], caption=["a", "b"]))
    assert "the column 'caption' is double, not text" in error_of(written(image=["a", "b"], caption=[0.5, 1.0]))
    with_bytes = written(image=["a", "b"], caption=["a", "b"], thumbnail=[b"1", b"2"])
    assert "the column 'thumbnail' holds bytes" in error_of(with_bytes)
    with_bytes.keep = []
    assert good(with_bytes) == ["a", "b"]


def test_values_pass_as_json_has_them(tmp_path: Path) -> None:
    import datetime
    import decimal

    import pyarrow
    import pyarrow.parquet

    row = {
        "image": "a.jpg",
        "caption": None,
        "at": datetime.datetime(2024, 5, 6, 7, 8, 9),
        "price": decimal.Decimal("1.50"),
        "score": float("nan"),
        "boxes": [[0.5, float("inf")], None],
        "more": {"a": 1, "day": datetime.date(2024, 5, 6)},
    }
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "list.parquet")
    (entry,) = Parquet(path=str(tmp_path / "list.parquet"), caption_key=None).entries()
    assert isinstance(entry, Entry) and json.dumps(dict(entry.given), allow_nan=False)
    assert entry.given == {
        "caption": None,
        "at": "2024-05-06T07:08:09",
        "price": "1.50",
        "score": None,
        "boxes": [[0.5, None], None],
        "more": {"a": 1, "day": "2024-05-06"},
    }


def test_rows_that_are_no_items_are_refused_one_by_one(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "list.jsonl"
    path.write_text(
        '{"image": "a.jpg", "caption": "x"}\n{"image": 7}\n{"image": "b.jpg", "caption": 3}\n["c.jpg"]\n{}\n'
    )
    source = Jsonl(path=str(path))
    assert good(source) == ["a.jpg"]
    assert refusals(source) == [
        f"{path}, line 2: 'image' is a number (7), not the location of an image",
        f"{path}, line 3: 'caption' is a number (3), not text",
        f"{path}, line 4: a list, not an object with 'image' and a caption",
        f"{path}, line 5: has no 'image'; its keys are none. Name the right one with source.image_key=…",
    ]
    table = pyarrow.table({"image": ["a.jpg", None, ""], "caption": ["x", "y", "z"]})
    pyarrow.parquet.write_table(table, tmp_path / "list.parquet")
    assert [text.partition(", ")[2] for text in refusals(Parquet(path=str(tmp_path / "list.parquet")))] == [
        "row 1: 'image' is null",
        "row 2: 'image' is empty",
    ]
    (tmp_path / "list.csv").write_text("image,caption\na.jpg,x\n,y\n")
    assert refusals(Csv(path=str(tmp_path / "list.csv"))) == [f"{tmp_path / 'list.csv'}, row 2: 'image' is empty"]


def test_a_tar_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        for n in range(30):
            add(tar, f"{n:03d}.jpg", b"x" * 5000)
            add(tar, f"{n:03d}.json", json.dumps({"caption": f"{n}"}).encode())
    data = path.read_bytes()
    assert len(good(Webdataset(path=str(path)))) == 30
    for cut in (20 * 6656 + 300, 20 * 6656 + 2000, 20 * 6656):  # in a header, in an image, between two samples
        path.write_bytes(data[:cut])
        said = error_of(Webdataset(path=str(path)))
        assert str(path) in said and "after the sample 01" in said, said
    path.write_bytes(data[: 20 * 6656] + b"\xff" * 512 + data[20 * 6656 + 512 :])
    assert "the header of a member is damaged, at byte 133120" in error_of(Webdataset(path=str(path)))
    path.write_bytes(gzip.compress(data))
    assert "compressed as a whole" in error_of(Webdataset(path=str(path)))


def test_samples_that_are_no_items(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        add(tar, "0.jpg", b"x")
        add(tar, "0.txt", b"fine")
        add(tar, "1.txt", b"no image")
        add(tar, "2.jpg", b"x")
        add(tar, "2.json", b"{no json")
        add(tar, "3.jpg", b"x")
        add(tar, "3.txt", b"caf\xe9")
        add(tar, "4.left.png", b"x")
        add(tar, "4.right.png", b"y")
        add(tar, "5.jpg", b"x")
        add(tar, "5.json", b'{"caption": 5}')
    source = Webdataset(path=str(path))
    assert good(source) == ["0.tar#0.jpg"]
    said = [text.partition("sample ")[2] for text in refusals(source)]
    assert said[0] == "1: has no image; its members end in txt"
    assert said[1].startswith("2: its .json can't be used") and said[2].startswith("3: its text is not UTF-8")
    assert "4: has several images (left.png, right.png)" in said[3] and said[4].startswith("5: 'caption' is a number")
    source.image_ending = "left.png"
    assert "0.tar#4.left.png" in good(source)


def test_a_container_that_changes_after_the_plan(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        add(tar, "0.jpg", b"x" * 9000)
    (entry,) = Webdataset(path=str(tmp_path / "0.tar")).entries()
    assert isinstance(entry, Entry)
    item = Item("0" * 16, 0, entry.image, "", place=entry.place)
    assert read(item, str(tmp_path)) == b"x" * 9000
    with pytest.raises(ItemError, match="too large"):
        read(item, str(tmp_path), 100)
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.tar").write_bytes((tmp_path / "0.tar").read_bytes()[:4000])
    with pytest.raises(ItemError, match="has become shorter"):
        read(item, str(other))
    with pytest.raises(ItemError, match="no such file"):
        read(item, str(tmp_path / "gone"))


def test_folders(tmp_path: Path) -> None:
    assert "no image in this folder" in error_of(Folder(path=str(tmp_path)))
    assert "is not there" in error_of(Folder(path=str(tmp_path / "gone")))
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "b.jpg").write_bytes(b"x")
    (tmp_path / "b.txt").write_bytes(b"caf\xe9")
    (tmp_path / "c.jpg").write_bytes(b"x")
    (tmp_path / "c.json").write_text("[1]")
    source = Folder(path=str(tmp_path))
    assert good(source) == ["a.jpg"]
    assert [text.rpartition("/")[2] for text in refusals(source)] == [
        "b.jpg: the file beside it is not UTF-8: unexpected end of data at byte 3",
        "c.jpg: the .json beside it can't be used: it holds no object",
    ]


def test_hugging_face_folders(tmp_path: Path) -> None:
    import datasets

    both = datasets.DatasetDict(
        {name: datasets.Dataset.from_dict({"image": [f"{name}.jpg"], "caption": ["x"]}) for name in ("train", "test")}
    )
    both.save_to_disk(str(tmp_path / "both"))
    assert "has the splits train, test. Choose one with source.split=…" in error_of(Hf(path=str(tmp_path / "both")))
    assert good(Hf(path=str(tmp_path / "both"), split="test")) == ["test.jpg"]
    (data,) = (tmp_path / "both" / "train").glob("*.arrow")
    data.write_bytes(data.read_bytes()[:-200])
    assert "can't be read as Arrow" in error_of(Hf(path=str(tmp_path / "both"), split="train"))
    assert "no state.json" in error_of(Hf(path=str(tmp_path)))


def test_rows_in_are_items_and_duplicates_and_refused(make_list: MakeList, tmp_path: Path) -> None:
    rows = json.loads(make_list(20).read_text())
    lines = [*rows, rows[3], {"image": None, "caption": "nothing"}, {"caption": "nowhere"}]
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "out"
    asked = call("run", *fake_run(path, out, "dry_run=true"))
    assert "20 new of 23 rows (1 duplicates, 2 refused" in asked.stdout, asked.stderr
    done = call("run", *fake_run(path, out))
    assert done.returncode == 0, done.stderr
    assert "23 rows: 20 new items in 5 shards, 1 duplicate, 2 refused" in done.stdout
    written = [json.loads(line) for line in (out / "refused.jsonl").read_text().splitlines()]
    assert [line["where"].rpartition(", ")[2] for line in written] == ["line 22", "line 23"]
    assert "'image' is null" in written[0]["reason"] and "has no 'image'" in written[1]["reason"]
    path.write_text(path.read_text() + "[]\n")
    again = call("run", *fake_run(path, out))
    assert "24 rows: 0 new items" in again.stdout and "3 refused" in again.stdout and len(listed(out)) == 20
    readings = [json.loads(line)["reading"] for line in (out / "refused.jsonl").read_text().splitlines()]
    assert readings == [0, 0, 1, 1, 1]


def test_too_many_refusals_are_another_list(make_list: MakeList, tmp_path: Path) -> None:
    (first, *_) = json.loads(make_list(1).read_text())
    path = tmp_path / "list.jsonl"
    path.write_text(json.dumps(first) + "\n" + '{"image": 3}\n' * 101)
    refused = call("run", *fake_run(path, tmp_path / "out"))
    assert refused.returncode == 1 and "101 of the first 102 rows are no items" in refused.stderr
    assert "line 2: 'image' is a number" in refused.stderr and not (tmp_path / "out" / "plan.json").exists()
    taken = call("run", *fake_run(path, tmp_path / "out", "source.max_refused=1"))
    assert taken.returncode == 0, taken.stderr
