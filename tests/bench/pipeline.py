"""The engine against the way of working of the original, on the same photos and the same weights.

    python -m tests.bench.pipeline demo                    small trained models, CPU
    python -m tests.bench.pipeline tiny                    the published architectures, tiny and random, CPU
    python -m tests.bench.pipeline full --weights FOLDER   the published sizes, random weights, for a GPU

`tiny` and `full` take --pipeline instances2026: the models of today. On one GPU, both with the same photos and boxes:

    python -m tests.bench.pipeline full --weights FOLDER --device cuda
    python -m tests.bench.pipeline full --weights FOLDER --device cuda --pipeline instances2026

`sequential` handles one image and one crop at a time, in float32, with everything inline (tests/bench/sequential.py);
the engine is a worker as run.py starts it. Both ways' records are compared. It prints a table; --json keeps
the figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from labelyard.generate.media.load import Load
from labelyard.generate.record import Item
from labelyard.generate.step import Step
from labelyard.generate.steps.segment.box_masks import BoxMasks
from labelyard.generate.worker.work import Work
from tests.bench import kits, photos, today
from tests.bench.compare import Agreement, compare
from tests.bench.encoder import encoder_rates
from tests.bench.engine import engine, plan
from tests.bench.machine import GpuBusy, machine
from tests.bench.profiled import profiled
from tests.bench.published import CAPTIONERS, VISION
from tests.bench.sequential import sequential

MADE_BY = {"labelyard": "bench"}
PIPELINES = ("instances", "instances2026")
KITS = ("demo", "tiny", "full")


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    chosen = parse(arguments)
    place = Path(tempfile.mkdtemp(prefix="labelyard-bench-"))
    try:
        found = measure(chosen, place)
    finally:
        shutil.rmtree(place)
    print(table(found))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    return found


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", choices=KITS)
    parser.add_argument("--pipeline", choices=PIPELINES, default=PIPELINES[0], help="of tiny and full")
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--sequential-photos", type=int, help="the slow way on the first so many only")
    parser.add_argument("--batch", type=int, default=Work.batch, help="images in flight together")
    parser.add_argument("--shard-size", type=int, default=20)
    parser.add_argument("--load-threads", type=int, default=Load.threads)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="write torch's profiles there; it takes longer")
    full = parser.add_argument_group("full")
    full.add_argument("--weights", type=Path, help="where random weights are made, and kept")
    full.add_argument("--segment", choices=tuple(VISION), default="h")
    full.add_argument("--caption", choices=(*CAPTIONERS, *today.MODELS), help="blip2-opt-2.7b, or qwen3-vl-4b")
    full.add_argument("--dtype", default="bfloat16", help="of the engine; the slow way has float32")
    full.add_argument("--boxes", type=int, default=8)
    full.add_argument("--set", action="append", default=[], metavar="STEP.OPTION=JSON", help="an option of a step")
    chosen = parser.parse_args(arguments)
    if chosen.caption is None:
        chosen.caption = today.MODELS[-1] if chosen.pipeline == "instances2026" else "blip2-opt-2.7b"
    elif (chosen.caption in today.MODELS) != (chosen.pipeline == "instances2026"):
        parser.error(f"--caption {chosen.caption} is none of --pipeline {chosen.pipeline}")
    if chosen.kit == "full" and chosen.weights is None:
        parser.error("full: say where the weights are to be made: --weights FOLDER (40 GB)")
    return chosen


def measure(chosen: argparse.Namespace, place: Path) -> dict[str, Any]:
    kit = _kit(chosen, place)
    kit.setup()
    items = photos.make(place / "photos", chosen.photos)
    few = items[: chosen.sequential_photos or chosen.photos]
    slow = _sequential(kit, few, place, chosen)
    fast = _engine(kit, items, place, chosen)
    agreement = _agreement(place, len(few) < len(items))
    return {
        "kit": chosen.kit,
        "pipeline": chosen.pipeline,
        "machine": machine(chosen.device),
        "photos": len(items),
        "instances": agreement.instances,
        "sequential": slow,
        "engine": fast,
        "ratio": slow["seconds_per_photo"] / fast["seconds_per_photo"],
        "outputs": vars(agreement),
        "outputs_in_words": agreement.lines(),
    }


def _kit(chosen: argparse.Namespace, place: Path) -> kits.Kit:
    if chosen.kit == "demo":
        return kits.demo(place)
    if chosen.kit == "tiny":
        return kits.tiny_today(place / "tiny") if chosen.pipeline == "instances2026" else kits.tiny(place / "tiny")
    options: dict[str, dict[str, Any]] = {}
    for setting in chosen.set:
        name, _, value = setting.partition("=")
        step, _, option = name.partition(".")
        options.setdefault(step, {})[option] = json.loads(value)
    sizes = (chosen.segment, chosen.caption, chosen.dtype, chosen.boxes, chosen.pipeline)
    return kits.Full(chosen.weights, *sizes, options).kit()


def _set_up(kit: kits.Kit, singly: bool, device: str) -> dict[str, Step]:
    if device == "cpu" and kit.name != "demo":
        import torch

        torch.set_flush_denormal(True)  # untrained weights make such numbers, and they make a CPU crawl
    steps = kit.build(singly)
    for step in steps.values():
        step.setup(device)
    return steps


def _sequential(kit: kits.Kit, items: Sequence[Item], place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    device, size = chosen.device, chosen.shard_size
    steps = _set_up(kit, True, device)
    warm = plan(place / "warm-sequential", items[:2], MADE_BY, 2)
    sequential(steps, items[:2], warm, MADE_BY, size, device)
    folder = plan(place / "sequential", items, MADE_BY, size)
    with profiled(chosen.profile, "sequential", device):
        began = time.process_time()
        spent = sequential(steps, items, folder, MADE_BY, size, device)
        computed = time.process_time() - began
    _free(steps, device)
    return _figures(sum(spent.values()), computed, spent, len(items))


def _engine(kit: kits.Kit, items: Sequence[Item], place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    steps = _set_up(kit, False, chosen.device)
    work, load = Work(batch=chosen.batch), Load(threads=chosen.load_threads)
    few = items[: chosen.batch]
    engine(steps, few, plan(place / "warm-engine", few, MADE_BY, len(few)), work, load)
    folder = plan(place / "engine", items, MADE_BY, chosen.shard_size)
    busy = GpuBusy() if chosen.device != "cpu" else None
    with profiled(chosen.profile, "engine", chosen.device), busy or nullcontext():
        began = time.process_time()
        done = engine(steps, items, folder, work, load)
        computed = time.process_time() - began
    found = _figures(done.seconds, computed, done.spent, len(items))
    if busy is not None:
        import torch

        found["gpu_busy"] = busy.steady
        found["gpu_peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    if isinstance(steps["segment"], BoxMasks):
        found["encoder_images_per_second"] = encoder_rates(steps["segment"], items, chosen.device)
    _free(steps, chosen.device)
    return found


def _figures(seconds: float, computed: float, spent: dict[str, float], photos: int) -> dict[str, Any]:
    return {
        "seconds_per_photo": seconds / photos,
        "cpu_seconds_per_photo": computed / photos,  # of all cores; says something even where others use them too
        "by_step": {name: part / photos for name, part in spent.items()},
    }


def _free(steps: dict[str, Step], device: str) -> None:
    for step in steps.values():
        step.free()
    if device != "cpu":
        import torch

        torch.cuda.empty_cache()


def _agreement(place: Path, only_some: bool) -> Agreement:
    if only_some:  # what the slow way did not come to is not compared
        made = {path.name for path in place.glob("sequential/records/*/*.json")}
        for path in place.glob("engine/records/*/*.json"):
            if path.name not in made:
                path.unlink()
    return compare(place / "sequential", place / "engine")


def table(found: dict[str, Any]) -> str:
    slow, fast = found["sequential"], found["engine"]
    names = [*slow["by_step"], *(name for name in fast["by_step"] if name not in slow["by_step"])]
    lines = [
        f"{found['kit']}, {found['pipeline']}",
        f"{found['photos']} photos, {found['instances']} instances compared; ms per photo",
        f"{'':<20}{'sequential':>12}{'engine':>12}{'ratio':>8}",
    ]
    for name in names:
        lines.append(_row(name, slow["by_step"].get(name), fast["by_step"].get(name)))
    lines.append(_row("whole", slow["seconds_per_photo"], fast["seconds_per_photo"]))
    lines.append(_row("CPU time, all cores", slow["cpu_seconds_per_photo"], fast["cpu_seconds_per_photo"]))
    rates = 1 / slow["seconds_per_photo"], 1 / fast["seconds_per_photo"]
    lines.append(f"{'images per second':<20}{rates[0]:>12.2f}{rates[1]:>12.2f}")
    if "gpu_busy" in fast:
        lines.append(f"GPU busy {fast['gpu_busy']:.0%} in the steady state, peak {fast['gpu_peak_gb']:.1f} GB")
    if "encoder_images_per_second" in fast:
        by_size = (f"{rate:.1f} ({size} at once)" for size, rate in fast["encoder_images_per_second"].items())
        lines.append(f"encoder of segment alone, images per second: {', '.join(by_size)}")
    about = found["machine"]
    lines += found["outputs_in_words"]
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    lines.append(f"{about.get('gpu', about['cpu'])}, {about['cores']} cores, Python {about['python']}, {packages}")
    lines.append(about["command"])
    return "\n".join(lines)


def _row(name: str, slow: float | None, fast: float | None) -> str:
    cells = [f"{1000 * part:>12.1f}" if part is not None else f"{'':>12}" for part in (slow, fast)]
    ratio = f"{slow / fast:>8.1f}" if slow and fast else ""
    return f"{name:<20}{''.join(cells)}{ratio}"


if __name__ == "__main__":
    main()
