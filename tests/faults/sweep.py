"""The crash sweep: a small run dies at every single place where it writes, and comes out as if nothing had happened.

    python -m tests.faults.sweep FOLDER crash|full [EVERY]|twice|retry

FOLDER is empty, and keeps what is made. Every life is a process of its own (forked, so that it starts in no time), and
every death a SIGKILL by the process itself at the n-th file, rename or journal line (utils/faults.py).

full    instead of death the disk is full from there on (at every EVERY-th place)
twice   the second life dies as well
retry   launch/retry.py dies
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import labelyard.launch.config.compose
from labelyard.launch import retry, run
from labelyard.utils import faults
from tests.conftest import FAKES
from tests.faults.outcome import check_at_any_time, difference, outcome, temporaries_in

KINDS = ("write", "rename", "renamed", "journal")
KILLED = -signal.SIGKILL


class Sweep:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listed = folder / "list.json"
        self.out = folder / "out"
        self.survived: Counter[str] = Counter()
        self._make_list(5)
        # Composed once: no life has to import Hydra and read the configuration.
        job = labelyard.launch.config.compose.composed(self._arguments()[2:], directory=FAKES)
        labelyard.launch.config.compose.composed = lambda *_: job
        self.log = (folder / "log").open("ab")

    def _make_list(self, number: int) -> None:
        """The third picture is not there: one item is quarantined."""
        entries = []
        for n in range(number):
            path = self.folder / f"{n}.png"
            if n != 2:
                Image.radial_gradient("L").resize((24 + n, 20)).convert("RGB").rotate(7 * n).save(path)
            entries.append({"image": str(path), "caption": f"number {n}"})
        self.listed.write_text(json.dumps(entries))

    def _arguments(self) -> list[str]:
        work = ["work.batch=2", "write.short_side=16", "shard_size=3", "work.max_attempts=4", "cluster=debug"]
        return ["--config-dir", FAKES, f"source.path={self.listed}", f"output={self.out}", "pipeline=faults", *work]

    def life(self, fault: str = "", main: Callable[[], int] | None = None) -> int:
        """A process from its beginning to its end; its exit code, or minus the signal that ended it."""
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                os.dup2(self.log.fileno(), 1)
                os.dup2(self.log.fileno(), 2)
                faults.arm(fault)
                code = main() if main is not None else run.main(self._arguments())
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def fresh(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)

    def undisturbed(self) -> dict[str, object]:
        self.fresh()
        assert self.life() == 3, "one picture is missing"
        assert temporaries_in(self.out) == []
        return outcome(self.out)

    def finish(self, expected: dict[str, object], at: str, codes: tuple[int, ...] = (3,)) -> None:
        code = self.life()
        assert code in codes, f"{at}: the next run ended with {code}\n{self._log_tail()}"
        found = outcome(self.out)
        assert found == expected, f"{at}: another outcome in {difference(found, expected)}"
        assert temporaries_in(self.out) == [], f"{at}: {temporaries_in(self.out)}"
        self.survived[at.split(":")[0]] += 1

    def _log_tail(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def crash(self) -> None:
        expected = self.undisturbed()
        for kind in KINDS:
            for number in range(1, 1000):
                self.fresh()
                if self.life(f"{kind}:{number}") != KILLED:
                    break
                check_at_any_time(self.out, self.folder)
                self.finish(expected, f"{kind}:{number}")

    def twice(self) -> None:
        expected = self.undisturbed()
        for kind in KINDS:
            for number in range(1, 1000):
                self.fresh()
                if self.life(f"{kind}:{number}") != KILLED:
                    break
                for other in KINDS:
                    self.life(f"{other}:{1 + number % 5}")
                    check_at_any_time(self.out, self.folder)
                self.finish(expected, f"{kind}:{number}")

    def full(self, every: int = 1) -> None:
        expected = self.undisturbed()
        for kind in ("write", "journal"):
            for number in range(1, 1000, every):
                self.fresh()
                before = self.log.tell()
                code = self.life(f"{kind}:{number}:ENOSPC")
                if code == 3:
                    break
                assert code == 1, f"{kind}:{number}: ended with {code}"
                said = (self.folder / "log").read_bytes()[before:]
                assert b"no space left" in said and b"Traceback" not in said, f"{kind}:{number}: {said.decode()}"
                check_at_any_time(self.out, self.folder)
                self.finish(expected, f"{kind}:{number}")

    def retry(self) -> None:
        """The picture is there again. The retry dies anywhere; it is given again; the run goes on."""
        self.undisturbed()
        kept = self.folder / "kept"
        shutil.copytree(self.out, kept)
        shutil.copy(self.folder / "0.png", self.folder / "2.png")
        expected = None
        for kind in ("none", *KINDS):
            for number in range(1, 1000):
                self.fresh()
                shutil.copytree(kept, self.out)
                died = self.life(f"{kind}:{number}", lambda: retry.main([str(self.out)]))
                states = check_at_any_time(self.out, self.folder)
                assert states["done"] == 4 and states["quarantined"] + states["pending"] == 1
                if died == KILLED:
                    self.life("", lambda: retry.main([str(self.out)]))
                    assert check_at_any_time(self.out, self.folder)["pending"] == 1
                if expected is None:
                    assert died == 0 and states["pending"] == 1
                    assert self.life() == 0
                    expected = outcome(self.out)
                    assert expected["quarantine.jsonl"] == b"" and len(expected["train"]) == 5  # type: ignore[arg-type]
                    break
                if died != KILLED:
                    break
                self.finish(expected, f"{kind}:{number}", codes=(0,))


def main() -> int:
    sweep = Sweep(Path(sys.argv[1]).resolve())
    getattr(sweep, sys.argv[2])(*map(int, sys.argv[3:]))
    print(json.dumps({"survived": sum(sweep.survived.values()), **sweep.survived}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
