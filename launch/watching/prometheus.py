"""The numbers of `status` as Prometheus reads them, for a node exporter's textfile collector."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from labelyard.launch.watching.overview import Overview
from labelyard.launch.watching.time_spent import shares
from labelyard.utils.atomic import write_atomic

REASONS = 20  # each is a time series of its own, which the server keeps for long
Sample = tuple[dict[str, str], float]


def write_metrics(path: Path, seen: Overview) -> None:
    """Whole or not at all: the collector may come at any time."""
    write_atomic(path, metrics(seen, time.time()).encode(), sync=False)


def metrics(seen: Overview, now: float) -> str:
    run = {"run": seen.run}
    lines = []
    for name, text, samples in _gauges(seen, now):
        lines += [f"# HELP labelyard_{name} {text}", f"# TYPE labelyard_{name} gauge"]
        lines += [f"labelyard_{name}{_labels({**run, **labels})} {value:.10g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _gauges(seen: Overview, now: float) -> Iterator[tuple[str, str, list[Sample]]]:
    states = {"done": seen.done, "quarantined": seen.quarantined, "pending": seen.pending}
    by_state = [({"state": state}, float(number)) for state, number in states.items()]
    yield "items", "Planned items by how they stand.", by_state
    yield "instances", "Instances in the finished records.", [({}, seen.instances)]
    shards = seen.shards
    states = {"finished": shards.finished, "begun": shards.begun, "waiting": shards.waiting}
    by_state = [({"state": state}, float(number)) for state, number in states.items()]
    yield "shards", "Shards by how they stand.", by_state
    yield "images_per_second", "Images that end in a second.", [({}, seen.images_per_second or 0.0)]
    if seen.seconds_left is not None:
        yield "seconds_left", "Seconds until the run is complete, at the present speed.", [({}, seen.seconds_left)]
    workers = Counter((worker.host, worker.shown_state) for worker in seen.workers)
    counted = [({"host": host, "state": state}, float(number)) for (host, state), number in sorted(workers.items())]
    yield "workers", "Workers by node and state.", counted
    parts = [({"step": name}, share) for name, share in shares(seen.spent).items()]
    yield "time_share", "Share of the workers' time, of late.", parts
    amounts = [({"step": step, "kind": kind}, n) for step, used in seen.used.items() for kind, n in used.items()]
    yield "used", "What steps have used up beside time: requests, tokens, cost.", amounts
    reasons = [({"reason": entry.reason}, float(entry.items)) for entry in seen.reasons[:REASONS]]
    yield "quarantined", "Quarantined items by reason.", reasons
    yield "seen_timestamp_seconds", "When the run was looked at.", [({}, round(now, 3))]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode()  # half a surrogate pair would end the whole file's reading
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
