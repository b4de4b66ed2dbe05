"""The way of working that Labelyard is measured against: one image after another, one crop after another, all inline.

The order is that of InstanceDiffusion's script: open the image, tags, boxes, masks of the image's boxes, then for each
box a caption of its crop and the embeddings of caption and label, then the JSON. The networks are the same objects as
the engine's, set for batches of one; what the script embeds again for every box (the label) is embedded again here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, Record
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import encoded
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.step import Step

BOX_BY_BOX = ("BLIP", "BLIP2", "Florence2", "VLM", "CLIP", "MiniLM", "SiglipOpinion")  # classes of steps


def sequential(
    steps: Mapping[str, Step],
    items: Sequence[Item],
    folder: RunFolder,
    made_by: dict[str, str],
    shard_size: int,
    device: str = "cpu",
) -> dict[str, float]:
    """Seconds by step; the records are under `folder`, in the shards of the plan."""
    spent: dict[str, float] = defaultdict(float)
    for position, item in enumerate(items):
        shard = position // shard_size
        with timed(spent, "load", device):
            record = load(item, None, Load())
        for name, step in steps.items():
            with timed(spent, name, device):
                for part in parts(step, record):
                    step(part)
                record.models[name] = step.model()
        with timed(spent, "write", device):
            text, _, images = encoded(folder, shard, record, Write(), made_by)
            put(folder.record(shard, item), text)
            for image, data in images.items():
                put(folder.image(image, shard, item), data)
    return spent


def remembered(step: Step) -> dict[str, Any]:
    """Embeddings of labels that a step has seen before."""
    labels: dict[str, Any] = getattr(getattr(step, "loaded", None), "labels", vars(step).get("_labels", {}))
    return labels


def parts(step: Step, record: Record) -> Iterator[list[Record]]:
    """What the step is called with: the image, or one of its boxes after the other."""
    if type(step).__name__ not in BOX_BY_BOX:
        yield [record]
        return
    for instance in record.instances:
        remembered(step).clear()
        yield [Record(record.item, record.image, caption=record.caption, instances=[instance])]


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def timed(spent: dict[str, float], name: str, device: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    if device != "cpu":
        import torch

        torch.cuda.synchronize()
    spent[name] += time.perf_counter() - began
