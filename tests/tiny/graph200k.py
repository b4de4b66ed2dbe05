"""Settings that put a tiny model in the place of each that pipeline=graph200k names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.generate.steps.normal.test_normal import make_marigold
from tests.generate.steps.semantic.test_semantic import make_segmenter
from tests.support.photos import photo
from tests.tiny import pipelines, states
from tests.tiny.chat import make_sayer
from tests.tiny.depth import make_depth_anything
from tests.tiny.pose import make_rtdetr, make_vitpose
from tests.tiny.segment import make_sam2

NAMES = ["a clay vase", "a desk lamp", "a wall clock", "a wooden bowl", "a thick book"]
BOXES = [
    {"bbox_2d": [150, 200, 600, 900], "label": "brass jug"},
    {"bbox_2d": [650, 100, 950, 400], "label": "window"},
    {"bbox_2d": [0, 800, 1000, 1000], "label": "table"},
]
SAID = {
    "ground": BOXES,
    "description": {"item": "a brass jug", "description_0": "It stands on a table.", "description_1": ""},
    "quality_assessment": {"compositeStructure": 4, "objectConsistency": 5, "imageQuality": 3},
    "propose": {
        "replacements": [{"name": name, "description": f"There is {name} on the table."} for name in NAMES],
        "scene": "It stands on a beach.",
    },
}
SHORT = ("max_sequence_length=16",)


def tiny(folder: Path) -> list[str]:
    """Each step is the option that the pipeline names; of `ref` the one with a model."""
    at = {name: folder / name for name in ("sam2", "fill", "control", "sdxl", "redux", "kontext", "depth", "styles")}
    sam2 = make_sam2(at["sam2"])
    pipelines.make_flux_fill(at["fill"])
    pipelines.make_flux_control(at["control"])
    pipelines.make_sdxl(at["sdxl"])
    pipelines.make_redux(at["redux"])
    pipelines.make_kontext(at["kontext"])
    at["styles"].mkdir()
    for name in ("china", "flower", "coffee", "astronaut"):
        photo(name).resize((80, 70)).save(at["styles"] / f"{name}.jpg")
    return [
        "pipeline=graph200k",
        "reference@ref=edit",
        *(f"{name}.checkpoint={make_sayer(folder / name, json.dumps(said))}" for name, said in SAID.items()),
        f"segment.checkpoint={sam2}",
        f"sam2_mask.checkpoint={sam2}",
        *("sam2_mask.points=2", "sam2_mask.least_score=0", "sam2_mask.least_stability=0"),
        f"foreground.checkpoint={states.saved(states.birefnet(), folder / 'birefnet.pth')}",
        f"hed.checkpoint={states.saved(states.hed(), folder / 'hed.pth')}",
        f"mlsd.checkpoint={states.saved(states.mlsd(), folder / 'mlsd.pth')}",
        *("foreground.side=64", "hed.short_side=64", "mlsd.short_side=64"),
        f"openpose.checkpoint={make_vitpose(folder / 'vitpose')}",
        f"openpose.detector={make_rtdetr(folder / 'rtdetr')}",
        *("openpose.box_threshold=0.1", "openpose.keep_empty=true"),
        f"depth.checkpoint={make_depth_anything(at['depth'])}",
        f"normal.checkpoint={make_marigold(folder / 'marigold')}",
        *("normal.iterations=2", "normal.side=32"),
        f"uniformer.checkpoint={make_segmenter(folder / 'semantic')}",
        *drawn("ref", at["kontext"], (*SHORT, "_auto_resize=false")),
        *drawn("FillEdit", at["fill"], SHORT),
        *drawn("DepthEdit", at["control"], SHORT),
        *instant(folder),
        *drawn("ReduxStyle", at["redux"], SHORT),
        f"ReduxStyle.prior={at['redux'] / 'prior'}",
        f"ReduxStyle.folder={at['styles']}",
    ]


def drawn_by_others(folder: Path) -> list[str]:
    """On records of the above: pipelines that the first run has not used. SDXL begins at the picture."""
    klein = pipelines.make_klein(folder / "klein")
    options = [f"{name}={value}".replace(" ", "") for name, value in pipelines.KLEIN.items()]
    controlnet = pipelines.make_flux_controlnet(folder / "controlnet")
    return [
        "pipeline=graph200k_drawn",
        *("fill@FillEdit=klein", "depth_edit@DepthEdit=controlnet", "style@ReduxStyle=klein"),
        *drawn("FillEdit", klein, options, side=96),
        *drawn("DepthEdit", controlnet, SHORT),
        f"DepthEdit.controlnet={controlnet / 'control'}",
        *instant(folder),
        "InstantStyle.strength=0.6",
        *drawn("ReduxStyle", klein, options, side=96),
        f"ReduxStyle.folder={folder / 'styles'}",
    ]


def drawn(step: str, checkpoint: Path, options: Sequence[str] = (), side: int = 64) -> list[str]:
    given = [f"checkpoint={checkpoint}", f"side={side}", "steps=2", "dtype=float32"]
    return [*(f"{step}.{one}" for one in given), *(f"++{step}.options.{one}" for one in options)]


def instant(folder: Path) -> list[str]:
    sdxl = folder / "sdxl"
    parts = [f"controlnet={sdxl / 'control'}", f"adapter={sdxl / 'adapter'}"]
    parts += ["adapter_file=sdxl_models/ip.safetensors", "variant=null", f"folder={folder / 'styles'}"]
    return [*drawn("InstantStyle", sdxl), *(f"InstantStyle.{one}" for one in parts)]
