"""The crash sweep: a small run dies at every single place where it writes, and comes out as if nothing had happened.

    python -m tests.faults.sweep FOLDER crash|beside|chain [EVERY]|full [EVERY]|twice|retry

FOLDER is empty, and keeps what is made. Every life is a process of its own (forked, so that it starts in no time), and
every death a SIGKILL by the process itself at the n-th file, rename or journal line (utils/faults.py).

beside  a run whose records have an image, a video, a text and findings beside them
chain   three runs, each on the records of those before it (at every EVERY-th place)
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
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from PIL import Image

import labelyard.launch.config.compose
from labelyard.launch import chain, retry, run
from labelyard.launch.chains import plan
from labelyard.launch.chains.recipe import read_recipe
from labelyard.utils import faults
from tests.conftest import FAKES
from tests.faults.outcome import check_at_any_time, difference, outcome, temporaries_in
from tests.support.composing import remembered

KINDS = ("write", "rename", "renamed", "journal")
KILLED = -signal.SIGKILL


class Sweep:
    pipeline = "faults"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listed = folder / "list.json"
        self.out = folder / "out"
        self.survived: Counter[str] = Counter()
        self._make_list(5)
        self.log = (folder / "log").open("ab")
        self._compose()
        self._import_what_a_life_imports()

    def _compose(self) -> None:
        """Once: no life has to import Hydra and read the configuration."""
        job = labelyard.launch.config.compose.composed(self._arguments()[2:], directory=FAKES)
        labelyard.launch.config.compose.composed = lambda *_: job

    def _import_what_a_life_imports(self) -> None:
        """Here, once: it would be half of what each of hundreds of lives does."""
        names = self.folder / "modules"
        assert self.life("", lambda: self.main() + names.write_text("\n".join(sys.modules)) * 0) == 3
        for name in names.read_text().splitlines():
            with suppress(ImportError):  # names that a package gives itself, without a module of that name
                import_module(name)
        self.fresh()

    def outcome(self) -> dict[str, object]:
        return outcome(self.out)

    def check(self) -> None:
        """What must hold whatever was killed."""
        check_at_any_time(self.out, self.folder)

    def main(self) -> int:
        return run.main(self._arguments())

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
        return [
            "--config-dir",
            FAKES,
            f"source.path={self.listed}",
            f"output={self.out}",
            f"pipeline={self.pipeline}",
            *work,
        ]

    def life(self, fault: str = "", main: Callable[[], int] | None = None) -> int:
        """A process from its beginning to its end; its exit code, or minus the signal that ended it."""
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                os.dup2(self.log.fileno(), 1)
                os.dup2(self.log.fileno(), 2)
                faults.arm(fault)
                code = (main or self.main)()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def died(self, fault: str) -> bool:
        """Or it came to its end, since there is no such place any more."""
        code = self.life(fault)
        assert code in (KILLED, 3), f"{fault}: ended with {code}\n{self._log_tail()}"
        return code == KILLED

    def fresh(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)

    def undisturbed(self) -> dict[str, object]:
        self.fresh()
        assert self.life() == 3, "one picture is missing"
        assert temporaries_in(self.out) == []
        return self.outcome()

    def finish(self, expected: dict[str, object], at: str, codes: tuple[int, ...] = (3,)) -> None:
        code = self.life()
        assert code in codes, f"{at}: the next run ended with {code}\n{self._log_tail()}"
        found = self.outcome()
        assert found == expected, f"{at}: another outcome in {difference(found, expected)}"
        assert temporaries_in(self.out) == [], f"{at}: {temporaries_in(self.out)}"
        self.survived[at.split(":")[0]] += 1

    def _log_tail(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def crash(self, every: int = 1) -> None:
        expected = self.undisturbed()
        for kind in KINDS:
            for number in range(1, 1000, every):
                self.fresh()
                if not self.died(f"{kind}:{number}"):
                    break
                self.check()
                self.finish(expected, f"{kind}:{number}")

    def twice(self) -> None:
        expected = self.undisturbed()
        for kind in KINDS:
            for number in range(1, 1000):
                self.fresh()
                if not self.died(f"{kind}:{number}"):
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


class Beside(Sweep):
    pipeline = "beside"


class OfChain(Sweep):
    """The third picture's item goes into quarantine in the first stage, and the others go on without it."""

    stages = ("found", "drawn", "told")

    def _arguments(self) -> list[str]:
        work = ["work.batch=2", "write.short_side=16", "shard_size=3", "work.max_attempts=4", "cluster=debug"]
        return ["small", "--config-dir", FAKES, f"source.path={self.listed}", f"output={self.out}", *work]

    def _compose(self) -> None:
        """Each stage's settings once. They are looked up by what they are, as a chain asks for them more than once."""
        vars(plan)["composed"] = remembered  # where chains look it up
        plan.planned(read_recipe("small", FAKES), self._arguments()[3:], FAKES)

    def main(self) -> int:
        return chain.main(self._arguments())

    def outcome(self) -> dict[str, object]:
        found = {name: outcome(self.out / name) for name in self.stages}
        return {f"{stage}/{key}": value for stage, one in found.items() for key, value in one.items()}

    def check(self) -> None:
        for name in self.stages:
            aside = self.folder / f"list of {name}"
            aside.mkdir(exist_ok=True)
            check_at_any_time(self.out / name, aside)


KINDS_OF_RUNS: Mapping[str, type[Sweep]] = {"beside": Beside, "chain": OfChain}


def main() -> int:
    how = sys.argv[2]
    sweep = KINDS_OF_RUNS.get(how, Sweep)(Path(sys.argv[1]).resolve())
    getattr(sweep, "crash" if how in KINDS_OF_RUNS else how)(*map(int, sys.argv[3:]))
    print(json.dumps({"survived": sum(sweep.survived.values()), **sweep.survived}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
