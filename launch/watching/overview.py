"""The numbers of `status`: of the run, its shards, its workers and its failures."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import kind_of_reason, read_sums
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.watching.progress import duration
from labelyard.launch.watching.workers import LIVING, images_per_second, is_at_work, workers_of
from labelyard.utils.text import one_line


def overview(folder: RunFolder) -> dict[str, Any]:
    plan = folder.read_plan()
    standing = Standing(folder)
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    done = quarantined = instances = gone = 0

    def count(lines: Iterable[dict[str, Any]]) -> None:
        nonlocal done, quarantined, instances
        for line in lines:
            done += line["status"] == "done"
            quarantined += line["status"] == "quarantined"
            instances += line.get("instances", 0)
            if line["status"] == "quarantined":
                kind = kind_of_reason(line["step"], line["reason"])
                reasons[kind] += 1
                examples.setdefault(kind, one_line(f"{line['image']}: {line['reason']}"))

    for number in sorted(standing.finished):
        try:
            sums = read_sums(folder.manifest(number))
        except FileNotFoundError:  # taken back by a retry since the listing
            count(standing.of(number))
            continue
        lost = standing.lost(number, sums["done"])
        gone, done, instances = gone + lost, done + sums["done"] - lost, instances + sums["instances"]
        quarantined += sums["quarantined"]
        for kind, (items, example) in sums.get("reasons", {}).items():
            reasons[kind] += items
            examples.setdefault(kind, example)
    begun = standing.begun()
    for number in begun:
        count(standing.of(number))
    workers = workers_of(folder)
    rate = images_per_second(workers)
    pending = plan.items - done - quarantined
    return {
        "run": str(folder.path),
        "items": plan.items,
        "done": done,
        "quarantined": quarantined,
        "pending": pending,
        "gone": gone,  # finished records that were removed since; they are pending again
        "duplicates": plan.duplicates,
        "instances": instances,
        "shards": {"all": plan.shards, "finished": len(standing.finished), "begun": len(begun)},
        "images_per_second": round(rate, 3) if rate else None,
        "seconds_left": round(pending / rate) if rate and pending else None,
        "workers": workers,
        "reasons": [{"reason": r, "items": n, "example": examples[r]} for r, n in reasons.most_common()],
    }


def table(seen: dict[str, Any]) -> str:
    share = 100 * (seen["done"] + seen["quarantined"]) / seen["items"] if seen["items"] else 100.0
    shards = seen["shards"]
    rate = f"{seen['images_per_second']:.3g} images/s" if seen["images_per_second"] else _no_rate(seen["workers"])
    left = f", {duration(seen['seconds_left'])} left" if seen["seconds_left"] else ""
    lines = [
        f"run          {seen['run']}",
        f"items        {seen['items']}: {seen['done']} done, {seen['quarantined']} quarantined, "
        f"{seen['pending']} pending ({share:.1f} %)",
        f"instances    {seen['instances']}",
        f"shards       {shards['all']}: {shards['finished']} finished, {shards['begun']} begun",
        f"speed        {'complete' if not seen['pending'] else rate + left}",
    ]
    if seen["gone"]:
        lines.append(
            f"gone         {seen['gone']} of the pending were finished, and their records are gone since; to have them "
            f"made again: python launch/retry.py {shlex.quote(seen['run'])} --damaged, and the same command"
        )
    lines += _worker_lines(seen["workers"])
    for entry in seen["reasons"][:5]:
        lines.append(f"quarantined  {entry['items']:>6}  {entry['reason']}   e.g. {entry['example'][:100]}")
    if len(seen["reasons"]) > 5:
        lines.append(f"             and {len(seen['reasons']) - 5} more reasons")
    return "\n".join(lines)


def _no_rate(workers: list[dict[str, Any]]) -> str:
    if any(is_at_work(worker) for worker in workers):
        return "not known yet: no worker has brought its first images to their end"
    return "no worker is at work"


def _worker_lines(workers: list[dict[str, Any]]) -> list[str]:
    states = Counter("silent" if worker["silent"] else worker["state"] for worker in workers)
    lines = [f"workers      {', '.join(f'{number} {state}' for state, number in states.most_common()) or 'none yet'}"]
    lively = [worker for worker in workers if worker["state"] in LIVING]
    for worker in sorted(lively, key=lambda w: (not w["silent"], w["overdue"] is None, w["rate"] or 0.0))[:10]:
        more = f"   on {worker['node']}" if worker["node"] else ""
        more += f"   {trouble_of(worker)}" if trouble_of(worker) else ""
        rate = "      ?/s" if worker["rate"] is None else f"{worker['rate']:>7.3g}/s"
        lines.append(f"  {worker['worker']:<40} {worker['state']:<9} {worker['done']:>8} done  {rate}{more}")
    if len(lively) > 10:
        lines.append(f"  and {len(lively) - 10} faster ones")
    failed = Counter(worker["reason"] for worker in workers if worker["state"] == "failed")
    lines += [f"  {number} failed: {reason}" for reason, number in failed.most_common(3)]
    return lines


def trouble_of(worker: dict[str, Any]) -> str:
    """Of a living worker: that it may be frozen, and what ends it, so that another does its work."""
    if worker["state"] not in LIVING:
        return ""
    if worker["silent"]:
        what = f"silent for {duration(worker['seconds_since'])}"
    elif worker["overdue"] is not None:
        what = f"no image for {duration(worker['overdue'])}"
    else:
        return ""
    end = f"scontrol requeue {worker['job']}" if worker["job"] else f"kill -9 {worker['pid']}, on {worker['host']}"
    return f"{what}; if it is frozen: {end}"
