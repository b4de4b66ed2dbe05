"""The same items in every format, as people's tools write them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labelyard.generate.source import Source

Rows = Sequence[dict[str, Any]]  # "image" (a name below the folder of pictures), "caption", and what passes through


def train_json(rows: Rows, pictures: Path, to: Path) -> Source:
    from labelyard.generate.sources.train_json import TrainJson

    (to / "list.json").write_text(json.dumps(list(rows)))
    return TrainJson(path=str(to / "list.json"), root=str(pictures))


def train_json_gz(rows: Rows, pictures: Path, to: Path) -> Source:
    from labelyard.generate.sources.train_json import TrainJson

    (to / "list.json.gz").write_bytes(gzip.compress(json.dumps(list(rows)).encode()))
    return TrainJson(path=str(to / "list.json.gz"), root=str(pictures))


def jsonl(rows: Rows, pictures: Path, to: Path) -> Source:
    from labelyard.generate.sources.jsonl import Jsonl

    (to / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Jsonl(path=str(to / "list.jsonl"), root=str(pictures))


def jsonl_zst(rows: Rows, pictures: Path, to: Path) -> Source:
    import zstandard

    from labelyard.generate.sources.jsonl import Jsonl

    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    half = len(data) // 2  # two frames, as `cat a.zst b.zst` makes them
    packed = [zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half:])]
    (to / "list.jsonl.zst").write_bytes(b"".join(packed))
    return Jsonl(path=str(to / "list.jsonl.zst"), root=str(pictures))


def _table(rows: Rows, delimiter: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def csv_(rows: Rows, pictures: Path, to: Path) -> Source:
    from labelyard.generate.sources.csv import Csv

    (to / "list.csv").write_bytes(b"\xef\xbb\xbf" + _table(rows, ",").encode())
    return Csv(path=str(to / "list.csv"), root=str(pictures))


def tsv_gz(rows: Rows, pictures: Path, to: Path) -> Source:
    from labelyard.generate.sources.tsv import Tsv

    (to / "list.tsv.gz").write_bytes(gzip.compress(_table(rows, "\t").encode()))
    return Tsv(path=str(to / "list.tsv.gz"), root=str(pictures))


def parquet(rows: Rows, pictures: Path, to: Path) -> Source:
    """Locations; two files in a folder, in row groups that fit nothing."""
    import pyarrow
    import pyarrow.parquet

    from labelyard.generate.sources.parquet import Parquet

    (to / "tables").mkdir()
    cut = len(rows) // 3
    for n, part in enumerate((rows[:cut], rows[cut:])):
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist(list(part)), to / "tables" / f"{n}.parquet", row_group_size=77
        )
    return Parquet(path=str(to / "tables"), root=str(pictures))


def _with_bytes(rows: Rows, pictures: Path) -> list[dict[str, Any]]:
    return [
        {"picture": {"bytes": (pictures / row["image"]).read_bytes(), "path": Path(row["image"]).name}, **row}
        for row in rows
    ]


def parquet_with_images(rows: Rows, pictures: Path, to: Path) -> Source:
    """As Hugging Face's hub has it: a struct of bytes and path."""
    import pyarrow
    import pyarrow.parquet

    from labelyard.generate.sources.parquet import Parquet

    table = pyarrow.Table.from_pylist(_with_bytes(rows, pictures))
    pyarrow.parquet.write_table(table, to / "images.parquet", row_group_size=60)
    return Parquet(path=str(to / "images.parquet"), image_key="picture", name_key="image")


def hf(rows: Rows, pictures: Path, to: Path) -> Source:
    import datasets

    from labelyard.generate.sources.hf import Hf

    made = datasets.Dataset.from_list(_with_bytes(rows, pictures)).cast_column("picture", datasets.Image())
    made.save_to_disk(str(to / "saved"), num_shards=3)
    return Hf(path=str(to / "saved"), image_key="picture", name_key="image")


def webdataset(rows: Rows, pictures: Path, to: Path) -> Source:
    """As img2dataset writes it: image, text and json of a sample one after another."""
    from labelyard.generate.sources.webdataset import Webdataset

    (to / "tars").mkdir()
    size = -(-len(rows) // 4)
    for n in range(4):
        with tarfile.open(to / "tars" / f"{n:05d}.tar", "w") as tar:
            for k, row in enumerate(rows[n * size : (n + 1) * size]):
                key = f"{n:05d}{k:04d}"
                add(tar, f"{key}.jpg", (pictures / row["image"]).read_bytes())
                add(tar, f"{key}.txt", row["caption"].encode())
                add(tar, f"{key}.json", json.dumps(row).encode())
    return Webdataset(path=str(to / "tars"), name_key="image")


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def folder(rows: Rows, pictures: Path, to: Path) -> Source:
    """Every second caption in a .txt, the others in the .json."""
    from labelyard.generate.sources.folder import Folder

    for n, row in enumerate(rows):
        image = to / "pictures" / row["image"]
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes((pictures / row["image"]).read_bytes())
        beside = {key: value for key, value in row.items() if key not in ("image", "caption")}
        if n % 2:
            image.with_suffix(".txt").write_text(row["caption"] + "\n")
        else:
            beside["caption"] = row["caption"]
        image.with_suffix(".json").write_text(json.dumps(beside))
    return Folder(path=str(to / "pictures"))


FORMATS: list[Callable[[Rows, Path, Path], Source]] = [
    train_json,
    train_json_gz,
    jsonl,
    jsonl_zst,
    csv_,
    tsv_gz,
    parquet,
    parquet_with_images,
    hf,
    webdataset,
    folder,
]
