"""How far a run is, from its folder alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.run_folder.journal import parse_event, read_history
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import read_sums
from labelyard.launch.watching.workers import WorkerSeen, images_per_second, workers_of

ASK_WORKERS = 2.0  # seconds between two looks at what they said
PART = 0.1  # of the time may go into it


@dataclass(frozen=True)
class Progress:
    items: int
    done: int
    quarantined: int
    rate: float | None  # images per second of the workers at work; None if not known

    @property
    def ended(self) -> int:
        return self.done + self.quarantined

    @property
    def pending(self) -> int:
        return self.items - self.ended

    @property
    def seconds_left(self) -> float | None:
        return self.pending / self.rate if self.rate else None


class Watch:
    """Counts again and again at little cost: finished shards are read once, journals from where they were left."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._items = folder.read_plan().items
        self._finished: dict[int, tuple[int, int]] = {}
        self._journals: dict[Path, _Tail] = {}
        self.workers: list[WorkerSeen] = []
        self._ask_workers_at = 0.0

    def look(self) -> Progress:
        finished = self._folder.finished()
        self._finished = {number: sums for number, sums in self._finished.items() if number in finished}
        for number in finished - self._finished.keys():
            try:
                self._finished[number] = _sums(self._folder, number)
            except FileNotFoundError:  # taken back by a retry
                continue
        done, quarantined = (sum(column) for column in zip((0, 0), *self._finished.values(), strict=True))
        current: dict[Path, _Tail] = {}
        for number, paths in self._folder.journals_by_shard().items():
            if number in self._finished:
                continue
            states = self._states(paths, current)
            done += sum(1 for state in states if state == "done")
            quarantined += sum(1 for state in states if state == "quarantined")
        self._journals = current
        return Progress(self._items, done, quarantined, self._rate())

    def _states(self, paths: list[Path], current: dict[Path, _Tail]) -> list[str]:
        for path in paths:
            tail = current[path] = self._journals.get(path) or _Tail(path)
            tail.read()
        if any(current[path].retried for path in paths):  # rare, and not to be told line by line
            return [outcome.status for outcome in read_history(paths).outcomes.values()]
        states: dict[str, str] = {}
        for path in paths:
            for item_id, state in current[path].ended.items():
                states[item_id] = "done" if "done" in (state, states.get(item_id)) else state
        return list(states.values())

    def _rate(self) -> float | None:
        """As the workers say: what ended within some window of ours may be one batch of one of them, or none."""
        began = time.monotonic()
        if began >= self._ask_workers_at:
            self.workers = workers_of(self._folder)
            now = time.monotonic()
            self._ask_workers_at = now + max(ASK_WORKERS, (now - began) / PART)
        return images_per_second(self.workers)


class _Tail:
    """A journal that is being written, read piece by piece."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.ended: dict[str, str] = {}
        self.retried = False

    def read(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for line in data[:whole].split(b"\n"):
            if b'"done"' in line or b'"quarantined"' in line or b'"retried"' in line:
                event = parse_event(line)
                if event is None:
                    continue
                self.retried = self.retried or event["event"] == "retried"
                if event["event"] in ("done", "quarantined"):
                    self.ended[event["id"]] = event["event"]


def _sums(folder: RunFolder, number: int) -> tuple[int, int]:
    sums = read_sums(folder.manifest(number))
    return sums["done"], sums["quarantined"]


def duration(seconds: float | None) -> str:
    """For people: 45 s, 12 min, 3 h 20 min, 4 d 2 h."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def line(progress: Progress) -> str:
    """One line for people."""
    share = 100 * progress.ended / progress.items if progress.items else 100.0
    text = (
        f"{progress.ended}/{progress.items} ({share:.0f} %)  {progress.done} done, {progress.quarantined} quarantined"
    )
    if progress.rate:
        text += f"  {progress.rate:.2g} images/s" if progress.rate < 10 else f"  {progress.rate:.0f} images/s"
    if progress.pending and progress.rate:
        text += f"  {duration(progress.seconds_left)} left"
    return text
