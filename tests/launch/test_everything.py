"""Photos to five training sets by one chain, and what each of its exports says of them."""

from __future__ import annotations

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import lmdb
import pytest
from PIL import Image

from labelyard.generate.record_json.body import original_mask
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch import chain, view
from tests.conftest import FAKES, MakeList, call, records
from tests.generate.exporters.conftest import export
from tests.generate.steps.semantic.test_semantic import make_segmenter
from tests.launch.report.test_view import data_of
from tests.support.browser import CHROMIUM, chromium
from tests.support.walk import walked

NUMBER = 6
# What looks at pictures is stood in for; the rest is the demo's own.
FAKE = [
    *(f"{kind}=fake" for kind in ("tag", "ground", "segment", "embed")),
    "foreground=instances",
    "picture:pipeline.steps=[foreground,qwen_2_5_bounding_box,qwen_2_5_mask,canny,uniformer]",
]
EXPORTS = {
    "instancediffusion": ["image=file"],
    "train_list": [],
    "graph200k": ["assessment=assume", "paths=relative"],
    "instructcv": ["tasks=det,seg"],
    "gcg": [],
    "grand": [],
    "grand_lmdb": ["dense=true", "val=0"],
    "jsonl": ["texts=dense", "found=description"],
}
NONE: dict[str, Any] = {"groundings": {}}
FILES = {"train_list": "train.txt", "jsonl": "captions.jsonl"}


def body_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def instances(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in body["annos"] if "pad" not in one]


def places(body: dict[str, Any]) -> list[Any]:
    return [(one["category_name"], one["original"]["box"], original_mask(body, one)) for one in instances(body)]


