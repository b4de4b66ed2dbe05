"""The numbers of `status`: of the run, its shards, its workers and its failures."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import fields
from typing import Any

from generate.claims import HEARTBEAT, Owner
from generate.journal import read_history, read_manifest, read_sums
from generate.presence import read_presence
from generate.run_folder import RunFolder
from launch.merge import kind_of_reason
from launch.progress import duration

SILENT_AFTER = 4 * HEARTBEAT  # a worker that has said nothing for so long has probably vanished
LIVING = ("starting", "working")


def overview(folder: RunFolder) -> dict[str, Any]:
    plan = folder.read_plan()
    finished = folder.finished()
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    done = quarantined = instances = 0

    def failed(line: dict[str, Any], image: str) -> None:
        kind = kind_of_reason(line["step"], line["reason"])
        reasons[kind] += 1
        examples.setdefault(kind, f"{image}: {line['reason']}")

    for number in finished:
        sums = read_sums(folder.manifest(number))
        done, instances = done + sums["done"], instances + sums["instances"]
        quarantined += sums["quarantined"]
        if sums["quarantined"]:
            for line in read_manifest(folder.manifest(number)):
                if line.get("status") == "quarantined":
                    failed(line, line["image"])
    begun = {number: paths for number, paths in folder.journals_by_shard().items() if number not in finished}
    for paths in begun.values():
        for outcome in read_history(paths).outcomes.values():
            done += outcome.done
            quarantined += not outcome.done
            instances += outcome.facts.get("instances", 0)
            if not outcome.done:
                failed(outcome.facts, outcome.id)
    workers = [_worker(state) for state in read_presence(folder)]
    rate = sum(worker["rate"] for worker in workers if worker["state"] in LIVING and not worker["silent"])
    pending = plan.items - done - quarantined
    return {
        "run": str(folder.path),
        "items": plan.items,
        "done": done,
        "quarantined": quarantined,
        "pending": pending,
        "duplicates": plan.duplicates,
        "instances": instances,
        "shards": {"all": plan.shards, "finished": len(finished), "begun": len(begun)},
        "images_per_second": round(rate, 3) if rate else None,
        "seconds_left": round(pending / rate) if rate and pending else None,
        "workers": workers,
        "reasons": [{"reason": r, "items": n, "example": examples[r]} for r, n in reasons.most_common()],
    }


def _worker(state: dict[str, Any]) -> dict[str, Any]:
    now = time.time()
    owner = Owner(**{field.name: state[field.name] for field in fields(Owner)})
    if state["state"] in LIVING and owner.is_gone():
        state = {**state, "state": "vanished", "reason": "the process is gone without a last word"}
    ended = state.get("done", 0) + state.get("failed", 0)
    worked = state["at"] - state.get("working_since", state["at"])
    return {
        "worker": state["worker"],
        "host": state["host"],
        "state": state["state"],
        "reason": state["reason"],
        "done": state.get("done", 0),
        "quarantined": state.get("failed", 0),
        "rate": round(ended / worked, 3) if worked > 0 else 0.0,
        "silent": state["state"] in LIVING and now - state["at"] > SILENT_AFTER,
        "seconds_since": round(now - state["at"], 1),
    }


def table(seen: dict[str, Any]) -> str:
    share = 100 * (seen["done"] + seen["quarantined"]) / seen["items"] if seen["items"] else 100.0
    shards = seen["shards"]
    rate = f"{seen['images_per_second']:.3g} images/s" if seen["images_per_second"] else "no worker is at work"
    left = f", {duration(seen['seconds_left'])} left" if seen["seconds_left"] else ""
    lines = [
        f"run          {seen['run']}",
        f"items        {seen['items']}: {seen['done']} done, {seen['quarantined']} quarantined, "
        f"{seen['pending']} pending ({share:.1f} %)",
        f"instances    {seen['instances']}",
        f"shards       {shards['all']}: {shards['finished']} finished, {shards['begun']} begun",
        f"speed        {'complete' if not seen['pending'] else rate + left}",
    ]
    lines += _worker_lines(seen["workers"])
    for entry in seen["reasons"][:5]:
        lines.append(f"quarantined  {entry['items']:>6}  {entry['reason']}   e.g. {entry['example'][:100]}")
    if len(seen["reasons"]) > 5:
        lines.append(f"             and {len(seen['reasons']) - 5} more reasons")
    return "\n".join(lines)


def _worker_lines(workers: list[dict[str, Any]]) -> list[str]:
    states = Counter("silent" if worker["silent"] else worker["state"] for worker in workers)
    lines = [f"workers      {', '.join(f'{number} {state}' for state, number in states.most_common()) or 'none yet'}"]
    lively = [worker for worker in workers if worker["state"] in LIVING]
    for worker in sorted(lively, key=lambda w: w["rate"])[:10]:
        silent = f"   silent for {duration(worker['seconds_since'])}" if worker["silent"] else ""
        lines.append(
            f"  {worker['worker']:<40} {worker['state']:<9} {worker['done']:>8} done  {worker['rate']:>7.3g}/s{silent}"
        )
    if len(lively) > 10:
        lines.append(f"  and {len(lively) - 10} faster ones")
    failed = Counter(worker["reason"] for worker in workers if worker["state"] == "failed")
    lines += [f"  {number} failed: {reason}" for reason, number in failed.most_common(3)]
    return lines
