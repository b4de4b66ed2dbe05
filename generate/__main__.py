"""One worker: python -m generate RUN_FOLDER [--config FILE] [--parent PID]

What run.py starts on this machine, and generate.task under SLURM. By hand it may be started any number of times.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from generate.errors import FatalError
from generate.identity import identity
from generate.model_cache import use
from generate.pipeline import Pipeline, build_steps
from generate.presence import Presence
from generate.run_folder import RunFolder
from generate.stop import Stop
from generate.worker import make_worker, pick_device
from utils.errors import UserError

FINISHED, FAILED, STOPPED = 0, 1, 75  # 75: sysexits.h's "try again later"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m generate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--config", type=Path, help="the config of this start (default: as the run was planned)")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    chosen = parser.parse_args(arguments)
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
    presence = Presence(folder, owner)
    print(f"{owner.worker}: started as process {owner.pid} on {owner.host}", flush=True)
    try:
        began = time.perf_counter()
        use(config["models"])
        pipeline = Pipeline(
            build_steps(config["pipeline"]["steps"], config["steps"]),
            staged=config["work"]["schedule"] == "staged",
        )
        pipeline.setup(pick_device(config["work"]["device"]))
        print(f"{owner.worker}: models loaded in {time.perf_counter() - began:.1f} s", flush=True)
        worker = make_worker(folder, config, owner, pipeline, stop)
        presence.watch(worker)
        worker.run()
    except (FatalError, UserError) as error:
        presence.end("failed", str(error))
        print(f"{owner.worker}: {error}", file=sys.stderr, flush=True)
        return FAILED
    except BaseException as error:
        presence.end("failed", f"{type(error).__name__}: {error}")
        raise
    if stop.asked:
        presence.end("stopped", stop.reason)
        print(f"{owner.worker}: stopped ({stop.reason}) after {worker.done} items", flush=True)
        return STOPPED
    presence.end("finished")
    print(
        f"{owner.worker}: nothing is left to claim; {worker.done} done, {worker.failed} quarantined",
        flush=True,
    )
    return FINISHED


if __name__ == "__main__":
    sys.exit(main())
