"""Chaos: random kills, pauses, torn files and full disks, and at the end the invariant.

    python -m tests.faults.chaos --seed 1 --seconds 600 [--folder DIR] [--items N]

A run is started, disturbed, and started again for so many seconds. Then it may finish, and must have come to the same
bytes as the undisturbed run: every item done or quarantined, none twice, nothing partial ever listed.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from generate.run_folder import RunFolder
from tests.conftest import ROOT, command, environment, fake_run
from tests.faults.outcome import check_at_any_time, difference, outcome, temporaries_in
from tests.launch.test_run import family

libc = ctypes.CDLL(None, use_errno=True)
DISK = 64  # MB


class Chaos:
    def __init__(self, folder: Path, seed: int, items: int) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.mounted = libc.mount(b"none", os.fsencode(self.disk), b"tmpfs", 0, b"size=%dm" % DISK) == 0
        self.out = self.disk / "out"
        self.listed = self._make_list(items)
        self.log = (folder / "log").open("ab")
        self.driver: subprocess.Popen[bytes] | None = None
        self.extras: list[subprocess.Popen[bytes]] = []
        self.did: Counter[str] = Counter()

    def close(self) -> None:
        self.end_all()
        if self.mounted:
            libc.umount2(os.fsencode(self.disk), 2)

    def _make_list(self, number: int) -> Path:
        """Every fiftieth picture is torn: those are to be quarantined, and nothing else."""
        pictures = self.folder / "pictures"
        pictures.mkdir()
        entries = []
        for n in range(number):
            path = pictures / f"{n:05d}.jpg"
            Image.radial_gradient("L").resize((40 + n % 9, 32)).convert("RGB").rotate(n % 360).save(path)
            if n % 50 == 25:
                os.truncate(path, 300)
            entries.append({"image": str(path), "caption": f"number {n}"})
        listed = self.folder / "list.json"
        listed.write_text(json.dumps(entries))
        return listed

    def arguments(self, out: Path, *more: str) -> list[object]:
        # So many attempts that the innocent are not convicted: here workers are killed all the time.
        pace = ("work.batch=4", "work.max_attempts=1000", "shard_size=20", "write.short_side=32")
        return fake_run(self.listed, out, *pace, *more)

    def undisturbed(self) -> dict[str, object]:
        clean = self.folder / "clean"
        done = subprocess.run(
            command("run", *self.arguments(clean, "cluster.num_jobs=2")), env=environment(), capture_output=True
        )
        assert done.returncode == 3, done.stderr.decode()
        return outcome(clean)

    def start(self, seconds_each: float) -> None:
        if self.driver is None or self.driver.poll() is not None:
            slow = (f"trouble.seconds={seconds_each}", "cluster.num_jobs=3")
            self.driver = subprocess.Popen(
                command("run", *self.arguments(self.out, *slow)),
                env=environment(),
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,
            )
            self.did["start"] += 1

    def workers(self) -> list[int]:
        found = [pid for pid in family(self.driver.pid) if pid != self.driver.pid] if self.driver else []
        return found + [extra.pid for extra in self.extras if extra.poll() is None]

    def disturb(self) -> None:
        action = self.chance.choice(
            ["kill", "kill", "kill", "term", "usr2", "pause", "driver", "everybody", "extra", "look", "tear", "fill"]
        )
        workers = self.workers()
        if action in ("kill", "term", "usr2"):
            if not workers:
                return
            number = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "usr2": signal.SIGUSR2}[action]
            self.send(self.chance.choice(workers), number)
        elif action == "pause":
            for pid in self.chance.sample(workers, min(2, len(workers))):
                self.send(pid, signal.SIGSTOP)
                time.sleep(self.chance.uniform(0, 0.3))
                self.send(pid, signal.SIGCONT)
        elif action == "driver" and self.driver is not None:
            self.send(self.driver.pid, signal.SIGKILL)
        elif action == "everybody":
            self.end_all()
        elif action == "extra" and len(workers) < 6 and RunFolder(self.out).run_json.exists():
            by_hand = [sys.executable, "-m", "generate", str(self.out)]
            self.extras.append(subprocess.Popen(by_hand, env=environment(), cwd=ROOT, stdout=self.log, stderr=self.log))
        elif action == "look":
            check_at_any_time(self.out, self.folder)
        elif action == "tear":
            self.end_all()
            self.tear()
            check_at_any_time(self.out, self.folder)
        elif action == "fill" and self.mounted:
            self.fill()
        else:
            return
        self.did[action] += 1

    def send(self, pid: int, number: int) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return

    def end_all(self) -> None:
        for pid in self.workers():
            self.send(pid, signal.SIGKILL)
        if self.driver is not None:
            self.send(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
        for extra in self.extras:
            extra.wait()
        self.extras = []

    def tear(self) -> None:
        """Nobody is at work. A journal, or a record of a shard that is not finished, loses its end."""
        finished = {f"{number:05d}" for number in RunFolder(self.out).finished()}
        records = [path for path in self.out.glob("records/*/label_*") if path.parent.name not in finished]
        journals = [path for path in self.out.glob("journal/*.jsonl") if path.name[:5] not in finished]
        for path in self.chance.sample(sorted(records), min(2, len(records))):
            os.truncate(path, self.chance.randrange(path.stat().st_size))
        for path in self.chance.sample(sorted(journals), min(2, len(journals))):
            os.truncate(path, self.chance.randrange(path.stat().st_size + 1))

    def fill(self) -> None:
        balloon = self.disk / "balloon"
        try:
            with balloon.open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
        except OSError:
            time.sleep(self.chance.uniform(0.2, 1.0))
        finally:
            balloon.unlink(missing_ok=True)

    def run(self, seconds: float) -> None:
        expected = self.undisturbed()
        items = len(json.loads(self.listed.read_text()))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # So slow that the disturbances find something to disturb until the end.
            self.start(seconds_each=3.0 * seconds / items)
            time.sleep(self.chance.uniform(0, 0.8))
            self.disturb()
        self.end_all()
        before = check_at_any_time(self.out, self.folder)
        self.start(seconds_each=0.0)
        assert self.driver is not None
        code = self.driver.wait()
        found = outcome(self.out)
        after = check_at_any_time(self.out, self.folder)
        assert code == 3, f"the last run ended with {code}; see {self.folder / 'log'}"
        assert after["pending"] == 0 and after["done"] + after["quarantined"] == items, after
        assert found == expected, f"another outcome in {difference(found, expected)[:5]}"
        assert temporaries_in(self.out) == [], temporaries_in(self.out)
        print(
            f"before the last run {before}, after it {after}; {sum(self.did.values())} disturbances: {dict(self.did)}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="an empty folder; by default one that is removed if all goes well")
    chosen = parser.parse_args()
    folder = (chosen.folder or Path(tempfile.mkdtemp(prefix="labelyard-chaos-"))).resolve()
    chaos = Chaos(folder, chosen.seed, chosen.items)
    try:
        chaos.run(chosen.seconds)
    finally:
        chaos.close()
    if chosen.folder is None:
        shutil.rmtree(folder)
    print(f"seed {chosen.seed}: as if nothing had happened")
    return 0


if __name__ == "__main__":
    sys.exit(main())
