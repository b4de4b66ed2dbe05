"""A second image in each row, the reference, is a side image of the record."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item
from labelyard.generate.rows import Entry, Refusal
from labelyard.generate.source import Source
from labelyard.generate.sources.csv import Csv
from labelyard.generate.sources.hf import Hf
from labelyard.generate.sources.jsonl import Jsonl
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.train_json import TrainJson
from labelyard.generate.sources.tsv import Tsv
from labelyard.utils.errors import UserError

NAMES = {"image": "file", "reference": "shot", "caption": "text"}
KEYS: dict[str, Any] = {f"{key}_key": name for key, name in NAMES.items()}


@pytest.fixture
def pairs(tmp_path: Path) -> list[dict[str, str]]:
    """The second has no reference."""
    rows = []
    for n in range(3):
        for name in ("a", "b"):
            Image.new("RGB", (8, 8), (n * 40, 9, 80 if name == "a" else 160)).save(tmp_path / f"{name}{n}.png")
        rows.append({"file": f"a{n}.png", "shot": f"b{n}.png" if n != 1 else "", "text": f"number {n}", "more": "m"})
    return rows


def table(path: Path, rows: list[dict[str, str]], delimiter: str) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def jsonl(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def train_json(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text(json.dumps(rows))
    return path


KINDS: dict[str, Callable[[Path, list[dict[str, str]]], Source]] = {
    "csv": lambda to, rows: Csv(path=str(table(to / "l.csv", rows, ",")), **KEYS),
    "tsv": lambda to, rows: Tsv(path=str(table(to / "l.tsv", rows, "\t")), **KEYS),
    "jsonl": lambda to, rows: Jsonl(path=str(jsonl(to / "l.jsonl", rows)), **KEYS),
    "train_json": lambda to, rows: TrainJson(path=str(train_json(to / "l.json", rows)), **KEYS),
    "parquet": lambda to, rows: Parquet(path=str(parquet(to / "l.parquet", rows)), **KEYS),
}


def items(source: Source) -> list[Item]:
    together = [row for rows in source.rows() for row in zip(rows.images, rows.known or [], strict=True)]
    entries = [row for row in source.entries() if isinstance(row, Entry)]
    assert together == [(entry.image, entry.known) for entry in entries], "thousands at a time are the same"
    return [Item(f"{n:016x}", n, e.image, e.caption, e.given, e.place, e.known) for n, e in enumerate(entries)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_column_is_the_reference(kind: str, pairs: list[dict[str, str]], tmp_path: Path) -> None:
    source = KINDS[kind](tmp_path, pairs)
    assert source.gives() == {"given": ("images.ref",)}
    for row, item in zip(pairs, items(source), strict=True):
        record = load(item, source.image_root(), Load())
        assert dict(item.given) == {"more": "m"} and item.caption == row["text"]
        assert list(record.images) == (["ref"] if row["shot"] else [])
        if row["shot"]:
            assert record.images["ref"].encoded() == (tmp_path / row["shot"]).read_bytes()
            assert record.images["ref"].place == {"file": row["shot"]}


def test_references_inside_a_table_are_read_where_they_lie(pairs: list[dict[str, str]], tmp_path: Path) -> None:
    import datasets

    def cell(name: str) -> dict[str, Any] | None:
        return {"bytes": (tmp_path / name).read_bytes(), "path": None} if name else None

    rows = [{**row, "file": cell(row["file"]), "shot": cell(row["shot"])} for row in pairs]
    made = datasets.Dataset.from_list(rows)
    made.save_to_disk(str(tmp_path / "saved"))
    made.to_parquet(str(tmp_path / "made.parquet"))
    for source in (Hf(path=str(tmp_path / "saved"), **KEYS), Parquet(path=str(tmp_path / "made.parquet"), **KEYS)):
        for row, item in zip(pairs, items(source), strict=True):
            record = load(item, source.image_root(), Load())
            found = {name: image.encoded() for name, image in record.images.items()}
            assert found == ({"ref": (tmp_path / row["shot"]).read_bytes()} if row["shot"] else {})


def test_what_is_no_location_is_refused_and_what_is_no_column_told(pairs: list[dict[str, str]], tmp_path: Path) -> None:
    pairs[0]["shot"] = 7  # type: ignore[assignment]
    (refused, *_) = TrainJson(path=str(train_json(tmp_path / "l.json", pairs)), **KEYS).entries()
    assert isinstance(refused, Refusal) and "'shot' is a number (7), not the location of an image" in refused.reason
    source = Csv(path=str(table(tmp_path / "l.csv", pairs, ",")), **{**KEYS, "reference_key": "shop"})
    with pytest.raises(UserError, match=r"has no 'shop'.*Did you mean source.reference_key=shot"):
        list(source.entries())
