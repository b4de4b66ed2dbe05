"""What a start would do, counted and told, with nothing written."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.sources.common.input_folder import told as kinds_told
from labelyard.generate.step import Step
from labelyard.generate.steps.tools import licences, model_cache
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.merging.summary import short
from labelyard.launch.planning.plan import fitting_size
from labelyard.launch.planning.reading import reading, rows_of
from labelyard.launch.starting.checks import check_plan
from labelyard.launch.starting.cost import SAMPLE, costs, items_of
from labelyard.launch.starting.estimate import estimate, left_of
from labelyard.launch.starting.request import Wish
from labelyard.launch.starting.run_json import compare
from labelyard.launch.watching.progress import duration
from labelyard.launch.watching.terminal import Gauge

# A finished record of the demo's size; only dry_run's guess of the disk rests on it.
BYTES_PER_RECORD = 200_000
BYTES_WITHOUT_IMAGE = 4_000  # of one that says where its images lie


def dry_run(folder: RunFolder, wish: Wish) -> int:
    """Count the items as a plan would, say what would happen, and write nothing."""
    from labelyard.launch.planning.new_items import Sieve
    from labelyard.launch.planning.refused_rows import Refusals

    if folder.run_json.exists() and folder.plan_json.exists():
        compare(folder, wish.config, wish.location)
    model_cache.use(wish.config["models"])
    known = folder.read_plan()
    check_plan(known, wish.location)
    sieve = Sieve(wish.source, Refusals(wish.source.max_refused))
    sieve.know(folder, known.shards)
    with reading(wish.source):
        wish.source.fingerprint()  # a plan asks for it first
    began = time.perf_counter()
    with Gauge("planning") as gauge:
        new, sample = 0, list[Item]()
        for sifted in sieve.sift(rows_of(wish.source, wish.limit), gauge.tell):
            new += len(sifted.new)
            if len(sample) < SAMPLE:
                sample += items_of(sifted, SAMPLE - len(sample))
    size = wish.shard_size or fitting_size(new)
    items = known.items + new
    there = next(path for path in (folder.path, *folder.path.parents) if path.exists())
    per_record = BYTES_PER_RECORD if wish.config["write"]["image"] == "embedded" else BYTES_WITHOUT_IMAGE
    need, free = new * per_record, shutil.disk_usage(there).free
    lines = [
        f"items      {new} new of {sieve.rows} rows ({sieve.duplicates} duplicates, {sieve.refusals.count} refused, "
        f"{sieve.met} planned before), read in {duration(time.perf_counter() - began)}",
        *([f"where      {sieve.filtered} rows are not so: {wish.source.where}"] if wish.source.where else []),
        *([f"identity   {wish.source.identity}"] if wish.source.identity != "content" else []),
        *([f"left out   {kinds_told(wish.source.left_out())}"] if wish.source.left_out() else []),
        f"shards     {-(-new // size)} of {size}" + (f", behind {known.shards} planned before" if known.shards else ""),
        f"pipeline   {' -> '.join(wish.config['steps'])}",
        *(line for name, node in wish.config["steps"].items() for line in step_lines(name, node, wish.steps[name])),
        *(f"workers    {text}" for text in wish.cluster.describe(folder)),
        f"time       {estimate(folder, wish.rate, items, wish.cluster.workers())}",
        *costs(folder, wish.steps, left_of(folder, items), sample),
        f"disk       about {need / 1e9:.3g} GB for new records; {free / 1e9:.1f} GB are free at {there}",
        f"output     {short(folder.path)} ({items} items in all)",
        "Nothing was written and nobody was started.",
    ]
    print("\n".join([*lines, *wish.cluster.scripts(folder)]))
    if need > free:
        print("run: the disk would not be large enough", file=sys.stderr)
        return FAILED
    return DONE


def step_lines(name: str, node: Mapping[str, Any], step: Step) -> Iterator[str]:
    yield f"           {name}: {_step_line(node)}"
    for text in licences.told(step):
        yield f"           {' ' * len(name)}  {text}"


def _step_line(node: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in node.items() if key != "_target_" and value is not None}
    if not shown.get("aside"):
        shown.pop("aside", None)
    return f"{node['_target_'].rpartition('.')[2]}({', '.join(f'{key}={value}' for key, value in shown.items())})"
