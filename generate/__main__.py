"""One worker: python generate RUN_FOLDER [--config FILE] [--parent PID]

What run.py starts on this machine, and generate.task under SLURM. By hand it may be started any number of times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.errors import BrokenDevice, FatalError
from labelyard.generate.file_system import explained
from labelyard.generate.pipeline import Pipeline, build_steps
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.steps.tools.model_cache import use
from labelyard.generate.surroundings import Surroundings
from labelyard.generate.worker.exit_codes import BROKEN, FAILED, FINISHED, STOPPED
from labelyard.generate.worker.heartbeat import Presence
from labelyard.generate.worker.identity import identity
from labelyard.generate.worker.loop import make_worker
from labelyard.generate.worker.stop_signals import Stop
from labelyard.generate.worker.used import UsedByOthers
from labelyard.generate.worker.work import pick_device
from labelyard.utils.errors import UserError
from labelyard.utils.programs import as_called, call
from labelyard.utils.redact import redacted


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=call("generate"), description=as_called(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--config", type=Path, help="the config of this start (default: as the run was planned)")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    chosen = parser.parse_args(arguments)
    sys.excepthook = tell_of_crash
    stop = Stop(chosen.parent)
    stop.listen()
    try:
        folder = RunFolder.open(chosen.run)
        config = json.loads(chosen.config.read_bytes()) if chosen.config else folder.read_run()["config"]
    except UserError as error:
        print(error, file=sys.stderr)
        return FAILED
    return work(folder, config, stop)


def work(folder: RunFolder, config: dict[str, Any], stop: Stop) -> int:
    """A worker's whole life, from loading its models to its last word."""
    owner = identity()
    try:
        presence = Presence(folder, owner)
    except OSError as error:
        say(f"{owner.worker}: {explained(error, folder.path)}", sys.stderr)
        return FAILED
    say(f"{owner.worker}: started as process {owner.pid} on {owner.host}")
    try:
        began = time.perf_counter()
        spin_less(os.environ)
        use(config["models"])
        pipeline = Pipeline(
            build_steps(config["pipeline"]["steps"], config["steps"]),
            staged=config["work"]["schedule"] == "staged",
            given=config.get("given"),
        )
        others = UsedByOthers(folder, owner.worker)
        for step in pipeline.steps.values():
            step.around = Surroundings(
                owner.worker,
                config.get("workers", 1),
                folder.logs,
                lambda: stop.asked,
                others.of,
                presence.tell_used,
                pipeline.takes_turns,
            )
        pipeline.setup(pick_device(config["work"]["device"]))
        say(f"{owner.worker}: models loaded in {time.perf_counter() - began:.1f} s")
        worker = make_worker(folder, config, owner, pipeline, stop)
        presence.watch(worker)
        worker.run()
    except BrokenDevice as error:
        presence.end("failed", str(error))
        say(f"{owner.worker}: {error}", sys.stderr)
        return BROKEN
    except (FatalError, UserError, OSError) as error:
        told = explained(error, folder.path) if isinstance(error, OSError) else error
        if isinstance(told, OSError):
            presence.end("failed", f"{type(error).__name__}: {error}")
            raise
        presence.end("failed", str(told))
        say(f"{owner.worker}: {told}", sys.stderr)
        return FAILED
    except BaseException as error:
        presence.end("failed", f"{type(error).__name__}: {error}")
        raise
    if stop.asked:
        presence.end("stopped", stop.reason)
        say(f"{owner.worker}: stopped ({stop.reason}) after {worker.done} items")
        return STOPPED
    presence.end("finished")
    say(f"{owner.worker}: nothing is left to claim; {worker.done} done, {worker.failed} quarantined")
    return FINISHED


def spin_less(environment: MutableMapping[str, str]) -> None:
    """Torch's threads on the CPU wait for each other by spinning. Where something else wants the cores, that takes
    several times what they compute; with a thirtieth of the usual patience it does not. Before torch is imported.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", "10000")


def say(text: str, to: IO[str] | None = None) -> None:
    # The log may lie on the very disk that is full.
    with suppress(OSError):
        print(redacted(text), file=to or sys.stdout, flush=True)


def tell_of_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback may quote a key."""
    say("".join(traceback.format_exception(kind, error, trace)), sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
