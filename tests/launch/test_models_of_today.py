"""The steps of today's models in runs of their own, tiny and random, on real photos: together and one after another, in
company and alone, killed and taken up again, the records are the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.launch import run, validate
from tests.conftest import environment, listed
from tests.support.processes import wait_for
from tests.tiny.caption import make_qwen
from tests.tiny.embed import make_clip, make_siglip
from tests.tiny.ground import make_dfine, make_mm_groundingdino, make_omdet, make_rfdetr
from tests.tiny.sam3 import make_sam3
from tests.tiny.seers import make_gemma3, make_internvl, make_smolvlm
from tests.tiny.segment import make_edgetam, make_sam2, maps_config
from tests.tiny.tag import DESCRIPTIONS, IMAGE_SIZE, make_ram_plus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PREFIXES = ["temple", "temple roof", "cat", "cat's eye", "rocket"]
MANY = [*PREFIXES, *(f"thing {number}" for number in range(300))]
# A prompt is asked for, a name is written; synonyms, and a threshold of its own.
ASKED = ["temple", "temple roof", "puss = cat | tom @ 0.02", "rocket = a rocket"]
MODELS: Mapping[str, Callable[[Path], Path]] = {
    "ram_plus": make_ram_plus,
    "llmdet": make_mm_groundingdino,
    "sam2": make_sam2,
    "sam3": make_sam3,
    "siglip": make_siglip,
    "qwen3_vl": lambda folder: make_qwen(folder, "Qwen3VL"),
    "gemma": make_gemma3,
    "internvl": make_internvl,
    "smolvlm": make_smolvlm,
    "clip": lambda folder: make_clip(folder, width=768),
    "edgetam": make_edgetam,
    "omdet": make_omdet,
    "dfine": make_dfine,
    "rfdetr": make_rfdetr,
}
SAYS = ["caption.max_new_tokens=4", "caption.side=40"]
LOOKS = ["ground.short_side=160", "ground.long_side=266"]
RUNS: Mapping[str, list[str]] = {
    "instances2026": [
        "pipeline=instances2026", "tag.checkpoint={ram_plus}", f"tag.image_size={IMAGE_SIZE}",
        f"tag.descriptions={DESCRIPTIONS}", "ground.checkpoint={llmdet}", *LOOKS, "segment.checkpoint={sam2}",
        "verify.checkpoint={siglip}", "caption.checkpoint={qwen3_vl}", *SAYS, "embed.checkpoint={clip}",
    ],
    "classes of one's own by SAM 3, which gives the second opinion, too": [
        "tag=list", f"tag.names={json.dumps(ASKED)}", "ground=sam3", "ground.checkpoint={sam3}", "verify=sam3",
        "ground.box_threshold=0.05", "verify.checkpoint={sam3}", "caption=gemma", "caption.checkpoint={gemma}", *SAYS,
        "pipeline.steps=[tag,ground,verify,caption]",
    ],
    "300 classes by OmDet-Turbo, masks by EdgeTAM": [
        "tag=list", f"tag.names={json.dumps(MANY)}", "ground=omdet", "ground.checkpoint={omdet}",
        "ground.box_threshold=0.02", "segment=edgetam", "segment.checkpoint={edgetam}", "caption=internvl",
        "caption.checkpoint={internvl}", *SAYS, "pipeline.steps=[tag,ground,segment,caption]",
    ],
    "tags by SigLIP, of which LLMDet finds none": [
        "tag=siglip", "tag.checkpoint={siglip}", f"tag.names={json.dumps(ASKED[:2])}", "tag.threshold=0",
        "ground=llmdet", "ground.checkpoint={llmdet}", *LOOKS, "ground.box_threshold=0.999", "verify=siglip",
        "verify.checkpoint={siglip}", "pipeline.steps=[tag,ground,verify]",
    ],
    "what the item's caption names": [
        "tag=caption", "ground=llmdet", "ground.checkpoint={llmdet}", *LOOKS, "phrases=tags", "caption=smolvlm",
        "caption.checkpoint={smolvlm}", *SAYS, "pipeline.steps=[tag,ground,caption,phrases]",
    ],
    "fixed kinds by D-FINE": ["ground=dfine", "ground.checkpoint={dfine}", "ground.box_threshold=0.1",
                              "pipeline.steps=[ground]"],
    "fixed kinds with masks by RF-DETR": ["ground=rfdetr", "ground.checkpoint={rfdetr}", "ground.box_threshold=0.2",
                                          "pipeline.steps=[ground]"],
}  # fmt: skip
KILLED = "import sys; from tests.launch.test_models_of_today import in_here; raise SystemExit(in_here(*sys.argv[1:]))"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: make(folder / name).resolve() for name, make in MODELS.items()}


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> Path:
    """Photos of several sizes, with company of the same size and without."""
    folder = tmp_path_factory.mktemp("photos")
    entries = []
    for number, (name, photo) in enumerate(photos.items()):
        small = photo.convert("RGB").resize((96, 80)) if number % 2 else photo.convert("RGB").resize((120, 90))
        small.save(folder / f"{name}.jpg", quality=90)
        entries.append(
            {"image": f"{name}.jpg", "caption": f"a cat beside a small temple and a rocket, number {number}"}
        )
    (folder / "train_data.json").write_text(json.dumps(entries))
    return folder / "train_data.json"


def in_here(*arguments: str) -> int:
    """Where EdgeTAM's tiny backbone is known to transformers."""
    maps_config()
    code: int = run.main([*arguments, "cluster=debug"])
    return code


