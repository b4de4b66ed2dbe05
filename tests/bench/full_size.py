"""The published architectures at full size, with random weights: how long each step takes, and how much memory.

    python -m tests.bench.full_size FOLDER [--photos 2] [--pipeline instances instances2026] [--device cpu]

FOLDER keeps the weights between calls (about 3 GB with SAM-HQ's ViT-B and BLIP base; ViT-H, BLIP-2 and flan-t5-xxl take
13, 8 and 25 GB), unless `--discard` takes them away as soon as nothing more needs them. Random weights find nothing
real, so tags and boxes are given: what is shown is that the networks run, how fast, and in how much memory. Each step
runs in a process of its own, so that its peak is its own. `others` are models that take a step's place in one of the
pipelines: SAM 3, asked for more and more names, and EdgeTAM.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import today
from tests.bench.published import CAPTIONERS, VISION, Published, networks, photos

PIPELINES = ("instances", "instances2026", "others")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--segment", choices=tuple(VISION), default="b")
    parser.add_argument("--caption", nargs="+", choices=(*CAPTIONERS, *today.MODELS), default=["blip"])
    parser.add_argument("--pipeline", nargs="+", choices=PIPELINES, default=PIPELINES[:1])
    parser.add_argument("--threads", type=int, help="of torch; all by default")
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help="these steps alone")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--discard", action="store_true", help="weights that nothing needs any more")
    parser.add_argument("--one", nargs=2, metavar=("PIPELINE", "STEP"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen)))
        return
    print(
        f"{'step':<16}{'model':<22}{'parameters':>12}{'load s':>8}{'s/photo':>9}{'CPU s':>9}{'peak GB':>9}{'GPU GB':>8}"
    )
    wanted = [
        (pipeline, step, network.name)
        for pipeline in chosen.pipeline
        for step, network in networks(pipeline, chosen.segment, chosen.caption).items()
        if not chosen.only or step in chosen.only
    ]
    for place, (pipeline, step, name) in enumerate(wanted):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.full_size", *sys.argv[1:], "--one", pipeline, step],
            stdout=subprocess.PIPE,
        )
        if chosen.discard and name not in {later for _, _, later in wanted[place + 1 :]}:
            shutil.rmtree(chosen.folder / name, ignore_errors=True)
        if done.returncode:
            print(f"{step:<16}{name:<22}failed with exit code {done.returncode}", flush=True)
            continue
        r = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{step:<16}{name:<22}{r['parameters'] / 1e6:>10.0f} M{r['load']:>8.1f}{r['seconds']:>9.2f}"
            f"{r['cpu']:>9.2f}{r['peak']:>9.1f}{r['gpu'] or '-':>8}",
            flush=True,
        )


def chosen_network(chosen: argparse.Namespace) -> Published:
    pipeline, step = chosen.one
    return networks(pipeline, chosen.segment, chosen.caption)[step]


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_flush_denormal(True)  # untrained weights make them, and they make a CPU crawl
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    network = chosen_network(chosen)
    if not (chosen.folder / network.name).exists():  # in a process of its own: its memory is not the step's
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(chosen,))
        maker.start()
        maker.join()
    # The tagger fills its batches up to their size; here they are as large as the photos are many.
    sizes = {"batch_size": chosen.photos} if chosen.one[1] == "tag" else {}
    step = network.build(chosen.folder, dtype=chosen.dtype, **sizes)
    if said := step.lacking():
        raise SystemExit(said)
    began = time.perf_counter()
    step.setup(chosen.device)
    loaded = time.perf_counter()
    records = photos(chosen.photos, network.tags)
    step(records[:1])  # the first call pays for what is made once
    start, computed = time.perf_counter(), time.process_time()
    step(records)
    if chosen.device != "cpu":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / len(records)
    return {
        "parameters": parameters(chosen.folder / network.name),
        "load": loaded - began,
        "seconds": seconds,
        "cpu": (time.process_time() - computed) / len(records),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "gpu": f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if chosen.device != "cpu" else "",
    }


def make(chosen: argparse.Namespace) -> None:
    chosen_network(chosen).made(chosen.folder)


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
