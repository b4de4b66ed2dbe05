"""What the steps have come to, in the user's folders: result.jsonl and failed.jsonl of every step, and of all together.

Written anew whenever a step has ended, from the runs alone: each file whole or not at all, also where rows are missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from heapq import merge
from pathlib import Path
from typing import Any

from labelyard import __version__
from labelyard.generate.record import Item
from labelyard.generate.record_json.body import read_record
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.standing import stand
from labelyard.launch.dataflow_gen.flow import PREPROCESS, Flow, Stage
from labelyard.launch.dataflow_gen.in_order import Stood, in_order
from labelyard.launch.dataflow_gen.lines import ERROR, exploded, final, of_step
from labelyard.launch.dataflow_gen.media import ENDINGS, Names, made_file, put
from labelyard.launch.dataflow_gen.save_place import SavePlace
from labelyard.utils.jsons import dump
from labelyard.utils.latest import latest, until_latest

RESULT, FAILED = "result.jsonl", "failed.jsonl"


@dataclass
class Told:
    """What is said at the end."""

    lines: int = 0
    failed: int = 0
    refused: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Results:
    flow: Flow
    base: Path
    runs: Mapping[str, RunFolder]  # by stage
    save: SavePlace
    layout: str
    keep_failed: bool
    explode: bool
    _told: dict[str, Any] = field(default_factory=dict)  # how each run stood when it was last written, and what of all

    def write(self) -> Told | None:
        """Of all steps that have begun; None where none has."""
        begun = [stage for stage in self.flow.stages if self._has_begun(stage)]
        if not begun:
            return None
        stands = {stage.name: stand(self.runs[stage.name]) for stage in begun}
        changed = [stage for stage in begun if self._told.get(stage.name) != stands[stage.name]]
        if not changed:
            told: Told = self._told[RESULT]
            return told
        names = Names.among(self.flow, self.layout, (stood.item for stood in in_order(self._first)))
        if self.flow.stages[0] in changed:
            until_latest(self._preprocessed)
        for stage in changed:
            until_latest(partial(self._step, stage, names))
        told = until_latest(partial(self._final, names))
        self._told.update({**stands, RESULT: told})
        return told

    def _has_begun(self, stage: Stage) -> bool:
        return self.runs[stage.name].plan_json.exists()

    @cached_property
    def _root(self) -> str:
        root: str = self._first.read_run()["config"]["image_root"]
        return root

    @property
    def _first(self) -> RunFolder:
        return self.runs[self.flow.stages[0].name]

    def _preprocessed(self) -> None:
        folder = self.base / PREPROCESS
        folder.mkdir(exist_ok=True)
        with latest(folder / FAILED, folder / RESULT) as (failed, result):
            for stood in in_order(self._first):
                result.write(dump(of_step(self.flow, 0, stood.item, {}, self._root, {})))
            for refusal in refusals(self._first):
                failed.write(dump(refusal))

    def _step(self, stage: Stage, names: Names) -> None:
        run = self.runs[stage.name]
        folder = self._folder(stage)
        folder.mkdir(exist_ok=True)
        with latest(folder / FAILED, folder / RESULT) as (failed, result):
            for stood in in_order(run):
                if stood.failed and self._blamed(stood, stage) is stage:
                    failed.write(dump(_failure(stood, stage)))
                body = read_record(stood.path) if stood.done else None
                if body is not None:
                    media = self._placed(stage, names, stood.item, body)
                    result.write(dump(of_step(self.flow, stage.number, stood.item, body, self._root, media)))

    def _placed(
        self, stage: Stage, names: Names, item: Item, body: Mapping[str, Any], folder: Path | None = None
    ) -> dict[str, list[Path]]:
        """Where the row's current image and video lie, or several of one row: in the folder of the step that made them,
        or in `folder`."""
        found: dict[str, list[Path]] = {}
        for kind in ENDINGS:
            maker = self.flow.maker(kind, stage.number)
            for number in range(1, maker.repeats + 1) if maker is not None else ():
                assert maker is not None
                own = maker.name if number == 1 else f"{maker.name}_{number}"
                made = made_file(body, kind, own, self.runs[stage.name].path)
                if made is None:
                    break
                path = (folder or self._folder(maker)) / names.of(kind, item, number)
                found.setdefault(kind, []).append(path)
                if folder is not None or maker is stage:
                    put(made, path)
        return found

    def _final(self, names: Names) -> Told:
        told = Told(refused=sum(1 for _ in refusals(self._first)))
        self.save.make()
        with latest(*self.save.files) as (failed, report, result):
            for row in self._rows():
                if row.stood.failed:
                    told.failed += 1
                    failed.write(dump(_failure(row.stood, row.stage)))
                else:
                    told.lines += 1
                for line in self._lines(row, names):
                    result.write(dump(line))
            for refusal in refusals(self._first):
                failed.write(dump(refusal))
            told.pending = self._first.read_plan().items - told.lines - told.failed
            report.write(dump(self._report(told), indent=2))
        return told

    def _rows(self) -> Iterator[Row]:
        """Those that have come to their end: done in the last step, or failed in any, in the order of the list."""
        last = self.flow.stages[-1]
        each = (self._ended(stage, stage is last) for stage in self.flow.stages if self._has_begun(stage))
        return merge(*each, key=lambda row: row.stood.order)

    def _ended(self, stage: Stage, is_last: bool) -> Iterator[Row]:
        for stood in in_order(self.runs[stage.name]):
            if (is_last and stood.done) or (stood.failed and self._blamed(stood, stage) is stage):
                yield Row(stood, stage)

    def _folder(self, stage: Stage) -> Path:
        """Where its own results lie: that of its run, or one of its own where that is another's."""
        return self.runs[stage.name].path if stage.is_last_of_its_run else self.base / stage.name

    def _blamed(self, stood: Stood, stage: Stage) -> Stage:
        """Of the steps in one run the one at which the row has failed: the first, if it did not come to any."""
        group = [one for one in self.flow.stages if one.run == stage.run]
        return next((one for one in group if one.name == stood.outcome.get("step")), group[0])

    def _lines(self, row: Row, names: Names) -> list[dict[str, Any]]:
        flow, item = self.flow, row.stood.item
        if row.stood.failed:
            line = final(flow, 0, item, {}, self._root, {}) | {ERROR: row.stood.outcome["reason"]}
            return [line] if self.keep_failed else []
        body = read_record(row.stood.path) or {}
        media = self._placed(row.stage, names, item, body, self.save.folder)
        line = final(flow, len(flow.stages), item, body, self._root, media)
        return exploded(line, flow.keys.text) if self.explode else [line]

    def _report(self, told: Told) -> dict[str, Any]:
        plan = self._first.read_plan()
        return {
            "made_by": {"labelyard": __version__, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
            "base_folder": str(self.base),
            "steps": [stage.name for stage in self.flow.stages],
            "rows": plan.items + told.refused,
            "result": told.lines,
            "failed": told.failed,
            "refused": told.refused,
            "pending": told.pending,
        }


@dataclass(frozen=True)
class Row:
    stood: Stood
    stage: Stage


def _failure(stood: Stood, stage: Stage) -> dict[str, Any]:
    item = stood.item
    id_ = item.given.get("id", item.id)
    return {"row": stood.row, "id": id_, "item": item.id, "step": stage.name, "reason": stood.outcome["reason"]}


def refusals(run: RunFolder) -> Iterator[dict[str, Any]]:
    """Rows that are no items."""
    if run.refused.exists():
        with run.refused.open("rb") as file:
            for line in file:
                found = json.loads(line)
                row = {"row": found["row"]} if "row" in found else {}
                yield {**row, "where": found["where"], "step": PREPROCESS, "reason": found["reason"]}
