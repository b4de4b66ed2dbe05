"""pipeline=graph200k from photos to the trainer's list, with small random networks in place of the published ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image

from labelyard.utils.graph200k import SINGLE
from tests.conftest import MakeList, call, records
from tests.generate.steps.semantic.test_semantic import make_segmenter
from tests.tiny import states
from tests.tiny.depth import make_depth_anything
from tests.tiny.pose import make_vitpose
from tests.tiny.segment import make_sam2

NAMES = ["a vase", "a lamp", "a clock", "a jug", "a bowl", "a book", "a ball"]


def settings(folder: Path) -> list[str]:
    """Of the steps that ask a model that sees, two go without; the judge is left out."""
    (folder / "things.txt").write_text("\n".join(NAMES), encoding="utf-8")
    sam2 = make_sam2(folder / "sam2")
    return [
        "pipeline=graph200k",
        "pipeline.steps=[ground,segment,foreground,description,ref,qwen_2_5_bounding_box,qwen_2_5_mask,sam2_mask,canny,"
        "hed,mlsd,openpose,depth,normal,uniformer,propose]",
        "describe@description=caption",
        "ground=coco_ssd",
        "ground.box_threshold=0.05",
        f"segment.checkpoint={sam2}",
        f"sam2_mask.checkpoint={sam2}",
        "sam2_mask.points=2",
        "sam2_mask.least_score=0",
        "sam2_mask.least_stability=0",
        f"foreground.checkpoint={states.saved(states.birefnet(), folder / 'birefnet.pth')}",
        "foreground.side=64",
        f"hed.checkpoint={states.saved(states.hed(), folder / 'hed.pth')}",
        f"mlsd.checkpoint={states.saved(states.mlsd(), folder / 'mlsd.pth')}",
        f"openpose.checkpoint={make_vitpose(folder / 'vitpose')}",
        "openpose.of=instances",
        "openpose.keep_empty=true",
        "qwen_2_5_mask.keep_empty=true",
        "qwen_2_5_bounding_box.keep_empty=true",
        f"depth.checkpoint={make_depth_anything(folder / 'depth')}",
        "normal=from_depth",
        f"uniformer.checkpoint={make_segmenter(folder / 'semantic')}",
        "propose=list",
        f"propose.file={folder / 'things.txt'}",
        "hed.short_side=64",
        "mlsd.short_side=64",
        "cluster=debug",
    ]


def digests(run: Path) -> dict[str, str]:
    files = sorted((run / "images").rglob("*.*"))
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_photos_become_rows_of_graph200k_twice_the_same(make_list: MakeList, tmp_path: Path) -> None:
    given = [f"source.path={make_list(4, side=96)}", *settings(tmp_path)]
    for name in ("one", "other"):
        done = call("run", *given, f"output={tmp_path / name}")
        assert done.returncode == 0, done.stderr
    made = digests(tmp_path / "one")
    assert made == digests(tmp_path / "other")
    bodies = [json.loads(path.read_text()) for path in records(tmp_path / "one")]
    assert len(bodies) == 4
    for body in bodies:
        assert (
            set(SINGLE) - {"DepthEdit"} <= set(body["images"]) and body["images"]["normal"]["frame"] == "left_up_near"
        )
        assert body["found"]["description"]["item"] and len(body["found"]["proposals"]["replacements"]) == 5
        assert len(body["found"]["qwen_2_5_meta"]) == sum("pad" not in one for one in body["annos"])
    done = call("export", tmp_path / "one", "graph200k", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "data" / "data.json").read_text())
    assert len(listed) == 4
    for element in listed:
        with Image.open(element["condition"]["target"]) as target:
            for kind in ("canny", "hed", "mlsd", "openpose", "depth", "normal", "foreground", "uniformer", "sam2_mask"):
                with Image.open(element["condition"][kind]) as image:
                    assert image.size == target.size, kind
