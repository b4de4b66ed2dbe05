"""Planning beside a pass of `ijson.items` over the same JSON list, in one run.

    python -m tests.bench.planning FOLDER [--items 1000000 3000000 10000000] [--rounds 3]

A pass, a plan, a pass, a plan, …: each in a process of its own, which is timed from its start to its end, imports
included. ijson has the backend that pip installs; the output names it. A pass makes the values and drops them. A
plan is what `run.py … plan_only=true` does with the list: read, check, give ids, leave out duplicates, write shards,
and wait until the disk has them. CPU seconds are those of all its processes; the best of a few rounds counts, of
each by itself.

Every plan has a folder of its own, and nothing is removed before the end: ext4 is slow to make files for some minutes
after many were removed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import synthetic
from tests.bench.machine import machine

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 1_000_000
GOAL = 3.0  # times a pass, at most


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float
    peak_mb: int
    told: str


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="on the disk that is meant")
    parser.add_argument("--items", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=["pass", "plan"], help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.one:
        print({"pass": one_pass, "plan": one_plan}[chosen.one](chosen.folder))
        print(peak_mb())
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="planning-", dir=chosen.folder))
    about = machine()
    print(f"{about['cpu']}, {about['cores']} cores, Python {about['python']}; load {os.getloadavg()[0]:.1f}")
    print(f"{'items':>10}{'':>10}{'CPU s':>9}{'ratio':>7}{'wall s':>9}{'ratio':>7}{'peak MB':>9}")
    try:
        for items in chosen.items:
            for line in compared(place, items, chosen.rounds):
                print(line, flush=True)
    finally:
        shutil.rmtree(place)
    print(f"the load at the end was {os.getloadavg()[0]:.1f}; {GOAL:g} times is the goal")


def compared(place: Path, items: int, rounds: int) -> Iterator[str]:
    listed = place / f"{items}.json"
    write_list(listed, items, place / "block.json")
    costs: dict[str, list[Cost]] = {"pass": [], "plan": []}
    for _ in range(rounds):
        for kind, found in costs.items():
            os.sync()  # what another left to be written is not this one's cost
            found.append(cost_of(kind, listed))
    best = {kind: (min(c.cpu for c in found), min(c.wall for c in found)) for kind, found in costs.items()}
    for kind, found in costs.items():
        cpu, wall = best[kind]
        ratios = (cpu / best["pass"][0], wall / best["pass"][1])
        yield (
            f"{items:>10}{kind:>10}{cpu:>9.2f}{ratios[0]:>7.2f}{wall:>9.2f}{ratios[1]:>7.2f}"
            f"{max(c.peak_mb for c in found):>9}  {found[0].told}"
        )
    listed.unlink()


def write_list(path: Path, items: int, block: Path) -> None:
    """A million rows at most are made; further ones are the same under other folders."""
    if not block.exists():
        synthetic.write_list(block, BLOCK if items > BLOCK else items)
    rows = block.read_text().strip("[]\n").split(",\n")
    with path.open("w") as file:
        for number, start in enumerate(range(0, items, len(rows))):
            some = ",\n".join(rows[: items - start])
            file.write(("," if start else "[") + some.replace("/datasets/", f"/datasets-{number}/"))
        file.write("]\n")


def cost_of(kind: str, listed: Path) -> Cost:
    command = [sys.executable, "-m", "tests.bench.planning", str(listed.resolve()), "--one", kind]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    told, peak = lines
    return Cost(wall, used.ru_utime + used.ru_stime, int(peak), told)


def peak_mb() -> int:
    """Of this process since it is this program; getrusage counts what it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def one_pass(listed: Path) -> str:
    import ijson

    with listed.open("rb") as file:
        found = sum(1 for _ in ijson.items(file, "item"))
    return f"{found} values by ijson.items, backend {ijson.backend_name}"


def one_plan(listed: Path) -> str:
    from labelyard.generate.run_folder.layout import RunFolder
    from labelyard.generate.sources.train_json import TrainJson
    from labelyard.launch.planning.plan import plan

    folder = RunFolder(Path(tempfile.mkdtemp(prefix="run-", dir=listed.parent)))
    folder.make()
    folder.write_run({"made_by": {}, "config": {}})
    planned = plan(folder, TrainJson(path=str(listed)), None, None, lambda rows: None)
    return json.dumps({"items": planned.items, "shards": planned.shards})


if __name__ == "__main__":
    main()