def test_the_demo_s_chain_feeds_five_consumers(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = [f"source.path={make_list(NUMBER, side=64)}", f"output={out}", "cluster=debug", "write.jpeg_quality=90"]
    assert chain.main(["everything_demo", "--config-dir", FAKES, *given, *FAKE]) == 0
    bodies = {path.name: body_of(path) for path in records(out / "train")}
    assert len(bodies) == NUMBER
    number = sum(len(instances(body)) for body in bodies.values())
    some = {body["id"]: body for body in bodies.values() if instances(body)}
    assert number > len(some) > 0 and len(some) < NUMBER, "several of some photo, and none of another"
    for path in records(out / "find"):
        assert places(body_of(path)) == places(bodies[path.name]), "boxes and masks are those that were found first"
    for name, options in EXPORTS.items():
        done = export(out / "train", name, tmp_path / name / FILES.get(name, ""), *options)
        assert done.returncode in (0, 3) and "read back well" in done.stdout, (name, done.stdout, done.stderr)

    assert len((tmp_path / "train_list" / "train.txt").read_text().splitlines()) == NUMBER
    rows = json.loads((tmp_path / "graph200k" / "data.json").read_text())
    assert len(rows) == NUMBER
    for image, least in (("target", NUMBER), ("canny", NUMBER), ("foreground", NUMBER), ("reference", len(some))):
        assert sum(image in row["condition"] for row in rows) == least, image
    metas = [row["condition"]["qwen_2_5_meta"] for row in rows if row["condition"].get("qwen_2_5_meta")]
    assert sum(map(len, metas)) == number
    kinds = sum(len({one["category_name"] for one in instances(body)}) for body in some.values())
    told = json.loads((tmp_path / "instructcv" / "report.json").read_text())
    assert told["samples"] == {"det": kinds, "seg": kinds}
    (line,) = (tmp_path / "gcg").rglob("GranDf_HA_GCG_train.json")
    captions = {Path(one["file_name"]).stem: one for one in json.loads(line.read_text())}
    assert len(captions) == len(some) and sum(len(one["groundings"]) for one in captions.values()) == kinds
    for path in (tmp_path / "grand").glob("*.json"):
        (body,) = json.loads(path.read_text()).values()
        assert [one["phrase"] for one in body["dense_caption"]["details"]] == [
            *captions.get(path.stem, NONE)["groundings"]
        ]
        assert all(len(one["attributes"]) == 1 and one["segmentation"] for one in body["objects"])
    with lmdb.open(
        str(tmp_path / "grand_lmdb" / "GranD_Data" / "Grand_Caption_Grounding_lmdb"), readonly=True
    ) as there:
        assert there.stat()["entries"] == len(some)
    lines = [json.loads(line) for line in (tmp_path / "jsonl" / "captions.jsonl").read_text().splitlines()]
    assert {line["id"]: line["dense"] for line in lines} == {
        i: body["texts"]["dense"]["text"] for i, body in some.items()
    }
    assert {line["dense"] for line in lines} == {one["caption"] for one in captions.values()}
    assert all(Path(line["image"]).is_absolute() and line["description"]["item"] for line in lines)
    page_of_all(out, bodies, tmp_path / "instructcv")


def page_of_all(out: Path, bodies: dict[str, dict[str, Any]], pairs: Path) -> None:
    """One page of the whole chain: a record shows what each stage has made, and the pairs that were exported."""
    assert view.main([str(out)]) == 0
    cards = data_of(RunFolder(out), "cards")
    stages = {name: [step for step, _ in steps] for name, steps in cards["stages"]}
    assert list(stages) == ["find", "say", "picture", "train"]
    assert stages["find"] == ["tag", "ground", "segment"] and stages["train"] == ["ref", "embed"]
    assert len(cards["records"]) == NUMBER
    asked = Counter(json.loads(path.read_text())["edit"] for path in pairs.rglob("prompt.json"))
    shown = [pair for card in cards["records"] for pair in card.get("pairs", [])]
    assert Counter(line for task, line, _ in shown if task in ("det", "seg")) == asked
    (report,) = (out / "report").glob("report-*")
    for card in cards["records"]:
        body = json.loads((out / "report" / unquote(card["path"])).read_bytes())
        assert body["id"] == card["id"] and {name for name, _ in card["sides"]} == body["images"].keys()
        for _, _, file in card.get("pairs", []):
            with Image.open(report / file) as small:
                assert max(small.size) <= 360
    if CHROMIUM is None:
        return
    card = max(cards["records"], key=lambda one: len(one["found"]))
    with chromium() as browser:
        browser.open(out / "report" / "index.html", f"#{card['id']}")
        browser.until("document.querySelectorAll('.stage').length === 5")
        tiles = browser.js("[...document.querySelectorAll('.tile header b')].map(one => one.textContent)")
        assert tiles == [*(step for steps in stages.values() for step in steps), *(pair[0] for pair in card["pairs"])]
        assert browser.js("document.querySelectorAll('#made .said li').length") == 2 * len(card["found"])
        browser.click(".shows")
        assert browser.js("document.querySelector('.side[aria-pressed=true]').title") == "foreground"
        assert browser.errors == []


@pytest.mark.slow
def test_the_page_s_commands_as_they_stand(tmp_path: Path, photos: dict[str, Image.Image]) -> None:
    (tmp_path / "photos").mkdir()
    for name, photo in photos.items():
        photo.convert("RGB").save(tmp_path / "photos" / f"{Path(name).stem}.jpg")
    _, told = walked("everything.md", tmp_path)
    assert told == 8


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_chain_of_published_models_with_tiny_ones_in_their_place(
    tmp_path: Path, photos: dict[str, Image.Image]
) -> None:
    (tmp_path / "photos").mkdir()
    for name, size in (("chelsea", (96, 72)), ("coffee", (72, 96)), ("rocket", (120, 80))):
        photos[name].convert("RGB").resize(size).save(tmp_path / "photos" / f"{name}.jpg", quality=92)
    given = ["source=folder", f"source.path={tmp_path / 'photos'}", f"output={tmp_path / 'out'}", "cluster=debug"]
    done = call("chain", "everything", *given, *tiny_models(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    bodies = [body_of(path) for path in records(tmp_path / "out" / "train")]
    assert len(bodies) == 3 and all(places(body) for body in bodies)
    assert all(
        {"depth", "canny", "hed", "mlsd", "normal", "foreground", "uniformer"} <= body["images"].keys()
        for body in bodies
    )
    for body in bodies:
        objects = [one for one in instances(body) if one.get("role") != "floating"]
        assert len(body["found"]["qwen_2_5_meta"]) == len(objects) < len(instances(body))
    for name, options in {
        **EXPORTS,
        "jsonl": ["texts=llava"],
        "instructcv": ["tasks=det,depes", "depth=normalised"],
    }.items():
        if name == "instancediffusion":  # the tiny embedder's vectors are shorter
            continue
        done = export(tmp_path / "out" / "train", name, tmp_path / name / FILES.get(name, ""), *options)
        assert done.returncode in (0, 3) and "read back well" in done.stdout, (name, done.stdout, done.stderr)


def tiny_models(folder: Path) -> list[str]:
    from tests.tiny import states
    from tests.tiny.embed import make_clip
    from tests.tiny.grand import grand_settings
    from tests.tiny.pose import make_vitpose
    from tests.tiny.segment import make_sam2

    return [
        *grand_settings(folder, parser=find_spec("spacy") is not None),
        "describe@description=caption",
        "normal=from_depth",
        f"foreground.checkpoint={states.saved(states.birefnet(), folder / 'birefnet.pth')}",
        f"sam2_mask.checkpoint={make_sam2(folder / 'sam2')}",
        *("sam2_mask.points=2", "sam2_mask.least_score=0", "sam2_mask.least_stability=0"),
        f"hed.checkpoint={states.saved(states.hed(), folder / 'hed.pth')}",
        f"mlsd.checkpoint={states.saved(states.mlsd(), folder / 'mlsd.pth')}",
        *(f"{name}=64" for name in ("foreground.side", "hed.short_side", "mlsd.short_side")),
        f"openpose.checkpoint={make_vitpose(folder / 'vitpose')}",
        f"uniformer.checkpoint={make_segmenter(folder / 'semantic')}",
        f"embed.checkpoint={make_clip(folder / 'embed')}",
    ]
