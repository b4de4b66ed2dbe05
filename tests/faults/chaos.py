"""Chaos: random kills, pauses, torn files, full disks and requeues, and at the end the invariant.

    python -m tests.faults.chaos --seed 1 --seconds 200 [--cluster slurm|local|any] [--folder DIR] [--items N]
    … --chain      the four stages that make five training sets, in place of one run

A run is started, disturbed, and started again for so many seconds. Then it may finish, and must have come to the same
bytes as the undisturbed run: every item done or quarantined, none twice, nothing partial ever listed. Of a chain the
exports are compared, too.

On SLURM (a throw-away one, slurm/testcluster.sh) jobs are also requeued, preempted, cancelled and told of their time
limit, and nodes die. --cluster any takes it where it can be had.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.chain_scene import ChainScene
from tests.faults.on_processes import OnProcesses
from tests.faults.on_slurm import OnSlurm
from tests.faults.outcome import check_at_any_time, difference, temporaries_in
from tests.faults.place import Action, Place
from tests.faults.scene import Scene

PLACES: dict[str, type[Place]] = {"local": OnProcesses, "slurm": OnSlurm}


class Chaos:
    def __init__(self, scene: Scene, place: Place) -> None:
        self.scene, self.place = scene, place
        self.did: Counter[str] = Counter()
        # A kill is what matters most, hence three times as likely as anything else.
        self.actions: list[tuple[str, Action]] = [
            *place.of_processes().items(),
            *[("kill", place.of_processes()["kill"])] * 2,
            *place.actions().items(),
            ("look", self.look),
            ("tear", self.tear),
            *([("fill", scene.fill)] if scene.mounted else []),
        ]

    def look(self) -> dict[str, int]:
        seen: Counter[str] = Counter()
        for run in self.scene.runs():
            seen.update(check_at_any_time(run, self.scene.folder))
        return dict(seen)

    def tear(self) -> None:
        self.place.end_all()
        self.scene.tear()
        self.look()

    def disturb(self) -> None:
        name, action = self.scene.chance.choice(self.actions)
        if action() is not False:
            self.did[name] += 1

    def run(self, seconds: float) -> None:
        expected = self.scene.undisturbed()
        items, runs = self.scene.items, len(self.scene.runs())
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # So slow that the disturbances find something to disturb until the end.
            self.did["start"] += self.place.start(seconds_each=3.0 * seconds / items)
            time.sleep(self.scene.chance.uniform(0, 0.8))
            self.disturb()
        self.place.end_all()
        before = self.look()
        code = self.place.finish()
        found, after = self.scene.outcome(self.scene.out), self.look()
        assert code == 3, f"the last run ended with {code}; see {self.scene.folder / 'log'}"
        assert after["pending"] == 0, after
        assert after["done"] + after["quarantined"] == items + (runs - 1) * (items - after["quarantined"]), after
        different = difference(found, expected)
        for name in different[:5]:  # the disk that they lie on goes away
            for side, of in (("found", found), ("expected", expected)):
                (self.scene.folder / f"{name.replace('/', ' ')}.{side}").write_text(repr(of.get(name)))
        assert not different, f"another outcome in {different[:5]}; see {self.scene.folder}"
        assert temporaries_in(self.scene.out) == [], temporaries_in(self.scene.out)
        print(
            f"before the last run {before}, after it {after}; {sum(self.did.values())} disturbances: {dict(self.did)}"
        )


def slurm_can_be_had() -> bool:
    """On this machine, with what is installed."""
    lines = (ROOT / "slurm" / "packages.txt").read_text().splitlines()
    programs = [line.split()[1] for line in lines if not line.startswith("#")]
    return os.geteuid() == 0 and all(shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in programs)


def where(wish: str) -> str:
    if wish != "any":
        return wish
    if slurm_can_be_had():
        return "slurm"
    print("NO SLURM HERE (as root: slurm/testcluster.sh install): chaos among local processes only", flush=True)
    return "local"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--cluster", choices=[*PLACES, "any"], default="local")
    parser.add_argument("--folder", type=Path, help="an empty folder; by default one that is removed if all goes well")
    parser.add_argument("--chain", action="store_true", help="of the chain everything_demo, without its models")
    chosen = parser.parse_args()
    cluster = where(chosen.cluster)
    folder = (chosen.folder or Path(tempfile.mkdtemp(prefix="labelyard-chaos-"))).resolve()
    scene = (ChainScene if chosen.chain else Scene)(folder, random.Random(chosen.seed), chosen.items)
    try:
        place = PLACES[cluster](scene)
        try:
            Chaos(scene, place).run(chosen.seconds)
        finally:
            place.close()
    finally:
        scene.close()
    if chosen.folder is None:
        shutil.rmtree(folder)
    print(f"seed {chosen.seed}, {cluster}{', a chain' if chosen.chain else ''}: as if nothing had happened")
    return 0


if __name__ == "__main__":
    sys.exit(main())
