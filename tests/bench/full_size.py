"""The published architectures at full size, with random weights: how long each step takes, and how much memory.

    python -m tests.bench.full_size FOLDER [--photos 2] [--pipeline instances2026] [--device cpu] [--dtype float32]

FOLDER keeps the weights between calls (about 3 GB with SAM-HQ's ViT-B and BLIP base; ViT-H, BLIP-2 and flan-t5-xxl take
13, 8 and 25 GB). Random weights find nothing real, so tags and boxes are given: what is shown is that the networks run,
how fast, and in how much memory. Each step runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import today
from tests.bench.published import CAPTIONERS, VISION, networks, photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--segment", choices=tuple(VISION), default="b")
    parser.add_argument("--caption", choices=(*CAPTIONERS, *today.MODELS), default="blip")
    parser.add_argument("--pipeline", choices=("instances", "instances2026"), default="instances")
    parser.add_argument("--threads", type=int, help="of torch; all by default")
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help="these steps alone")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(measure(chosen)))
        return
    print(
        f"{'step':<10}{'model':<22}{'parameters':>12}{'load s':>8}{'s/photo':>9}{'CPU s':>9}{'peak GB':>9}{'GPU GB':>8}"
    )
    for step in networks(chosen.pipeline, chosen.segment, chosen.caption):
        if chosen.only and step not in chosen.only:
            continue
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.full_size", *sys.argv[1:], "--step", step], stdout=subprocess.PIPE
        )
        if done.returncode:
            print(f"{step:<10}failed with exit code {done.returncode}")
            continue
        r = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{step:<10}{r['model']:<22}{r['parameters'] / 1e6:>10.0f} M{r['load']:>8.1f}{r['seconds']:>9.2f}"
            f"{r['cpu']:>9.2f}{r['peak']:>9.1f}{r['gpu'] or '-':>8}",
            flush=True,
        )


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_flush_denormal(True)  # untrained weights make them, and they make a CPU crawl
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    network = networks(chosen.pipeline, chosen.segment, chosen.caption)[chosen.step]
    if not (chosen.folder / network.name).exists():  # in a process of its own: its memory is not the step's
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(chosen,))
        maker.start()
        maker.join()
    # The tagger fills its batches up to their size; here they are as large as the photos are many.
    sizes = {"batch_size": chosen.photos} if chosen.step == "tag" else {}
    step = network.build(chosen.folder, dtype=chosen.dtype, **sizes)
    began = time.perf_counter()
    step.setup(chosen.device)
    loaded = time.perf_counter()
    records = photos(chosen.photos)
    step(records[:1])  # the first call pays for what is made once
    start, computed = time.perf_counter(), time.process_time()
    step(records)
    if chosen.device != "cpu":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / len(records)
    return {
        "model": network.name,
        "parameters": parameters(chosen.folder / network.name),
        "load": loaded - began,
        "seconds": seconds,
        "cpu": (time.process_time() - computed) / len(records),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "gpu": f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if chosen.device != "cpu" else "",
    }


def make(chosen: argparse.Namespace) -> None:
    networks(chosen.pipeline, chosen.segment, chosen.caption)[chosen.step].made(chosen.folder)


def parameters(folder: Path) -> int:
    """Counted by the bytes of the weights, which are as wide as they were saved."""
    from safetensors import safe_open

    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  (it is no dictionary)
                shape = file.get_slice(name).get_shape()
                size = 1
                for side in shape:
                    size *= side
                total += size
    for path in folder.glob("*.pth"):
        total += path.stat().st_size // 4
    return total


if __name__ == "__main__":
    main()