def records_in(out: Path) -> dict[str, bytes]:
    return {Path(path).name: Path(path).read_bytes() for path in listed(out)}


@pytest.mark.parametrize("name", RUNS)
def test_fused_staged_alone_and_killed_they_make_the_same_records(
    name: str, train: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    settings = [
        setting.format(**models) if "{" in setting and "checkpoint" in setting else setting for setting in RUNS[name]
    ]
    given = [f"source.path={train}", *settings]
    assert in_here(*given, f"output={tmp_path / 'fused'}") == 0
    fused = records_in(tmp_path / "fused")
    assert len(fused) == 6
    for how, more in (("staged", ["work.schedule=staged"]), ("alone", ["work.batch=1", "shard_size=1"])):
        assert in_here(*given, f"output={tmp_path / how}", *more) == 0
        assert records_in(tmp_path / how) == fused, how
    killed(tmp_path / "killed", given)
    assert 0 < len(list((tmp_path / "killed").glob("records/*/*.json"))) < 6
    assert in_here(*given, f"output={tmp_path / 'killed'}", "work.batch=1") == 0
    assert records_in(tmp_path / "killed") == fused
    assert validate.main([str(tmp_path / "killed")]) == 0
    made = [json.loads(record) for record in fused.values()]
    looked_at(name, made, [one for body in made for one in body["annos"] if "pad" not in one])


def killed(out: Path, given: list[str]) -> None:
    words = [sys.executable, "-c", KILLED, *given, f"output={out}", "work.batch=1"]
    process = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: [*out.glob("records/*/*.json")] or process.poll() is not None, 240)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def looked_at(name: str, made: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    labels = {one["category_name"] for one in found}
    if "none" in name:
        assert found == [] and all(body["tags"] for body in made)
        return
    assert found
    if name == "instances2026":
        assert set(made[0]["models"]) == {"tag", "ground", "segment", "verify", "caption", "embed"}
        assert all({"mask", "agreement", "text_embedding_before"} <= set(one) for one in found)
    elif "own" in name:
        assert labels <= {"temple", "temple roof", "puss", "rocket"} and "puss" in labels
        assert all(one["mask"] and 0 <= one["agreement"]["verify"] <= 1 for one in found)
    elif "300" in name:
        assert labels <= set(MANY) and len(labels) > 5 and all(one["mask"] for one in found)
    elif "caption" in name:
        assert labels <= {"cat", "small temple", "temple", "rocket"}
    else:
        assert labels <= {"cat", "bird house"}
