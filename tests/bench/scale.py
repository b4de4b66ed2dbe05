"""Everything around the models at the size that counts, plan to merge, beside the original's way.

    python -m tests.bench.scale FOLDER [--items 10000000] [--keep]

In FOLDER appear a list, a run folder as workers would have left it (no images; 1 GB per million items) and, for the
original's merge, up to a million real files in one folder. Every phase runs in a process of its own, so that its peak
of memory is its own. What one compares is timed in one run, one after the other: the ratios say more than the seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.claims import Claims, Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.sources.train_json import TrainJson
from labelyard.generate.worker.next_shard import Claiming
from labelyard.generate.worker.stop_signals import Stop
from tests.bench import synthetic

JOBS = 256  # of the original, each of which loads the whole list
WORKERS = 1000
FILES = 1_000_000  # real ones, at most; the original's merge of more is scaled up from them
SHARE_DONE = 0.3
BEGUN = 200  # shards whose worker vanished half way, at most
ADDED = 0.1  # of the list, appended to it
ATTEMPTS = 3

Fact = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--keep", action="store_true", help="leave list and run folder")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    bench = Bench(chosen.folder, chosen.items)
    if chosen.phase:
        print(json.dumps(bench.measured(chosen.phase)))
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Fact] = {}
    try:
        for phase in PHASES:
            facts[phase] = in_a_process(chosen.folder, chosen.items, phase)
            os.sync()  # gigabytes that a phase left to be written are not the next one's cost
            print(f"{phase:<22}{facts[phase]['seconds']:>9.2f} s", file=sys.stderr, flush=True)
    finally:
        if not chosen.keep:
            bench.remove()
    print("\n".join(table(facts, chosen.items)))
    print(json.dumps({"items": chosen.items, "load": os.getloadavg(), "phases": facts}))


def in_a_process(folder: Path, items: int, phase: str) -> Fact:
    command = [sys.executable, "-m", "tests.bench.scale", str(folder), "--items", str(items), "--phase", phase]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    fact: Fact = json.loads(done.stdout.splitlines()[-1])
    return fact


class Bench:
    """The phases, in an order in which each finds what it needs."""

    def __init__(self, place: Path, items: int) -> None:
        self.items = items
        self.list = place / "list.json"
        self.folder = RunFolder(place.resolve() / "run")
        self.flat = place / "flat"
        self.files = min(items, FILES)

    def measured(self, phase: str) -> Fact:
        began = time.perf_counter()
        found = PHASES[phase](self) or {}
        fact: Fact = {"seconds": time.perf_counter() - began, "cpu": 0.0, "peak_mb": 0}
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):  # what works side by side counts together
            used = resource.getrusage(who)
            fact["cpu"] += used.ru_utime + used.ru_stime
            fact["peak_mb"] += round(used.ru_maxrss / 1024)
        return {**fact, **found}

    def remove(self) -> None:
        for path in (self.folder.path, self.flat):
            shutil.rmtree(path, ignore_errors=True)
        self.list.unlink(missing_ok=True)

    def make_list(self) -> Fact:
        synthetic.write_list(self.list, self.items)
        return {"bytes": self.list.stat().st_size}

    def stream(self) -> Fact:
        """The least that reading it as JSON takes: one pass, events only."""
        from ijson.backends import yajl2_c

        with self.list.open("rb") as file:
            return {"events": sum(1 for _ in yajl2_c.basic_parse(file))}

    def stream_with_places(self) -> Fact:
        """The same by ijson's `parse`, the events with their places, which is the interface that its users know."""
        import ijson

        with self.list.open("rb") as file:
            return {"events": sum(1 for _ in ijson.parse(file))}

    def load(self) -> Fact:
        """What every job of the original does."""
        with self.list.open() as file:
            return {"items": len(json.load(file))}

    def plan(self) -> Fact:
        self.folder.make()
        self.folder.write_run({"made_by": {}, "config": {}})
        return self.plan_again()

    def plan_again(self) -> Fact:
        from labelyard.launch.planning.plan import plan

        before = self.folder.read_plan().shards
        planned = plan(self.folder, TrainJson(path=str(self.list)), None, None, lambda rows: None)
        return {"items": planned.items, "shards": planned.shards, "new": planned.shards - before}

    def make_part(self) -> None:
        shards = self.folder.read_plan().shards
        done = synthetic.scattered(shards, SHARE_DONE)
        rest = sorted(set(range(shards)) - set(done))
        begun = {rest[n] for n in synthetic.scattered(len(rest), min(0.5, BEGUN / len(rest)))}
        synthetic.begin(self.folder, iter(sorted(begun)))
        synthetic.finish(self.folder, iter(done))

    def resume(self) -> Fact:
        """What is left to do, as a thousand workers find it out together: each looks at the run, and every shard that
        is not finished is claimed and opened by one of them."""
        looks = [self._claiming(f"w{n}") for n in range(WORKERS)]
        for claiming, _ in looks[1:]:
            claiming.look()
        claiming, claims = looks[0]
        left = items = 0
        for shard in claiming.shards():
            if shard is None:
                break
            left += len(shard.items) - len(shard.outcomes)
            items += len(shard.items)
            shard.journal.close()
        # A run folder in which nobody is at work, again.
        claims.close()
        return {"opened": items, "left": left, "looks": WORKERS - 1 + claiming.looks}

    def worker_start(self) -> Fact:
        """From nothing to the first shard, as one more worker."""
        claiming, claims = self._claiming("late")
        shard = next(claiming.shards())
        assert shard is not None
        shard.journal.close()
        claims.close()
        return {"items": len(shard.items)}

    def _claiming(self, name: str) -> tuple[Claiming, Claims]:
        claims = Claims(self.folder, Owner.here(name))
        return Claiming(self.folder, claims, name, ATTEMPTS, Stop()), claims

    def make_whole(self) -> None:
        shards = set(range(self.folder.read_plan().shards)) - self.folder.finished()
        synthetic.finish(self.folder, iter(sorted(shards)))

    def merge(self) -> Fact:
        from labelyard.launch.merging.merge import merge

        merged = merge(self.folder, check=False)  # the records are not there
        return {"items": merged.items, "listed": merged.done, "quarantined": merged.quarantined}

    def status(self) -> Fact:
        from labelyard.launch.status import main as status

        with contextlib.redirect_stdout(io.StringIO()) as said:
            assert status([str(self.folder.path), "--json"]) == 0
        seen = json.loads(said.getvalue())
        return {"items": seen["items"], "done": seen["done"], "quarantined": seen["quarantined"]}

    def check_list(self) -> Fact:
        """What `validate` says of train.txt; the records themselves are not there."""
        from labelyard.launch.validate import list_problems

        return {"problems": len(list(list_problems(self.folder, self.folder.path / "train.txt")))}

    def sample(self) -> Fact:
        from labelyard.launch.report.sample import sample

        return {"chosen": len(sample(self.folder, 200, 0).chosen)}

    def make_files(self) -> None:
        """The original's output: one file per item, all in one folder."""
        self.flat.mkdir()
        for n in range(self.files):
            os.close(os.open(self.flat / f"label_{n:09d}.json", os.O_CREAT | os.O_WRONLY))

    def list_files(self) -> Fact:
        """The original's merge: the names that the folder has, one per line."""
        with (self.flat.parent / "flat.txt").open("w") as file:
            for name in os.listdir(self.flat):
                file.write(f"train-data/{name}\n")
        (self.flat.parent / "flat.txt").unlink()
        return {"files": self.files}

    def stat_files(self) -> Fact:
        """The same with a look at each, which is how one would see what is torn."""
        with os.scandir(self.flat) as entries:
            return {"files": sum(1 for entry in entries if entry.stat().st_size >= 0)}

    def append(self) -> Fact:
        added = round(self.items * ADDED)
        synthetic.append(self.list, added, self.items)
        return {"added": added}


