"""The same photos, model code and records by other systems, side by side in one run.

    python -m tests.bench.peers FOLDER [--photos 600] [--rounds 3] [--fault-photos 200] [--only labelyard pool …]

In an environment that has them (tests/bench/peers-requirements.txt); one that is not installed is left out. Each has
two workers (peers_each.py) and computes Canny's edges and tags by colours (peers_model.py). A system's time is that of
its command, from nothing to the end, so with its imports, plan and merge. What is measured:

- photos per second, and until the first record is there; CPU seconds and memory of all processes that it started
- killed half-way (all of them, by SIGKILL) and given again: how many photos were computed twice
- one photo that is no image, and, where a system can go on without it, so told: how it ended, which records are there
- one photo that ends the process that computes it, every time: likewise

All records must be equal to the byte; the table says how many are. Labelyard writes each file whole or not at all and
flushes it to the disk; the others write plainly.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import photos
from tests.bench.family import Used, run
from tests.bench.machine import machine
from tests.bench.peers_each import EACH, FORGIVING
from tests.bench.peers_model import CALLS, KILLER, MADE_BY

ROOT = Path(__file__).resolve().parents[2]
FORGIVES = ("ray", "daft")  # if asked to
NO_PACKAGE = ("labelyard", "pool")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="on the disk that is meant")
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fault-photos", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=list(EACH), default=list(EACH))
    parser.add_argument("--patience", type=float, default=300.0, help="seconds after which a run is given up")
    chosen = parser.parse_args(arguments)
    there = [name for name in chosen.only if name in NO_PACKAGE or _version(name)]
    if missing := [name for name in chosen.only if name not in there]:
        print(f"not installed: {', '.join(missing)} (tests/bench/peers-requirements.txt)", file=sys.stderr)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="peers-", dir=chosen.folder.resolve()))
    about, load = machine(), os.getloadavg()[0]
    versions = ", ".join(f"{name} {_version(name)}" for name in there if name not in NO_PACKAGE)
    print(f"{about['cpu']}, {about['cores']} cores, Python {about['python']}; {versions}; load {load:.1f}", flush=True)
    try:
        compare = Compare(place, there, chosen.patience)
        for line in chain(compare.faults(chosen.fault_photos), compare.speed(chosen.photos, chosen.rounds)):
            print(line, flush=True)
    finally:
        shutil.rmtree(place)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


@dataclass
class Compare:
    place: Path
    names: list[str]
    patience: float

    def speed(self, number: int, rounds: int) -> Iterator[str]:
        listed = self._photos("whole", number)
        found: dict[str, list[Used]] = {name: [] for name in self.names}
        for n in range(rounds):
            for name in self.names:
                found[name].append(self._run(name, listed, f"{name}-{n}"))
        yield f"{number} photos, the median of {rounds} rounds in turn (the best in brackets)"
        yield f"{'':<11}{'photos/s':>17}{'first, s':>17}{'CPU s':>9}{'peak MB':>9}{'equal records':>15}"
        for name, used in found.items():
            rates = [number / u.wall if u.code == 0 else 0.0 for u in used]  # none, where it was given up
            firsts = [u.first or float("nan") for u in used]
            yield (
                f"{name:<11}{median(rates):>8.1f} ({max(rates):>6.1f}){median(firsts):>8.1f} ({min(firsts):>6.1f})"
                f"{median(u.cpu for u in used):>9.1f}{max(u.peak_mb for u in used):>9.0f}"
                f"{self._equal(listed, f'{name}-0'):>8} of {number}"
            )

    def faults(self, number: int) -> Iterator[str]:
        yield f"{number} photos: killed half-way and given again"
        listed = self._photos("killed", number)
        for name in self.names:
            yield f"{name:<11}{self._killed(name, listed, number)}"
        for what in ("bad", "killer"):
            yield f"{number} photos, one of them {'no image' if what == 'bad' else 'ends its process'}"
            listed = self._photos(what, number)
            for name in self.names:
                for forgiving in (False, True) if name in FORGIVES else (False,):
                    label = f"{name}{' *' if forgiving else ''}"
                    yield f"{label:<11}{self._odd(name, listed, f'{name}-{what}-{forgiving}', forgiving)}"
        yield "* told to do without what fails (max_errored_blocks; on_error)"

    def _killed(self, name: str, listed: Path, number: int) -> str:
        label = f"{name}-killed"
        first = self._run(name, listed, label, until=number // 2)
        if first.code is not None:
            return f"was at its end before it could be killed ({first.code})"
        before = self._calls(label)
        again = self._run(name, listed, label)
        calls = self._calls(label)
        twice, after = len(calls) - len(set(calls)), len(calls) - len(before)
        return (
            f"{twice:>4} computed twice: {len(before)} before and {after} after; {_end(again)}; "
            f"{self._equal(listed, label)} of {number} records"
        )

    def _odd(self, name: str, listed: Path, label: str, forgiving: bool) -> str:
        used = self._run(name, listed, label, forgiving=forgiving)
        calls = self._calls(label)
        return f"{_end(used)}; {len(self._records(label))} records; {len(calls) - len(set(calls))} computed twice"

    def _run(self, name: str, listed: Path, label: str, until: int | None = None, forgiving: bool = False) -> Used:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            CALLS: str(self.place / f"{label}.calls"),
            MADE_BY: self._made_by(),
            **({FORGIVING: "1000"} if forgiving else {}),
        }
        command = [sys.executable, "-m", "tests.bench.peers_each", name, str(listed), str(self.place / label)]
        return run(
            command,
            environment,
            self.place / f"{label}.log",
            begun=lambda: bool(self._records(label)),
            enough=lambda: until is not None and len(self._records(label)) >= until,
            patience=self.patience,
        )

    def _photos(self, name: str, number: int) -> Path:
        """The list. Of those with a fault, it is in the middle."""
        folder = self.place / f"photos-{name}"
        items = photos.make(folder, number)
        rows = [{"image": str(Path(item.image).resolve()), "caption": item.caption} for item in items]
        if name == "bad":
            Path(rows[number // 2]["image"]).write_bytes(b"no image at all")
        if name == "killer":
            rows[number // 2]["caption"] = KILLER
        listed = self.place / f"{name}.json"
        listed.write_text(json.dumps(rows))
        return listed

    def _records(self, label: str) -> list[Path]:
        return list((self.place / label / "records").glob("*/label_*.json"))

    def _calls(self, label: str) -> list[str]:
        path = self.place / f"{label}.calls"
        return path.read_text().split() if path.exists() else []

    def _made_by(self) -> str:
        """As Labelyard's own records have it, whose runs come first."""
        run_json = next(self.place.glob("labelyard-*/run.json"), None)
        return json.dumps(json.loads(run_json.read_bytes())["made_by"]) if run_json else "{}"

    def _equal(self, listed: Path, label: str) -> int:
        """Records that are what one process makes of the same photos, one after the other."""
        right = self.place / f"right-{listed.stem}"
        if not right.exists():
            self._make_right(listed, right)
        theirs = {path.name: path for path in self._records(label)}
        ours = [path for path in (right / "records").glob("*/label_*.json") if path.name in theirs]
        return sum(path.read_bytes() == theirs[path.name].read_bytes() for path in ours)

    def _make_right(self, listed: Path, right: Path) -> None:
        from tests.bench.peers_model import one, rows_of

        os.environ[MADE_BY] = self._made_by()
        for row in rows_of(listed):
            one(row, str(right))


def _end(used: Used) -> str:
    if used.code is None:
        return f"given up after {used.wall:.0f} s"
    return f"{'well' if used.code == 0 else f'exit code {used.code}'} after {used.wall:.0f} s"


def _version(name: str) -> Any:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
