"""What InstanceDiffusion's JsonDataset, unmodified, reads of train lists: python instancediffusion_reads.py CHECKOUT
LIST …, as JSON.

A process of its own, since torchvision, which it imports and does not use for this, is stood in for.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import types
from pathlib import Path
from typing import Any


def stand_ins() -> None:
    names = ("torchvision", "torchvision.transforms", "tkinter", "tkinter.messagebox")
    made = {name: types.ModuleType(name) for name in names}
    vars(made["torchvision"])["transforms"] = made["torchvision.transforms"]
    vars(made["tkinter.messagebox"])["NO"] = "no"
    sys.modules.update(made)


def shown(data: dict[str, Any]) -> dict[str, Any]:
    """In the order of the trainer, the largest first."""
    count = int(data["masks"].sum())
    return {
        "id": data["id"],
        "caption": data["caption"],
        "image": list(data["image"].shape),
        "boxes": [[round(float(side), 5) for side in box] for box in data["boxes"][:count]],
        "embeddings": [hashlib.sha256(one.numpy().tobytes()).hexdigest() for one in data["text_embeddings"][:count]],
        "masks": [round(float(one.mean()), 5) for one in data["segs"][:count]],
        "scribbles": [[round(float(v), 4) for v in one] for one in data["scribbles"][:count]],
    }


def main() -> None:
    checkout, *lists = sys.argv[1:]
    stand_ins()
    sys.path.insert(0, checkout)
    from dataset.decode_item import decode
    from dataset.jsondataset import JsonDataset

    random.seed(0)
    found = {}
    for name in lists:
        reading = decode(max_boxes_per_data=30, random_flip=False, random_blip=0.0)
        there = JsonDataset(str(Path(name).resolve()), root_dir="/", decode_func=reading)
        found[name] = [shown(there[number]) for number in range(len(there))]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
