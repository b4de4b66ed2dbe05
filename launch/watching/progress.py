"""How far a run is, from its folder alone."""

from __future__ import annotations

import time
from dataclasses import dataclass

from labelyard.generate.run_folder.journal_tails import JournalTails
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Counts, counts_of_finished
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
        self._finished: dict[int, Counts] = {}
        self._journals = JournalTails()
        self.workers: list[WorkerSeen] = []
        self._ask_workers_at = 0.0

    def look(self) -> Progress:
        finished = self._folder.finished()
        self._finished = {number: counts for number, counts in self._finished.items() if number in finished}
        for number in finished - self._finished.keys():
            if (counts := counts_of_finished(self._folder, number)) is not None:
                self._finished[number] = counts
        done = sum(counts.done for counts in self._finished.values())
        quarantined = sum(counts.quarantined for counts in self._finished.values())
        begun = {n: paths for n, paths in self._folder.journals_by_shard().items() if n not in self._finished}
        self._journals.keep(begun.values())
        for paths in begun.values():
            states = self._journals.states(paths)
            done += states.count("done")
            quarantined += states.count("quarantined")
        return Progress(self._items, done, quarantined, self._rate())

    def _rate(self) -> float | None:
        """As the workers say: what ended within some window of ours may be one batch of one of them, or none."""
        began = time.monotonic()
        if began >= self._ask_workers_at:
            self.workers = workers_of(self._folder)
            now = time.monotonic()
            self._ask_workers_at = now + max(ASK_WORKERS, (now - began) / PART)
        return images_per_second(self.workers)


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
