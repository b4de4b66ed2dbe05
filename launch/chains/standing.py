"""How a stage of a chain stands, by its run folder alone."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import read_sums
from labelyard.generate.run_folder.standing import Standing
from labelyard.utils.english import counted


@dataclass(frozen=True)
class Stand:
    items: int = 0  # planned
    done: int = 0
    quarantined: int = 0

    @property
    def pending(self) -> int:
        return self.items - self.done - self.quarantined

    @property
    def complete(self) -> bool:
        """Every item has ended, be it in quarantine: there is nothing that a stage behind it would wait for."""
        return self.items > 0 and self.pending == 0

    def told(self) -> str:
        if not self.items:
            return "not begun"
        return (
            f"{counted(self.items, 'item')}: {self.done} done, {self.quarantined} quarantined, {self.pending} pending"
        )


def stand(folder: RunFolder) -> Stand:
    plan = folder.read_plan()
    standing = Standing(folder)
    done = quarantined = 0
    for number in standing.finished:
        try:
            sums = read_sums(folder.manifest(number))
        except FileNotFoundError:  # taken back by a retry since the listing
            continue
        done += sums["done"] - standing.lost(number, sums["done"])
        quarantined += sums["quarantined"]
    for number in standing.begun():
        for line in standing.of(number):
            done += line["status"] == "done"
            quarantined += line["status"] == "quarantined"
    return Stand(plan.items, done, quarantined)
