"""The quarantined items for their page: of a run, or of all stages of a chain."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import kind_of_reason
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.report.subject import Subject
from labelyard.launch.watching.overview import Overview

LISTED = 5000  # items on the page; quarantine.jsonl has them all


@dataclass(frozen=True)
class Lost:
    total: int
    data: dict[str, Any]

    @property
    def note(self) -> str:
        return "" if self.total <= LISTED else f"The first {LISTED} are listed; quarantine.jsonl has all."


def listed(subject: Subject, seen: Sequence[Overview]) -> Lost:
    """`seen`: of each of its runs. In a chain each reason begins with the stage."""
    starts = [f"{run.path.name}: " if subject.is_chain else "" for run in subject.runs]
    items = (
        {**item, "step": start + (item["step"] or "worker") if start else item["step"], "kind": start + item["kind"]}
        for start, run in zip(starts, subject.runs, strict=True)
        for item in _quarantined(run)
    )
    reasons = [
        [start + reason.reason, reason.items] for start, one in zip(starts, seen, strict=True) for reason in one.reasons
    ]
    total = sum(one.quarantined for one in seen)
    return Lost(total, {"items": list(itertools.islice(items, LISTED)), "total": total, "reasons": reasons})


def _quarantined(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """In the order of the plan."""
    standing = Standing(folder)
    for number in standing.touched():
        for line in standing.quarantined(number):
            kept = {key: line[key] for key in ("id", "image", "step", "reason", "attempts")}
            yield {**kept, "kind": kind_of_reason(line["step"], line["reason"])}
