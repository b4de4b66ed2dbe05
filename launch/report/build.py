"""The report of a run or a chain: made in a folder of its own, and the page turns to it when it is whole."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from labelyard.generate.record_json.body import read_record
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.report import page, quarantine
from labelyard.launch.report.beside import Beside
from labelyard.launch.report.cards import card, detail
from labelyard.launch.report.dataset_counts import Facts
from labelyard.launch.report.own_media import own_media
from labelyard.launch.report.pairs import with_pairs
from labelyard.launch.report.pictures import COLOURS, pictures
from labelyard.launch.report.plots import Plot, dataset_plots, run_plots
from labelyard.launch.report.png import png
from labelyard.launch.report.run_history import account
from labelyard.launch.report.sample import Chosen, sample
from labelyard.launch.report.subject import Subject, lineage
from labelyard.launch.watching.overview import Overview, overview
from labelyard.utils.atomic import temporary_beside, write_atomic, writer_is_gone
from labelyard.utils.latest import Overtaken, latest, until_latest

STATIC = Path(__file__).with_name("static")
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


def build(subject: Subject, size: int, seed: int) -> Report:
    """report/index.html in a run's or chain's folder, and what belongs to it. Whoever opens the page meanwhile gets the
    old report or the new one, never a mixture; and of several that are made at once, the one that looked last."""
    return until_latest(lambda: _build(subject, size, seed))


def _build(subject: Subject, size: int, seed: int) -> Report:
    place = subject.place
    place.mkdir(exist_ok=True)
    name = f"report-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{next(_count)}"
    building = temporary_beside(place / name)
    building.mkdir()
    try:
        with latest(place / "quarantine.html", place / "index.html") as pages:
            before = [path for path in place.iterdir() if _is_left(path)]
            report = _fill(subject, building, name, pages, size, seed)
            building.replace(place / name)
    except Overtaken:
        shutil.rmtree(place / name, ignore_errors=True)  # no page points there
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for path in before:  # what came since is of one who began later
        shutil.rmtree(path, ignore_errors=True)
    return report


def _fill(subject: Subject, building: Path, name: str, pages: Sequence[IO[bytes]], size: int, seed: int) -> Report:
    seen = [overview(run) for run in subject.runs]
    at = max((at for at, one in enumerate(seen) if one.done), default=0)
    folder, shown = subject.runs[at], seen[at]
    chosen = sample(folder, size, seed)
    for part in ("thumb", "full", "side", "pair", "detail"):
        (building / part).mkdir()
    for path in STATIC.iterdir():
        shutil.copyfile(path, building / path.name)
    root = folder.read_run().get("config", {}).get("image_root")
    beside = Beside(folder.path, root, subject.path)
    facts, cards, unreadable = Facts(), list[dict[str, Any]](), list[Path]()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        made = threads.map(partial(_one, folder, beside, building, subject.is_chain), chosen.chosen)
        for one, (entry, record) in zip(chosen.chosen, made, strict=True):
            if entry is None or record is None:
                unreadable.append(one.path)
                continue
            cards.append(entry)
            facts.add(record)
    stages = [[stage.name, list(stage.steps.items())] for stage in lineage(folder)]
    everything = {"base": f"{name}/", "colours": COLOURS, "stages": stages, "records": cards}
    (building / "cards.js").write_bytes(page.data_file("cards", everything))
    lost = quarantine.listed(subject, seen)
    (building / "quarantined.js").write_bytes(page.data_file("quarantined", lost.data))
    note = f"{len(cards)} records picked at random of {chosen.done}" if len(cards) < chosen.done else "all records"
    dataset, course = list(dataset_plots(facts)), list(_course(subject, seen))
    _write_plots(subject.place / "plots", [*dataset, *course])
    title, sums = subject.path.name, f"{_sums(subject, seen, shown)}; {note}"
    first = page.index(title, sums, f"{name}/", lost.total, note, dataset, course)
    second = page.quarantine(title, f"{lost.total} items quarantined", f"{name}/", lost.note)
    for file, text in zip(pages, (second, first), strict=True):
        file.write(text.encode())
    return Report(subject.place / "index.html", len(cards), chosen.done, unreadable, lost.total)


def _sums(subject: Subject, seen: Sequence[Overview], shown: Overview) -> str:
    if subject.is_chain:
        stages = [f"{run.path.name} {one.done} of {one.items}" for run, one in zip(subject.runs, seen, strict=True)]
        return f"items done: {', '.join(stages)}; {shown.instances} instances"
    pending = f", {shown.pending} pending" if shown.pending else ""
    return f"{shown.done} of {shown.items} items done, {shown.instances} instances{pending}"


def _course(subject: Subject, seen: Sequence[Overview]) -> Iterator[Plot]:
    for run, one in zip(subject.runs, seen, strict=True):
        for plot in run_plots(account(run, one)):
            if subject.is_chain:
                stage = run.path.name
                plot = replace(plot, name=f"{stage}_{plot.name}", title=f"{stage}: {plot.title}")
            yield plot


def _one(folder: RunFolder, beside: Beside, building: Path, paired: bool, chosen: Chosen) -> _Shown:
    """A card, and the record without its heavy parts; None if the file is gone, torn, or not what its name says."""
    record = read_record(chosen.path)
    if record is None or record.get("id") != chosen.id:
        return None, None
    try:
        made = pictures(record, beside, own_media(folder, chosen.shard, record, beside.root))
        if paired:
            made = with_pairs(made, record, chosen.path, beside)
        place = quote(f"../{chosen.path.relative_to(beside.home or folder.path).as_posix()}")
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
