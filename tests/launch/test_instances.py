"""The pipeline `instances` from end to end: the published architectures, tiny and random, on real photos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from labelyard.launch import run, validate
from tests.conftest import call, listed
from tests.tiny.caption import make_blip2
from tests.tiny.embed import make_clip
from tests.tiny.ground import make_groundingdino
from tests.tiny.segment import make_sam_hq
from tests.tiny.tag import IMAGE_SIZE, make_ram


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Settings that put tiny models in the place of the published ones."""
    folder = tmp_path_factory.mktemp("models")
    make_ram(folder / "ram")
    return [
        f"tag.checkpoint={folder / 'ram' / 'ram.pth'}",
        f"tag.image_size={IMAGE_SIZE}",
        f"ground.checkpoint={make_groundingdino(folder / 'groundingdino')}",
        "ground.short_side=160",
        "ground.long_side=266",
        f"segment.checkpoint={make_sam_hq(folder / 'sam_hq')}",
        f"caption.checkpoint={make_blip2(folder / 'blip2')}",
        "caption.max_new_tokens=6",
        f"embed.checkpoint={make_clip(folder / 'clip', width=768)}",
    ]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> Path:
    """Photos of several sizes, with company of the same size and without; one of them is too small for any caption."""
    folder = tmp_path_factory.mktemp("photos")
    entries = []
    for name, photo in photos.items():
        photo.convert("RGB").save(folder / f"{name}.jpg", quality=90)
        entries.append({"image": f"{name}.jpg", "caption": f"a photo of {name}"})
    photos["chelsea"].resize((24, 20)).save(folder / "small.png")
    entries.append({"image": "small.png", "caption": ""})
    (folder / "train_data.json").write_text(json.dumps(entries))
    return folder / "train_data.json"


def given(train: Path, out: Path, models: list[str], *more: str) -> list[str]:
    return [f"source.path={train}", f"output={out}", "pipeline=instances", *models, *more]


def in_here(*arguments: str) -> int:
    """Where the networks' libraries are imported already: to import them takes a process longer than these photos."""
    code: int = run.main([*arguments, "cluster=debug"])
    return code


def records_in(out: Path) -> dict[str, bytes]:
    return {Path(path).name: Path(path).read_bytes() for path in listed(out)}


def test_fused_staged_alone_and_in_company_make_the_same_records(
    train: Path, models: list[str], tmp_path: Path
) -> None:
    done = call("run", *given(train, tmp_path / "fused", models))
    assert done.returncode == 0, done.stderr
    fused = records_in(tmp_path / "fused")
    assert len(fused) == 7
    for name, *how in (("staged", "work.schedule=staged"), ("alone", "work.batch=1", "shard_size=1")):
        assert in_here(*given(train, tmp_path / name, models, *how)) == 0
        assert records_in(tmp_path / name) == fused, name
    checked = call("validate", tmp_path / "fused")
    assert checked.returncode == 0, checked.stdout
    instances = [anno for record in map(json.loads, fused.values()) for anno in record["annos"] if "pad" not in anno]
    assert any("caption" in anno for anno in instances) and all("mask" in anno for anno in instances)
    assert all("text_embedding_before" in anno for anno in instances)
    record = json.loads(next(iter(fused.values())))
    assert set(record["models"]) == {"tag", "ground", "segment", "caption", "embed"}
    names = {tag["name"] for tag in record["tags"]}
    assert {anno["category_name"] for anno in record["annos"] if "pad" not in anno} <= names


def test_no_box_at_all_is_a_record_without_instances(train: Path, models: list[str], tmp_path: Path) -> None:
    assert in_here(*given(train, tmp_path / "out", models, "ground.box_threshold=0.999")) == 0
    found = records_in(tmp_path / "out")
    assert len(found) == 7 and all(json.loads(record)["annos"] == [] for record in found.values())
    assert validate.main([str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("damage", ["truncated", "another model", "absent", "code"])
def test_a_bad_checkpoint_is_told_before_any_item_is_touched(
    damage: str, train: Path, models: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    good = Path(models[0].partition("=")[2])
    bad = tmp_path / "bad" / "ram.pth"
    bad.parent.mkdir()
    for path in good.parent.glob("*.txt"):
        (bad.parent / path.name).write_bytes(path.read_bytes())
    if damage == "truncated":
        bad.write_bytes(good.read_bytes()[:-5000])
    elif damage == "another model":
        torch.save({"model": {"some.other.weight": torch.zeros(3)}}, bad)
    elif damage == "code":
        torch.save({"model": Trap(str(tmp_path / "it-ran"))}, bad)
    assert in_here(*given(train, tmp_path / "out", models, f"tag.checkpoint={bad}")) == 1
    said = capfd.readouterr().err
    assert "ram.pth" in said and EXPECTED[damage] in said and "Traceback" not in said, said
    assert not (tmp_path / "it-ran").exists()
    assert not list(tmp_path.glob("out/records/*")) and not list(tmp_path.glob("out/journal/*"))


EXPECTED = {
    "truncated": "not a whole checkpoint",
    "another model": "not a",
    "absent": "there is no such file",
    "code": "could run code",
}


class Trap:
    """Unpickled by an ordinary reader, it would make a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.path),)
