"""From a composed configuration to running workers: check, plan, start."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from labelyard.generate.file_system import explained
from labelyard.generate.input_folder import told as kinds_told
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Plan
from labelyard.generate.run_folder.standing import is_complete
from labelyard.generate.step import Step
from labelyard.generate.steps.tools import licences, model_cache
from labelyard.launch import reserve
from labelyard.launch.ahead import reading, rows_ahead
from labelyard.launch.cluster import COMPLETE, FAILED, Start
from labelyard.launch.config import Composed
from labelyard.launch.frozen import compare, settle
from labelyard.launch.moved import check_apart, check_moved
from labelyard.launch.pace import estimate
from labelyard.launch.plan import fitting_size, plan, planning
from labelyard.launch.progress import duration
from labelyard.launch.retry import put_back_what_is_gone
from labelyard.launch.summary import short
from labelyard.launch.wish import Wish, wished
from labelyard.utils.atomic import write_atomic
from labelyard.utils.english import counted
from labelyard.utils.errors import UserError

# A finished record of the demo's size; only dry_run's guess of the disk rests on it.
BYTES_PER_RECORD = 200_000


def start(composed: Composed) -> int:
    wish = wished(composed)
    folder = RunFolder(Path(wish.location).resolve())
    try:
        return _started(composed, wish, folder)
    except OSError as error:
        raise explained(error, folder.path) from error


def _started(composed: Composed, wish: Wish, folder: RunFolder) -> int:
    check_output(folder, wish.location)
    check_apart(folder, wish.source, wish.location)
    wish.cluster.check(folder)
    with reading(wish.source):
        wish.source.peek()
        check_moved(folder, wish.source, wish.config["image_root"])
    if wish.dry_run:
        return dry_run(folder, wish)
    check_models(composed, wish)
    for line in licences.warnings(wish.steps):
        print(line, flush=True)
    prepare(folder, wish.location)
    with planning(folder):
        settle(folder, wish.config, wish.steps, wish.location)
        before = folder.read_plan()
        planned = plan(folder, wish.source, wish.limit, wish.shard_size, tell_rows)
        if not is_complete(folder):
            reserve.keep(folder, planned.items)
    check_plan(planned, wish.location)
    config = record_start(folder, composed, wish.config)
    print(told(folder, before, planned), flush=True)
    if planned.items == 0:
        print(f"run: {wish.source.path} holds no items; there is nothing to do", file=sys.stderr)
        return FAILED
    if wish.plan_only:
        print(
            "Planned only. Start workers by the same command without plan_only, or: "
            f"python generate {shlex.quote(wish.location)}"
        )
        return COMPLETE
    tell_gone(folder)
    return wish.cluster.run(Start(folder, planned, config))


def tell_gone(folder: RunFolder) -> None:
    """What was finished and was removed since is made again, like all that is not there."""
    again, left = put_back_what_is_gone(folder)
    if again:
        print(f"{counted(again, 'finished record')} gone or torn since: made again", flush=True)
    if left:
        print(
            f"run: {left} finished records are gone. Is a disk not mounted? They are left so; to have them made again: "
            f"python launch/retry.py {shlex.quote(short(folder.path))} --damaged",
            file=sys.stderr,
        )


def check_models(composed: Composed, wish: Wish) -> None:
    """Better now than on every worker: each would have waited for its GPU to find it out."""
    model_cache.use(wish.config["models"])
    lacking = model_cache.missing(wish.steps)
    if lacking:
        names = [] if composed.name == "config" else ["--config-name", composed.name]
        own = ["--config-dir", composed.directory] if composed.directory else []
        settings = [override for override in composed.overrides if _names_models(override, composed)]
        raise UserError(
            "models are missing:\n"
            + "\n".join(f"  {line}" for line in lacking)
            + "\nWhere there is internet: "
            + shlex.join(["python", "launch/fetch.py", *names, *own, *settings])
        )


def _names_models(override: str, composed: Composed) -> bool:
    """Whether a setting has a say in which models are needed."""
    first = override.lstrip("~+").partition("=")[0].partition(".")[0].partition("@")[0]
    return first in (*composed.kinds, "pipeline", "models")


def check_output(folder: RunFolder, location: str) -> None:
    if folder.path.exists() and not folder.path.is_dir():
        raise UserError(f"output={location} is a file. Give the run a folder")
    if folder.was_a_run() and not folder.run_json.exists():
        RunFolder.open(location)  # says what is gone, and how to get it back
    if folder.path.exists() and not folder.run_json.exists() and not folder.is_free():
        names = ", ".join(sorted(path.name for path in folder.path.iterdir())[:5])
        raise UserError(
            f"output={location} is not a run folder, and not empty either (it holds {names}). Give another output, for "
            f"example output={location.rstrip('/')}/labelyard"
        )
    there = folder.path
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"output={location}: no permission to write in {there}. Try: ls -ld {shlex.quote(str(there))}")


def prepare(folder: RunFolder, location: str) -> None:
    try:
        folder.make()
    except OSError as error:
        raise UserError(f"output={location}: {error.strerror} ({error.filename})") from None


def check_plan(planned: Plan, location: str) -> None:
    """Items that are in no shard would never be worked on, and nobody would miss them."""
    held = sum(planned.shard_sizes())
    if held != planned.items:
        raise UserError(
            f"output={location}: its plan has {counted(planned.items, 'item')}, but shards for {held} of them. Earlier "
            "versions planned so where shard_size was below 1. Nothing can be made of it; give another output"
        )


def record_start(folder: RunFolder, composed: Composed, config: Mapping[str, Any]) -> Path:
    """Hydra's record of this start, and the configuration that its workers read."""
    # With the host: many tasks of an array may start at the same second, in containers that all count from 1.
    moment = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{socket.gethostname()[:40]}-{os.getpid()}"
    record = folder.path / "hydra" / moment
    folder.make_folder(record)
    (record / "config.yaml").write_text(OmegaConf.to_yaml(composed.config, resolve=True))
    (record / "hydra.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create({"hydra": composed.hydra})))
    (record / "overrides.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(list(composed.overrides))))
    write_atomic(record / "work.json", json.dumps(config, indent=2).encode())
    return record / "work.json"


def tell_rows(rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\rplanning: {rows} rows", end="", file=sys.stderr, flush=True)


def told(folder: RunFolder, before: Plan, planned: Plan) -> str:
    latest = planned.passes[-1]
    if planned == before:
        size = f"{counted(planned.items, 'item')} in {counted(planned.shards, 'shard')}"
        return f"{size}, as planned before, in {short(folder.path)}{left_out(latest.left_out)}"
    text = f"{counted(latest.rows, 'row')}: {counted(latest.items, 'new item')} in {counted(latest.shards, 'shard')}"
    text += f", {counted(latest.duplicates, 'duplicate')}" if latest.duplicates else ""
    if latest.refused:
        text += f", {latest.refused} refused (they are no items; {short(folder.refused)} says why)"
    if before.items:
        gone = before.items - latest.known
        text += f"; {latest.known} were planned before"
        text += f"; {gone} planned before are not among these rows, and stay in the run" if gone else ""
    return f"{text}. Run folder: {short(folder.path)}{left_out(latest.left_out)}"


def left_out(kinds: Mapping[str, int]) -> str:
    return f"\nleft out of the source: {kinds_told(kinds)}" if kinds else ""


def dry_run(folder: RunFolder, wish: Wish) -> int:
    """Count the items as a plan would, say what would happen, and write nothing."""
    from labelyard.launch.refusals import Refusals
    from labelyard.launch.sieve import Sieve

    if folder.run_json.exists() and folder.plan_json.exists():
        compare(folder, wish.config, wish.location)
    model_cache.use(wish.config["models"])
    known = folder.read_plan()
    check_plan(known, wish.location)
    sieve = Sieve(Refusals(wish.source.max_refused))
    sieve.know(folder, known.shards)
    with reading(wish.source):
        wish.source.fingerprint()  # a plan asks for it first
    began = time.perf_counter()
    new = sum(len(sifted.new) for sifted in sieve.sift(rows_ahead(wish.source, wish.limit), tell_rows))
    size = wish.shard_size or fitting_size(new)
    items = known.items + new
    there = next(path for path in (folder.path, *folder.path.parents) if path.exists())
    need, free = new * BYTES_PER_RECORD, shutil.disk_usage(there).free
    lines = [
        f"items      {new} new of {sieve.rows} rows ({sieve.duplicates} duplicates, {sieve.refusals.count} refused, "
        f"{sieve.met} planned before), read in {duration(time.perf_counter() - began)}",
        *([f"left out   {kinds_told(wish.source.left_out())}"] if wish.source.left_out() else []),
        f"shards     {-(-new // size)} of {size}" + (f", behind {known.shards} planned before" if known.shards else ""),
        f"pipeline   {' -> '.join(wish.config['steps'])}",
        *(line for name, node in wish.config["steps"].items() for line in _step_lines(name, node, wish.steps[name])),
        *(f"workers    {text}" for text in wish.cluster.describe(folder)),
        f"time       {estimate(folder, wish.rate, items, wish.cluster.workers())}",
        f"disk       about {need / 1e9:.3g} GB for new records; {free / 1e9:.1f} GB are free at {there}",
        f"output     {short(folder.path)} ({items} items in all)",
        "Nothing was written and nobody was started.",
    ]
    print("\n".join([*lines, *wish.cluster.scripts(folder)]))
    if need > free:
        print("run: the disk would not be large enough", file=sys.stderr)
        return FAILED
    return COMPLETE


def _step_lines(name: str, node: Mapping[str, Any], step: Step) -> Iterator[str]:
    yield f"           {name}: {_step_line(node)}"
    for text in licences.told(step):
        yield f"           {' ' * len(name)}  {text}"


def _step_line(node: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in node.items() if key != "_target_" and value is not None}
    return f"{node['_target_'].rpartition('.')[2]}({', '.join(f'{key}={value}' for key, value in shown.items())})"
