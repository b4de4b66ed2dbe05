"""From a composed configuration to running workers: check, plan, start."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from labelyard.generate.file_system import explained
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import is_complete
from labelyard.generate.steps.tools import licences
from labelyard.launch.clusters.base import Start
from labelyard.launch.config.compose import Composed
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.merging import reserve
from labelyard.launch.merging.summary import short
from labelyard.launch.planning.plan import plan
from labelyard.launch.planning.plan_lock import planning
from labelyard.launch.planning.reading import reading
from labelyard.launch.retry import put_back_what_is_gone
from labelyard.launch.starting import at_the_hub
from labelyard.launch.starting.checks import check_installed, check_models, check_output, check_plan, prepare
from labelyard.launch.starting.dry_run import dry_run
from labelyard.launch.starting.places import check_apart, check_moved
from labelyard.launch.starting.plan_lines import told
from labelyard.launch.starting.request import Wish, wished
from labelyard.launch.starting.run_json import settle
from labelyard.launch.watching.terminal import Gauge
from labelyard.utils.atomic import write_atomic
from labelyard.utils.english import counted
from labelyard.utils.programs import call


def start(composed: Composed) -> int:
    wish = wished(composed)
    folder = RunFolder(Path(wish.location).resolve())
    try:
        return _started(composed, wish, folder)
    except OSError as error:
        raise explained(error, folder.path) from error


def _started(composed: Composed, wish: Wish, folder: RunFolder) -> int:
    check_output(folder, wish.location)
    check_apart(folder, wish.source, wish.location)
    wish.cluster.check(folder)
    if wish.dry_run and at_the_hub.is_to_be_fetched(wish.source):
        return at_the_hub.tell(wish.source)
    with reading(wish.source):
        wish.source.peek(wish.config["load"].get("urls", False))
        check_moved(folder, wish.source, wish.config["image_root"])
    if wish.dry_run:
        return dry_run(folder, wish)
    if getattr(wish.cluster, "python", None) is None:  # else workers have another environment than this
        check_installed(wish.steps)
    check_models(composed, wish.config["models"], wish.steps)
    for line in licences.warnings(wish.steps):
        print(line, flush=True)
    prepare(folder, wish.location)
    with planning(folder):
        settle(folder, wish.config, wish.steps, wish.location)
        before = folder.read_plan()
        with Gauge("planning") as gauge:
            planned = plan(folder, wish.source, wish.limit, wish.shard_size, gauge.tell)
        if not is_complete(folder):
            reserve.keep(folder, planned.items)
    check_plan(planned, wish.location)
    config = record_start(folder, composed, {**wish.config, "workers": wish.cluster.workers()})
    print(told(folder, before, planned), flush=True)
    if planned.items == 0:
        print(f"run: {wish.source.path} holds no items; there is nothing to do", file=sys.stderr)
        return FAILED
    if wish.plan_only:
        print(
            "Planned only. Start workers by the same command without plan_only, or: "
            f"{call('generate')} {shlex.quote(wish.location)}"
        )
        return DONE
    tell_gone(folder)
    return wish.cluster.run(Start(folder, planned, config))


def tell_gone(folder: RunFolder) -> None:
    """What was finished and was removed since is made again, like all that is not there."""
    again, left = put_back_what_is_gone(folder)
    if again:
        print(f"{counted(again, 'finished record')} gone or torn since: made again", flush=True)
    if left:
        print(
            f"run: {left} finished records are gone. Is a disk not mounted? They are left so; to have them made again: "
            f"{call('retry')} {shlex.quote(short(folder.path))} --damaged",
            file=sys.stderr,
        )


def record_start(folder: RunFolder, composed: Composed, config: Mapping[str, Any]) -> Path:
    """Hydra's record of this start, and the configuration that its workers read."""
    # With the host: many tasks of an array may start at the same second, in containers that all count from 1.
    moment = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{socket.gethostname()[:40]}-{os.getpid()}"
    record = folder.path / "hydra" / moment
    folder.make_folder(record)
    (record / "config.yaml").write_text(OmegaConf.to_yaml(composed.config, resolve=True))
    (record / "hydra.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create({"hydra": composed.hydra})))
    (record / "overrides.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(list(composed.overrides))))
    write_atomic(record / "work.json", json.dumps(config, indent=2).encode())
    return record / "work.json"
