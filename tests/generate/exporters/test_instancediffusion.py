from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.launch.validate import main as validate
from labelyard.utils import rle
from tests.generate.exporters.conftest import export, mask_of, picture_of, real


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(Path(line).read_bytes()) for line in (folder / "train.txt").read_text().splitlines()]


@pytest.mark.parametrize("side", [512, 48, None])
def test_boxes_masks_and_image_move_to_the_new_frame_together(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, side: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    done = export(run, "instancediffusion", tmp_path / "i", f"short_side={'null' if side is None else side}")
    assert done.returncode == 0 and "42 records" in done.stdout, done.stderr
    assert validate([str(tmp_path / "i" / "train.txt")]) == 0, capsys.readouterr().out
    assert "42 records checked, no problems" in capsys.readouterr().out
    compared = 0
    for body, old in zip(written(tmp_path / "i"), bodies, strict=True):
        width, height = body["width"], body["height"]
        assert min(width, height) == (side or min(old["original"]["width"], old["original"]["height"])) and picture_of(
            body
        ).size == (width, height)
        source = Image.open(run.parent / old["file_name"]).convert("RGB")
        near = np.asarray(source.resize((8, 8), Image.Resampling.BOX), int)
        assert np.abs(near - np.asarray(picture_of(body).resize((8, 8), Image.Resampling.BOX), int)).mean() < 6
        assert (body["id"], body["caption"], body["tags"]) == (old["id"], old["caption"], old["tags"])
        assert body.get("weight") == old.get("weight") and body["models"] == old["models"]
        x, y = width / old["original"]["width"], height / old["original"]["height"]
        for entry, before in zip(real(body), real(old), strict=True):
            assert entry["original"] == before["original"]
            left, top, right, bottom = entry["original"]["box"]
            found = [entry["bbox"][0], entry["bbox"][1], sum(entry["bbox"][::2]), sum(entry["bbox"][1::2])]
            assert np.abs(np.array(found) - [left * x, top * y, right * x, bottom * y]).max() <= 1
            assert entry["mask"] == rle.resize(before["original"]["mask"], width, height)
            assert mask_of(entry["mask"]).shape == (height, width)
            kept = ("pred_score", "category_name", "caption", "text_embedding_before", "blip_clip_embeddings")
            assert [entry.get(key) for key in kept] == [before.get(key) for key in kept]
            compared += 1
    assert compared > 30


def test_the_same_frame_gives_the_same_records(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "instancediffusion", tmp_path / "i", "short_side=96").returncode == 0
    assert written(tmp_path / "i") == bodies


def test_a_lonely_instance_has_company_and_all_below_a_score_are_gone(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = export(run, "instancediffusion", tmp_path / "i", "min_score=0.6", "min_instances=1")
    assert done.returncode == 0, done.stderr
    expected = {b["id"]: n for b in bodies if (n := sum(entry["pred_score"] >= 0.6 for entry in real(b)))}
    assert {body["id"]: len(real(body)) for body in written(tmp_path / "i")} == expected
    lonely = [body for body in written(tmp_path / "i") if len(real(body)) == 1]
    assert lonely and all(len(body["annos"]) == 2 for body in lonely)


def test_images_as_files_or_not_at_all(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "instancediffusion", tmp_path / "f", "image=file", "short_side=96").returncode == 0
    for body, old in zip(written(tmp_path / "f"), bodies, strict=True):
        data = Path(body.pop("image_path")).read_bytes()
        assert {**body, "image": base64.b64encode(data).decode()} == old
        assert Image.open(io.BytesIO(data)).size == (body["width"], body["height"])
    assert export(run, "instancediffusion", tmp_path / "n", "image=none").returncode == 0
    assert not any({"image", "image_path"} & body.keys() for body in written(tmp_path / "n"))
    refused = export(run, "instancediffusion", tmp_path / "x", "image=some")
    assert refused.returncode == 1 and "give embedded, file or none" in refused.stderr
