from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.generate.exporters.conftest import export, mask_of, picture_of, real, same_picture


def loaded(folder: Path, cache: Path) -> Any:
    import datasets

    return datasets.load_dataset("parquet", data_files=str(folder / "*.parquet"), cache_dir=str(cache))["train"]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_datasets_reads_what_the_records_say(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    import datasets

    done = export(run, "parquet", tmp_path / "p", "per_file=16")
    assert done.returncode == 0 and "42 records" in done.stdout, done.stderr
    read = loaded(tmp_path / "p", tmp_path / "cache")
    assert isinstance(read.features["image"], datasets.Image) and len(read) == len(bodies)
    for row, body in zip(read, bodies, strict=True):
        assert (row["id"], row["file_name"], row["caption"]) == (body["id"], body["file_name"], body["caption"])
        assert (row["width"], row["height"]) == (body["width"], body["height"])
        assert same_picture(row["image"], picture_of(body))
        assert row["tags"] == body["tags"] and json.loads(row["given"]).get("weight") == body.get("weight")
        for entry, found in zip(real(body), row["instances"], strict=True):
            assert found["bbox"] == entry["bbox"] and found["label"] == entry["category_name"]
            assert found["score"] == entry["pred_score"] and found["caption"] == entry["caption"]
            assert found["mask"] == entry["mask"] and (mask_of(found["mask"]) == mask_of(entry["mask"])).all()


def test_pyarrow_alone_reads_them_too(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    import base64

    import pyarrow.parquet

    assert export(run, "parquet", tmp_path / "p", "per_file=16").returncode == 0
    rows = pyarrow.parquet.read_table(tmp_path / "p" / "data-00000.parquet").to_pylist()
    assert [row["id"] for row in rows] == [body["id"] for body in bodies[:16]]
    for row, body in zip(rows, bodies, strict=False):
        assert row["image"]["bytes"] == base64.b64decode(body["image"])
        assert [found["mask"] for found in row["instances"]] == [entry["mask"] for entry in real(body)]


def test_a_row_per_instance(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "parquet", tmp_path / "p", "--per", "instance", "--pixels", "original").returncode == 0
    read = loaded(tmp_path / "p", tmp_path / "cache")
    expected = [(body, n, entry) for body in bodies for n, entry in enumerate(real(body))]
    assert len(read) == len(expected) > 30
    for row, (body, number, entry) in zip(read, expected, strict=True):
        left, top, right, bottom = entry["original"]["box"]
        assert (row["id"], row["number"], row["label"]) == (body["id"], number, entry["category_name"])
        assert row["bbox"] == [left, top, right - left, bottom - top] and row["mask"] == entry["original"]["mask"]
        assert row["width"] == body["original"]["width"]
