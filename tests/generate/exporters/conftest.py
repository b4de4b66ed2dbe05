"""A finished run to export, and what its records hold, read without any of the code under test."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from tests.conftest import call, crops, fake_run
from tests.generate.exporters import readers

NUMBER = 40


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> Path:
    """Records in a frame of their own, PNGs that fit it and stay as they are, one image with two captions, one without,
    one that can't be read."""
    folder = tmp_path_factory.mktemp("exported")
    rows: list[dict[str, Any]] = []
    for n, picture in enumerate(crops(photos, NUMBER, 60)):
        path = folder / "pictures" / f"{n % 2}" / f"{n:03d}.{'png' if n % 5 == 0 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        (picture.resize((96, 96)) if path.suffix == ".png" else picture).convert("RGB").save(path)
        rows.append({"image": path.relative_to(folder).as_posix(), "caption": f"picture {n}, «{n}»", "weight": n / 3})
    rows.append({"image": rows[7]["image"], "caption": "the same picture again"})
    rows.append({"image": rows[8]["image"], "caption": ""})
    rows.append({"image": "pictures/none.jpg", "caption": "not there"})
    (folder / "list.json").write_text(json.dumps(rows))
    done = call("run", *fake_run(folder / "list.json", folder / "run", "write.short_side=96", "cluster.num_jobs=1"))
    assert done.returncode == 3 and "42 of 43 items are done" in done.stdout, done.stderr
    return folder / "run"


@pytest.fixture(scope="session")
def bodies(run: Path) -> list[dict[str, Any]]:
    return [json.loads(Path(line).read_bytes()) for line in (run / "train.txt").read_text().splitlines()]


@pytest.fixture(scope="session")
def others() -> None:
    """Datumaro and labelformat are there."""
    if not readers.PLACE.is_dir():
        pytest.skip(f"others' readers are not there; run: make {readers.PLACE.with_name('.with-readers')}")


def export(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The program, in this process: webdataset and datasets take seconds to be imported."""
    from labelyard.launch.export import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return subprocess.CompletedProcess(list(map(str, arguments)), code, out.getvalue(), err.getvalue())


def real(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in body["annos"] if not entry.get("pad")]


def mask_of(rle: dict[str, Any]) -> np.ndarray:
    mask: np.ndarray = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()}).astype(bool)
    return mask


def picture_of(body: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(body["image"]))).convert("RGB")


def name_of(body: dict[str, Any]) -> str:
    """Of the files that a record becomes, without their ending."""
    return f"{Path(body['file_name']).stem}-{body['id']}"


def corners_of(body: dict[str, Any], entry: dict[str, Any], pixels: str) -> list[float]:
    if pixels == "original":
        return list(entry["original"]["box"])
    left, top, width, height = entry["bbox"]
    return [left, top, left + width, top + height]


def alike(one: Image.Image, other: Image.Image) -> bool:
    """But for what JPEG loses."""
    first, second = (np.asarray(image.convert("RGB")).astype(int) for image in (one, other))
    return first.shape == second.shape and bool(np.abs(first - second).mean() < 3)


def same_picture(one: Image.Image, other: Image.Image) -> bool:
    return bool((np.asarray(one.convert("RGB")) == np.asarray(other.convert("RGB"))).all())
