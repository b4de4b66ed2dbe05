"""The report of a run: everything is made in a folder of its own, and the page turns to it when it is whole."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from labelyard.generate.record_json.body import read_record
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import kind_of_reason
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.report import page
from labelyard.launch.report.beside import Beside
from labelyard.launch.report.cards import card, detail
from labelyard.launch.report.dataset_counts import Facts
from labelyard.launch.report.own_media import own_media
from labelyard.launch.report.pictures import COLOURS, pictures
from labelyard.launch.report.plots import Plot, dataset_plots, run_plots
from labelyard.launch.report.png import png
from labelyard.launch.report.run_history import account
from labelyard.launch.report.sample import Chosen, sample
from labelyard.launch.watching.overview import overview
from labelyard.utils.atomic import temporary_beside, write_atomic, writer_is_gone
from labelyard.utils.latest import Overtaken, latest, until_latest

STATIC = Path(__file__).with_name("static")
LISTED = 5000  # quarantined items on their page; quarantine.jsonl has them all
MADE = re.compile(r"report-\d{8}T\d{6}-\d+(-\d+)?")
_count = itertools.count()


_Shown = tuple[dict[str, Any] | None, dict[str, Any] | None]


@dataclass(frozen=True)
class Report:
    index: Path
    records: int
    done: int  # in all
    unreadable: list[Path]
    quarantined: int


def build(folder: RunFolder, size: int, seed: int) -> Report:
    """RUN/report/index.html and what belongs to it. Whoever opens the page meanwhile gets the old report or the new
    one, never a mixture; and of several that are made at once, the one that looked last."""
    return until_latest(lambda: _build(folder, size, seed))


def _build(folder: RunFolder, size: int, seed: int) -> Report:
    place = folder.path / "report"
    place.mkdir(exist_ok=True)
    name = f"report-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{next(_count)}"
    building = temporary_beside(place / name)
    building.mkdir()
    try:
        with latest(place / "quarantine.html", place / "index.html") as pages:
            before = [path for path in place.iterdir() if _is_left(path)]
            report = _fill(folder, place, building, name, pages, size, seed)
            building.replace(place / name)
    except Overtaken:
        shutil.rmtree(place / name, ignore_errors=True)  # no page points there
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for path in before:  # what came since is of one who began later
        shutil.rmtree(path, ignore_errors=True)
    return report


def _fill(
    folder: RunFolder, place: Path, building: Path, name: str, pages: Sequence[IO[bytes]], size: int, seed: int
) -> Report:
    seen = overview(folder)
    chosen = sample(folder, size, seed)
    for part in ("thumb", "full", "side", "detail"):
        (building / part).mkdir()
    for path in STATIC.iterdir():
        shutil.copyfile(path, building / path.name)
    beside = Beside(folder.path, folder.read_run().get("config", {}).get("image_root"))
    facts, cards, unreadable = Facts(), list[dict[str, Any]](), list[Path]()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        made = threads.map(partial(_one, folder, beside, building), chosen.chosen)
        for one, (entry, record) in zip(chosen.chosen, made, strict=True):
            if entry is None or record is None:
                unreadable.append(one.path)
                continue
            cards.append(entry)
            facts.add(record)
    everything = {"base": f"{name}/", "colours": COLOURS, "records": cards}
    (building / "cards.js").write_bytes(page.data_file("cards", everything))
    items = list(itertools.islice(_quarantined(folder), LISTED))
    listed = {
        "items": items,
        "total": seen.quarantined,
        "reasons": [[entry.reason, entry.items] for entry in seen.reasons],
    }
    (building / "quarantined.js").write_bytes(page.data_file("quarantined", listed))
    note = f"{len(cards)} records picked at random of {chosen.done}" if len(cards) < chosen.done else "all records"
    dataset, run = list(dataset_plots(facts)), list(run_plots(account(folder, seen)))
    _write_plots(place / "plots", [*dataset, *run])
    sums = (
        f"{seen.done} of {seen.items} items done, {seen.instances} instances"
        + (f", {seen.pending} pending" if seen.pending else "")
        + f"; {note}"
    )
    first = page.index(folder.path.name, sums, f"{name}/", seen.quarantined, note, dataset, run)
    more = "" if seen.quarantined <= LISTED else f"The first {LISTED} are listed; quarantine.jsonl has all."
    second = page.quarantine(folder.path.name, f"{seen.quarantined} items quarantined", f"{name}/", more)
    for file, text in zip(pages, (second, first), strict=True):
        file.write(text.encode())
    return Report(place / "index.html", len(cards), chosen.done, unreadable, seen.quarantined)


def _one(folder: RunFolder, beside: Beside, building: Path, chosen: Chosen) -> _Shown:
    """A card, and the record without its heavy parts; None if the file is gone, torn, or not what its name says."""
    record = read_record(chosen.path)
    if record is None or record.get("id") != chosen.id:
        return None, None
    try:
        made = pictures(record, beside, own_media(folder, chosen.shard, record, beside.root))
        place = quote(f"../{chosen.path.relative_to(folder.path).as_posix()}")
        entry = card(record, {**made.entry, "path": place})
        light = detail(record)
    except Exception:
        # Records are files that others may have touched, and a decoder meets every kind of damage. The one that
        # can't be shown is named, the others are shown.
        return None, None
    for file, data in made.files.items():
        (building / file).write_bytes(data)
    (building / "detail" / f"{chosen.id}.js").write_bytes(page.data_file(chosen.id, light))
    return entry, light


def _quarantined(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """The quarantined items, in the order of the plan."""
    standing = Standing(folder)
    for number in standing.touched():
        for line in standing.quarantined(number):
            kept = {key: line[key] for key in ("id", "image", "step", "reason", "attempts")}
            yield {**kept, "kind": kind_of_reason(line["step"], line["reason"])}


def _write_plots(place: Path, plots: list[Plot]) -> None:
    place.mkdir(exist_ok=True)
    for plot in plots:
        write_atomic(place / f"{plot.name}.png", png(plot.drawing, f"{plot.title}: {plot.note}"))
    for path in place.glob("*.png"):
        if path.stem not in {plot.name for plot in plots}:
            path.unlink(missing_ok=True)  # of an earlier report, and no longer true


def _is_left(path: Path) -> bool:
    """An earlier report, or what a killed maker left of one."""
    return MADE.fullmatch(path.name) is not None or (path.name.startswith(".report-") and writer_is_gone(path))