PHASES: dict[str, Callable[[Bench], Fact | None]] = {
    "make the list": Bench.make_list,
    "stream it": Bench.stream,
    "plan": Bench.plan,
    "stream it again": Bench.stream,
    "stream with places": Bench.stream_with_places,
    "json.load": Bench.load,
    "plan again": Bench.plan_again,
    "make 30 % done": Bench.make_part,
    "worker start": Bench.worker_start,
    "resume": Bench.resume,
    "make all done": Bench.make_whole,
    "merge": Bench.merge,
    "status": Bench.status,
    "validate the list": Bench.check_list,
    "gallery's sample": Bench.sample,
    "make flat files": Bench.make_files,
    "os.listdir": Bench.list_files,
    "a stat of each": Bench.stat_files,
    "append": Bench.append,
    "stream the longer": Bench.stream,
    "plan what is new": Bench.plan_again,
}


def table(facts: dict[str, Fact], items: int) -> Iterator[str]:
    scale = items / facts["os.listdir"]["files"]
    stream = (facts["stream it"]["seconds"] + facts["stream it again"]["seconds"]) / 2
    load, listing = facts["json.load"]["seconds"], scale * facts["os.listdir"]["seconds"]
    rows: list[tuple[str, float, float, str]] = [
        ("plan", stream, 1, "a streaming pass (yajl, basic events)"),
        ("plan", facts["stream with places"]["seconds"], 1, "a streaming pass (yajl, ijson.parse)"),
        ("plan", load, JOBS, f"the original: json.load in each of {JOBS} jobs"),
        ("plan again", load, JOBS, "the original starts from the beginning"),
        ("worker start", load, 1, "the original: json.load"),
        ("resume", load, JOBS, f"the original: json.load in each of {JOBS} jobs, and no resume"),
        ("merge", listing, 1, f"the original: os.listdir and writing, {facts['os.listdir']['files']} files scaled up"),
        ("merge", scale * facts["a stat of each"]["seconds"], 1, "a stat of each record"),
        ("status", listing, 1, "counting by os.listdir"),
        ("validate the list", listing, 1, ""),
        ("gallery's sample", listing, 1, "choosing from os.listdir"),
        ("plan what is new", facts["stream the longer"]["seconds"], 1, "a streaming pass over the longer list"),
    ]
    yield f"{items} items; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    yield f"{'phase':<19}{'seconds':>9}{'cpu s':>8}{'peak MB':>9}{'beside':>11}{'ours/theirs':>13}"
    for phase, other, times, what in rows:
        f = facts[phase]
        beside = other * times
        ratio = f"{f['seconds'] / beside:.2g}"
        yield f"{phase:<19}{f['seconds']:>9.2f}{f['cpu']:>8.2f}{f['peak_mb']:>9}{beside:>11.2f}{ratio:>13}  {what}"


if __name__ == "__main__":
    main()
