"""The trainer's own code, unmodified, over what was written for it: in a process of its own, from a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Damage
from labelyard.utils.errors import UserError

NEEDED = "data/data_reader.py"
MOST_ROWS = 2000  # of the list, that are looked through for rows of each list of images
SECONDS = 1800
RESULT = "consumer: "

# For each safe list the first two rows that the trainer itself takes for it, as context and as query.
SCRIPT = """
import itertools, json, random, sys, types
checkout, listed, tasks, most = sys.argv[1:5]
sys.path[0] = checkout
try:
    import torchvision.utils
except ImportError:  # of all of it one function is named, and none called
    stub = types.ModuleType("torchvision")
    stub.utils = types.ModuleType("torchvision.utils")
    stub.utils.make_grid = None
    sys.modules |= {"torchvision": stub, "torchvision.utils": stub.utils}
import numpy, torch
from data.data_reader import T2IItemProcessor
from data.data_utils import check_item_graph200k
def as_tensor(image):
    return torch.from_numpy(numpy.asarray(image).copy()).permute(2, 0, 1).float() / 127.5 - 1
with open(listed) as file:  # of either kind a line is a row
    lines = (line.strip().rstrip(",") for line in file if line.startswith("{"))
    rows = [json.loads(line) for line in itertools.islice(lines, int(most))]
processor, calls, failed = T2IItemProcessor(as_tensor, resolution=384), 0, []
random.seed(0)
for which, groups in json.load(open(tasks)).items():
    for group in groups:
        for images in group["image_list"]:
            try:
                fitting = [row for row in rows if check_item_graph200k(row, images)][:2]
                for training in (True, False):
                    if len(fitting) == 2:
                        processor.graph200k_process_item(fitting, images, 2, training_mode=training)
                        calls += 1
            except Exception as error:
                failed.append(f"{which}, {' '.join(images)}: {type(error).__name__}: {error}")
print("consumer: " + json.dumps({"calls": calls, "failed": failed}))
"""


def refuse_other_folder(checkout: Path) -> None:
    if not (checkout / NEEDED).is_file():
        raise UserError(
            f"consumer={checkout} is no checkout of VisualCloze: there is no {NEEDED} in it. "
            "Try: git clone https://github.com/lzyhha/VisualCloze"
        )


def check_consumer(checkout: Path, listed: Path, tasks: Path) -> str:
    """What it has read; Damage where it can't."""
    checkout = checkout.resolve()
    command = [sys.executable, "-c", SCRIPT, str(checkout), str(listed.resolve()), str(tasks.resolve()), str(MOST_ROWS)]
    # In the checkout, by which it finds its own files; and relative paths of a list are none of ours.
    done = subprocess.run(
        command, cwd=checkout, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    line = next((line for line in done.stdout.splitlines() if line.startswith(RESULT)), None)
    if line is None:
        last = done.stderr.strip().rpartition("\n")[2]
        raise UserError(
            f"consumer={checkout} could not be run: {last}. It needs what its requirements.txt names, of which for the "
            "data: numba scipy scikit-image h5py PyYAML opencv-python-headless torch"
        )
    found: dict[str, Any] = json.loads(line.removeprefix(RESULT))
    if found["failed"]:
        raise Damage(f"the trainer's own code fails at {len(found['failed'])} lists: {found['failed'][0]}")
    return f"{found['calls']} samples of rows in {listed.name}"
