"""pipeline=graph200k from photos to the trainer's list, with small networks in the place of all published ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.utils.graph200k import FILL_EDITS, IMAGES, STYLES, style_references
from tests.conftest import call, crops, records
from tests.support.browser import CHROMIUM, chromium
from tests.tiny.graph200k import NAMES, SAID, drawn_by_others, tiny

NUMBER, SIDE = 12, 96
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


def digests(run: Path) -> dict[str, str]:
    files = sorted((run / "images").rglob("*.*"))
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def bodies(run: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in records(run)]


def left_out(body: dict[str, Any]) -> bool:
    """Its subject is nearly all of the picture, or nothing: its mask is a random network's."""
    return "left_out" in body["models"]["FillEdit"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> Path:
    """With two runs, one and other, on the same photos."""
    made = tmp_path_factory.mktemp("graph200k")
    (made / "photos").mkdir()
    for number, picture in enumerate(crops(photos, NUMBER, SIDE)):
        picture.convert("RGB").save(made / "photos" / f"{number:02}.jpg", quality=90)
    models = made / "models"
    models.mkdir()
    given = ["source=folder", f"source.path={made / 'photos'}", "cluster=debug", *tiny(models)]
    (made / "given.json").write_text(json.dumps(given))
    for name in ("one", "other"):
        done = call("run", *given, f"output={made / name}", timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_every_image_of_twelve_photos_twice_the_same(folder: Path) -> None:
    references = sum(len(style_references(style)) for style in STYLES)  # they stay where they lie
    made, twice = digests(folder / "one"), digests(folder / "other")
    told, again = bodies(folder / "one"), bodies(folder / "other")
    without = sum(map(left_out, told))
    assert len(told) == NUMBER and without < NUMBER - 4
    assert made == twice and len(made) == NUMBER * (len(IMAGES) - references) - without * len(FILL_EDITS)
    for body, other in zip(told, again, strict=True):
        absent = set(FILL_EDITS) if left_out(body) else set()
        assert set(IMAGES) - absent == body["images"].keys() and body["images"] == other["images"]
        assert body["found"] == other["found"] and body["annos"] == other["annos"]
        assert {name: SAID[name] for name in ("description", "quality_assessment")}.items() <= body["found"].items()
        if not absent:
            meta = body["found"]["FillEdit_meta"]
            assert meta["name"] == NAMES and meta["subject"] == "brass jug"
        assert body["images"]["DepthEdit"]["prompt"] == "a brass jug. It stands on a beach."
        assert body["images"]["ref"]["prompt"].startswith("A product photo of a brass jug")
        assert len(body["found"]["qwen_2_5_meta"]) == 3
    drawn = (*FILL_EDITS, "DepthEdit", "ref")
    of_all = [body["images"][name]["seed"] for body in told for name in drawn if name in body["images"]]
    assert len(set(of_all)) == len(of_all), "every picture is drawn from noise of its own"


def test_the_trainer_s_list_has_them_all(folder: Path) -> None:
    done = call("export", folder / "one", "graph200k", folder / "data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lists of training that are safe: 127 of 129" in done.stdout, "no mosaic of odd sides"
    even = call("export", folder / "one", "graph200k", folder / "even", "side=96", "fit=square")
    assert "lists of training that are safe: 129 of 129" in even.stdout, even.stderr
    listed = json.loads((folder / "data" / "data.json").read_text())
    assert len(listed) == NUMBER
    filled = sum("FillEdit" in element["condition"] for element in listed)
    assert filled == NUMBER - sum(map(left_out, bodies(folder / "one"))) > 3
    for element in listed:
        condition = element["condition"]
        assert element["quality_assessment"]["objectConsistency"] == 5
        with Image.open(condition["target"]) as target:
            for kind in ("canny", "hed", "mlsd", "openpose", "depth", "normal", "foreground", "uniformer", "sam2_mask"):
                with Image.open(condition[kind]) as image:
                    assert image.size == target.size, kind


def test_the_chain_makes_the_same_of_them_in_its_four_stages(folder: Path) -> None:
    given = [one for one in json.loads((folder / "given.json").read_text()) if not one.startswith("pipeline=")]
    done = call("chain", "graph200k", *given, "limit=3", f"output={folder / 'chain'}", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    first = {body["id"]: body for body in bodies(folder / "one")}
    made = bodies(folder / "chain" / "drawn")
    assert len(made) == 3 and any(not left_out(body) for body in made)
    for body in made:
        alone = first[body["id"]]
        assert body["found"] == alone["found"] and body["annos"] == alone["annos"]
        assert content(folder / "chain" / "drawn", body) == content(folder / "one", alone)


def content(run: Path, body: dict[str, Any]) -> dict[str, bytes]:
    return {name: (run / (one.get("path") or one["file"])).read_bytes() for name, one in body["images"].items()}


def test_the_other_pipelines_draw_on_those_records(folder: Path) -> None:
    given = ["source=records", f"source.path={folder / 'one'}", "limit=4", "cluster=debug"]
    given += drawn_by_others(folder / "models")
    for name in ("again", "again2"):
        done = call("run", *given, f"output={folder / name}", timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr
    made = digests(folder / "again")
    assert made == digests(folder / "again2")
    before = digests(folder / "one")
    drawn = [name for name in made if name.split("/")[1].startswith(("FillEdit", "DepthEdit", "Instant", "Redux"))]
    without = sum(map(left_out, bodies(folder / "again")))
    assert len(drawn) == 4 * (5 + 1 + 3 + 3) - 5 * without and not {made[name] for name in drawn} & {*before.values()}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_gallery_shows_all_images_of_a_record(folder: Path) -> None:
    done = call("view", folder / "one")
    assert done.returncode == 0, done.stderr
    with chromium() as page:
        page.size(1400, 1000)
        page.open(folder / "one" / "report" / "index.html")
        page.until("document.querySelectorAll('#grid .card').length === 12")
        page.screenshot(folder / "gallery.png")
        whole = next(number for number, body in enumerate(bodies(folder / "one")) if not left_out(body))
        page.js(f"document.querySelectorAll('.card')[{whole}].click()")
        page.until("document.querySelectorAll('#sides .side').length > 1")
        shown = set(page.js("[...document.querySelectorAll('#sides .side')].map((one) => one.title)"))
        page.screenshot(folder / "record.png")
        assert set(IMAGES) <= shown and page.errors == []
