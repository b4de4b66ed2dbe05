"""What chaos plays on: a list of pictures, a run folder on a small disk of its own, and what can happen to files."""

from __future__ import annotations

import ctypes
import json
import os
import random
import subprocess
import time
from pathlib import Path

from PIL import Image

from labelyard.generate.run_folder.layout import RunFolder
from tests.conftest import command, environment, fake_run
from tests.faults.outcome import outcome

libc = ctypes.CDLL(None, use_errno=True)


class Scene:
    program, disk_size = "run", 64  # MB

    def __init__(self, folder: Path, chance: random.Random, items: int) -> None:
        self.folder, self.chance, self.items = folder, chance, items
        self.disk = folder / "disk"
        self.disk.mkdir(parents=True)
        self.mounted = libc.mount(b"none", os.fsencode(self.disk), b"tmpfs", 0, b"size=%dm" % self.disk_size) == 0
        self.out = self.disk / "out"
        self.clean = folder / "clean"
        self.listed = self._make_list(items)
        self.log = (folder / "log").open("ab")

    def close(self) -> None:
        self.log.close()
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

    def arguments(self, out: Path, *more: object) -> list[object]:
        # So many attempts that the innocent are not convicted: here workers are killed all the time.
        pace = ("work.batch=4", "work.max_attempts=1000", "shard_size=20", "write.short_side=32")
        return fake_run(self.listed, out, *pace, *more)

    def pace(self, seconds_each: float) -> list[str]:
        """So slow."""
        return [f"trouble.seconds={seconds_each}"]

    def runs(self) -> list[Path]:
        return [self.out]

    def outcome(self, out: Path) -> dict[str, object]:
        return outcome(out)

    def undisturbed(self) -> dict[str, object]:
        words = command(self.program, *self.arguments(self.clean, "cluster.num_jobs=2"))
        done = subprocess.run(words, env=environment(), capture_output=True)
        assert done.returncode == 3, done.stderr.decode()
        return self.outcome(self.clean)

    def tear(self) -> None:
        """Nobody is at work. A journal, or a record of a shard that is not finished, loses its end."""
        records, journals = list[Path](), list[Path]()
        for run in self.runs():
            finished = {f"{number:05d}" for number in RunFolder(run).finished()}
            records += [path for path in run.glob("records/*/label_*") if path.parent.name not in finished]
            journals += [path for path in run.glob("journal/*.jsonl") if path.name[:5] not in finished]
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
