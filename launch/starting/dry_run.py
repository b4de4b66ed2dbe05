"""What a start would do, counted and told, with nothing written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.sources.common.input_folder import told as kinds_told
from labelyard.generate.step import Step
from labelyard.generate.steps.tools import licences, model_cache
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.merging.summary import short
from labelyard.launch.planning.reading import reading, rows_of
from labelyard.launch.starting.checks import check_plan, not_installed
from labelyard.launch.starting.cost import SAMPLE, costs, items_of
from labelyard.launch.starting.estimate import estimate, left_of
from labelyard.launch.starting.forecast import Forecast, forecast
from labelyard.launch.starting.request import Wish
from labelyard.launch.starting.room import fits
from labelyard.launch.starting.run_json import compare
from labelyard.launch.watching.progress import duration
from labelyard.launch.watching.terminal import Gauge

if TYPE_CHECKING:
    from labelyard.launch.planning.new_items import Sieve


@dataclass(frozen=True)
class Counted:
    """What a plan would find in the source."""

    new: int
    sifted: Sieve
    sample: Sequence[Item]
    left_out: Mapping[str, int]
    seconds: float


def dry_run(folder: RunFolder, wish: Wish) -> int:
    """Count the items as a plan would, say what would happen, and write nothing."""
    check_folder(folder, wish)
    found = counted(folder, wish)
    coming = tell(folder, wish, found)
    print("\n".join(["Nothing was written and nobody was started.", *wish.cluster.scripts(folder)]))
    return DONE if fits(coming.bytes, folder.path) else FAILED


def check_folder(folder: RunFolder, wish: Wish) -> None:
    if folder.run_json.exists() and folder.plan_json.exists():
        compare(folder, wish.config, wish.location)
    model_cache.use(wish.config["models"])
    check_plan(folder.read_plan(), wish.location)


def counted(folder: RunFolder, wish: Wish) -> Counted:
    from labelyard.launch.planning.new_items import Sieve
    from labelyard.launch.planning.refused_rows import Refusals

    sieve = Sieve(wish.source, Refusals(wish.source.max_refused))
    sieve.know(folder, folder.read_plan().shards)
    with reading(wish.source):
        wish.source.fingerprint()  # a plan asks for it first
    began = time.perf_counter()
    with Gauge("planning") as gauge:
        new, sample = 0, list[Item]()
        for sifted in sieve.sift(rows_of(wish.source, wish.limit), gauge.tell):
            new += len(sifted.new)
            if len(sample) < SAMPLE:
                sample += items_of(sifted, SAMPLE - len(sample))
    return Counted(new, sieve, sample, wish.source.left_out(), time.perf_counter() - began)


def tell(folder: RunFolder, wish: Wish, found: Counted) -> Forecast:
    """Of a run whose source was counted."""
    known, sieve, new = folder.read_plan(), found.sifted, found.new
    coming = forecast(new, wish.shard_size, folder, wish.config["write"], wish.steps, found.sample)
    items, size = known.items + new, coming.shard_size
    lines = [
        f"items      {new} new of {sieve.rows} rows ({sieve.duplicates} duplicates, {sieve.refusals.count} refused, "
        f"{sieve.met} planned before), read in {duration(found.seconds)}",
        *([f"where      {sieve.filtered} rows are not so: {wish.source.where}"] if wish.source.where else []),
        *([f"identity   {wish.source.identity}"] if wish.source.identity != "content" else []),
        *([f"left out   {kinds_told(found.left_out)}"] if found.left_out else []),
        f"shards     {coming.shards} of {size}" + (f", behind {known.shards} planned before" if known.shards else ""),
        f"pipeline   {' -> '.join(wish.config['steps'])}",
        *(line for name, node in wish.config["steps"].items() for line in step_lines(name, node, wish.steps[name])),
        *(f"missing    {line}" for line in [*not_installed(wish.steps), *model_cache.missing(wish.steps)]),
        *(f"workers    {text}" for text in wish.cluster.describe(folder)),
        f"time       {estimate(folder, wish.rate, items, wish.cluster.workers())}",
        *costs(folder, wish.steps, left_of(folder, items), found.sample),
        *coming.lines(),
        f"output     {short(folder.path)} ({items} items in all)",
    ]
    print("\n".join(lines))
    return coming


def step_lines(name: str, node: Mapping[str, Any], step: Step) -> Iterator[str]:
    yield f"           {name}: {_step_line(node)}"
    for text in licences.told(step):
        yield f"           {' ' * len(name)}  {text}"


def _step_line(node: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in node.items() if key != "_target_" and value is not None}
    if not shown.get("aside"):
        shown.pop("aside", None)
    return f"{node['_target_'].rpartition('.')[2]}({', '.join(f'{key}={value}' for key, value in shown.items())})"
