"""What GLaMM's classes, unmodified, read of a folder of data: python glamm_reads.py CHECKOUT DATASET_DIR, as JSON.

A process of its own, since the classes open files below the working directory, and since CLIP's processor, which would
be downloaded, and two functions of torchvision are stood in for.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

processor: Any = None
TIMES = 3  # every pair is asked for so many items


def stand_ins() -> None:
    import cv2
    import numpy as np
    import torch
    import transformers  # before the stand-ins, at which it would look
    from PIL import Image

    _ = transformers.CLIPImageProcessor, transformers.StoppingCriteria

    class Processor:
        @classmethod
        def from_pretrained(cls, *_: Any, **__: Any) -> Processor:
            return cls()

        def preprocess(self, image: Any, **_: Any) -> dict[str, Any]:
            small = cv2.resize(np.asarray(image), (336, 336)).astype(np.float32) / 255
            return {"pixel_values": torch.from_numpy(small).permute(2, 0, 1)[None]}

    functional = types.ModuleType("torchvision.transforms.functional")
    functional.resize = lambda image, size: image.resize((size[1], size[0]), Image.BILINEAR)  # type: ignore[attr-defined]
    functional.to_pil_image = Image.fromarray  # type: ignore[attr-defined]
    for name in ("torchvision", "torchvision.transforms"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision.transforms.functional"] = functional
    # Only to draw what is never drawn here.
    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.collections", "matplotlib.patches"):
        sys.modules.setdefault(name, types.ModuleType(name))
    for name in ("PatchCollection", "Polygon", "Rectangle"):
        setattr(sys.modules["matplotlib.collections"], name, None)
        setattr(sys.modules["matplotlib.patches"], name, None)
    global processor
    processor = Processor


def pairs(data: str) -> dict[str, Callable[[], Any]]:
    from dataset import dataset as ds
    from model.llava import conversation

    conversation.default_conversation = conversation.conv_templates["llava_v1"]  # as train.py does
    for name, module in list(sys.modules.items()):
        if name.startswith("dataset.") and hasattr(module, "CLIPImageProcessor"):
            module.CLIPImageProcessor = processor  # type: ignore[attr-defined]
    common = {"dataset_dir": data, "tokenizer": None, "global_image_encoder": "x", "image_size": 1024}

    def of(kind: Any, validation: bool, **more: Any) -> Callable[[], Any]:
        return lambda: kind(**common, validation=validation, random_sampling=False, **more)

    found: dict[str, Callable[[], Any]] = {}
    for name in ("ade20k", "cocostuff", "mapillary", "paco_lvis", "pascal_part"):
        found[f"Semantic_Segm {name}"] = of(ds.SemanticSegmDataset, False, semantic_segm_data=name)
    for name in ("refcoco", "refcoco+", "refcocog", "refclef"):
        found[f"Refer_Segm {name}"] = of(ds.ReferSegmDataset, False, refer_segm_data=name)
    both = {
        "CocoCap": ds.CocoCapDataset,
        "LLaVaInstruct": ds.LLaVAInstructDataset,
        "GranDf_GCG": ds.GranDfDataset,
        "PSG_GCG": ds.OpenPsgGCGDataset,
        "RefCoco_GCG": ds.RefCOCOgGCGDataset,
        "Flickr_GCG": ds.Flickr30kGCGDataset,
        "RefCocoG_Reg": ds.RefCocoGRegDataset,
        "RefCocoP_Reg": ds.RefCocoPRegDataset,
        "VisGen_Reg": ds.VisualGenomeRegDataset,
        "GrandRefer_Reg": ds.GrandReferRegDataset,
        "GrandCaptionDataset": ds.GrandShortCaptionDataset,
        "GrandRefer_Segm": ds.GrandReferSegmDataset,
    }
    for name, kind in both.items():
        found |= {f"{name} {split}": of(kind, split == "val") for split in ("train", "val")}
    found["RefCoco_Reg train"] = of(ds.RefCocoRegDataset, False)
    found["Flickr_Reg train"] = of(ds.Flickr30kRegDataset, False)
    return found


def checked(item: Any) -> dict[str, Any]:
    """Figures of an item, and what does not fit together in it."""
    import cv2

    path, picture, _, boxes, conversations, masks, _, resized, _, _ = item
    text, wrong = conversations[0], []
    read = cv2.imread(path)
    assert read is not None, path
    height, width = read.shape[:2]
    if tuple(picture.shape) != (3, 336, 336):
        wrong.append(f"picture of {tuple(picture.shape)}")
    facts: dict[str, Any] = {"path": path}
    if masks is not None:
        facts["masks"] = len(masks)
        if masks.shape[0] != text.count("[SEG]"):
            wrong.append(f"{masks.shape[0]} masks, {text.count('[SEG]')} [SEG]")
        if tuple(masks.shape[1:]) != (height, width):
            wrong.append(f"masks of {tuple(masks.shape[1:])}, picture of {(height, width)}")
        if not set(masks.unique().tolist()) <= {0, 1}:
            wrong.append(f"mask values {masks.unique().tolist()}")
        if any(not mask.any() for mask in masks):
            wrong.append("an empty mask")
        if resized is None or max(resized) != 1024:
            wrong.append(f"resized to {resized}")
    if boxes is not None:
        facts["boxes"] = len(boxes)
        answers = text.count("ASSISTANT:") - ("region1 <bbox>,region2" in text)  # one more about all regions at once
        if len(boxes) != answers:
            wrong.append(f"{len(boxes)} boxes, {answers} answers")
        if float(boxes.min()) < 0 or float(boxes.max()) > 1.001:
            wrong.append(f"boxes from {float(boxes.min()):.3f} to {float(boxes.max()):.3f}")
    if "<p>" in text or "</p>" in text:
        answer = text.split("ASSISTANT:")[1]
        facts["answer"] = answer.strip()
        pieces = [piece for piece in answer.replace("<p>", "\0<p>").split("\0") if piece.startswith("<p>")]
        if any(piece.count("</p> [SEG]") != 1 for piece in pieces):
            wrong.append(f"tags are not closed: {answer}")
    return {**facts, "wrong": wrong}


def place_of(error: BaseException, checkout: str) -> str:
    """The last line of the checkout's own on the way to it: file, line, and what stands there."""
    own = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(checkout)]
    return f"{os.path.relpath(own[-1].filename, checkout)}:{own[-1].lineno}: {own[-1].line}" if own else "elsewhere"


def main(checkout: str, data: str) -> None:
    sys.path.insert(0, checkout)
    stand_ins()
    outcomes: dict[str, Any] = {}
    for name, make in pairs(data).items():
        random.seed(0)
        made = None
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                made = make()
                infos = getattr(made, "data_infos", None)
                items = [checked(made[n % len(infos) if infos else 0]) for n in range(TIMES)]
        except Exception as error:
            outcomes[name] = {"failed": f"{type(error).__name__}: {error}", "where": place_of(error, checkout)}
        else:
            wrong = [text for item in items for text in item["wrong"]]
            outcomes[name] = {"items": None if infos is None else len(infos), "wrong": wrong, "seen": items}
        if made is not None and hasattr(made, "annos"):
            made.annos.close()  # today's lmdb opens a folder once in a process
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
