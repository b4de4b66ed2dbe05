"""A run folder as workers leave it, written by the same functions, without any worker: for what only reads it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from labelyard.generate.record import Instance, Item, MadeImage, Record, Tag, item_id
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import encoded
from labelyard.generate.run_folder.claims import Owner
from labelyard.generate.run_folder.journal import Journal, Outcome
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import write_manifest
from labelyard.generate.run_folder.plan import Pass, Plan
from labelyard.utils import rle

HOSTILE = "<img src=x onerror=\"document.title='pwned'\"></script><script>document.title='pwned'</script>"
LABELS = ("cat", "cup", "person", "dog", "a table\u2028of wood", "__proto__")
ODD = "日本語 \ud800 \\ \" ' `${1}` &amp; \u202e"


def make_run(
    path: Path,
    pictures: list[Image.Image],
    number: int = 24,
    size: int = 8,
    failing: tuple[int, ...] = (),
    captions: dict[int, str] | None = None,
    open_shards: int = 0,
    sides: bool = True,
) -> RunFolder:
    """Item n has n % 4 instances. The last `open_shards` shards are not finished: their journals tell, and the last
    item of each is still pending."""
    folder = RunFolder(path)
    folder.make()
    items = [_item(n, (captions or {}).get(n, f"picture number {n}")) for n in range(number)]
    shards = [items[start : start + size] for start in range(0, number, size)]
    folder.write_run({"made_by": {}})
    for shard, inside in enumerate(shards):
        folder.write_shard(shard, inside)
    folder.write_plan(Plan((Pass({}, None, number, number, 0, 0, len(shards), size, "2026-01-01T00:00:00Z"),)))
    began = time.time() - 100
    for shard, inside in enumerate(shards):
        is_open = shard >= len(shards) - open_shards
        journal = Journal(folder.journal(shard, "host-1-a"))
        ended = inside[:-1] if is_open else inside
        journal.write("started", ids=[item.id for item in ended])
        outcomes = {}
        for item in ended:
            if item.index in failing:
                facts = {"reason": f"no such file: {item.image}", "step": "load", "attempts": 1}
                outcome = Outcome(item.id, "quarantined", facts)
            else:
                outcome = _write(folder, shard, item, pictures[item.index % len(pictures)], sides)
            journal.outcome(outcome)
            outcomes[item.id] = outcome
        if not is_open:
            seconds = {"setup tag": 2.0, "wait for images": 1.0, "ground": 6.0, "wait for writing": 1.0}
            journal.write("spent", seconds=seconds)
            write_manifest(folder, shard, inside, outcomes, "host-1-a")
        journal.close()
    state = asdict(Owner("host-1-a", "", "node-a", 1, "", "elsewhere"))
    state |= {
        "state": "working",
        "reason": "",
        "began": began,
        "working_since": began + 10,
        "at": round(time.time(), 3),
    }
    state |= {"done": number - len(failing), "failed": len(failing), "rate": 0.25}
    (folder.workers / "host-1-a.json").write_text(json.dumps(state))
    return folder


def _item(n: int, caption: str) -> Item:
    image = f"/pictures/{n:04d}.jpg"
    return Item(item_id(image, caption), n, image, caption, {"note": HOSTILE} if n == 1 else {})


def _write(folder: RunFolder, shard: int, item: Item, picture: Image.Image, sides: bool) -> Outcome:
    width, height = picture.size
    record = Record(item, picture, None, {"format": "JPEG"}, item.caption)
    record.tags = [Tag(LABELS[item.index % 3], 0.5)]
    for k in range(item.index % 4):
        box = (width * 0.1 * k, height * 0.1 * k, width * (0.1 * k + 0.5), height * (0.1 * k + 0.6))
        mask = np.zeros((height, width), bool)
        mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
        label = LABELS[(item.index + k) % len(LABELS)]
        instance = Instance(box, round(0.3 + 0.2 * k, 3), label, rle.encode(mask), f"{label} {k}", "template")
        if k < 2:  # of the third nobody was asked
            instance.extra["agreement"] = {"siglip": round(0.2 + 0.5 * k, 2), "vlm": float(item.index % 2)}
        instance.label_embedding = np.zeros((1, 768), np.float32)
        record.instances.append(instance)
    depth = np.linspace(0, 60000, width * height).reshape(height, width).astype(np.uint16)
    if sides:
        record.images = {"edges": MadeImage(picture.convert("L")), "depth": MadeImage(Image.fromarray(depth))}
    text, instances, images = encoded(folder, shard, record, Write(short_side=None), {})
    for name, data in images.items():
        target = folder.image(name, shard, item)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    path = folder.record(shard, item)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return Outcome(item.id, "done", {"file": path.name, "bytes": len(text), "instances": instances})
