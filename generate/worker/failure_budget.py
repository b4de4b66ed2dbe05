"""How many failures are the items' fault, and when it is something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from labelyard.generate.errors import FatalError
from labelyard.generate.run_folder.journal import Outcome
from labelyard.utils.text import one_line

Mark = Callable[[Outcome], None]
FEW = 10  # failures that no run is stopped for


@dataclass
class Budget:
    """Failed items are held back, unmarked, until an item that was begun later has gone well, or nothing is left to do.

    A wrong mount then stops the worker with one reason, instead of quarantining millions. A mount that goes away later
    is told from a stretch of bad items in the list by looking again at what went well before.
    """

    max_rate: float
    still_well: Callable[[], str | None] = lambda: None  # why what went well before does no longer, if so
    ever_well: Callable[[], bool] = lambda: True  # whether anything of the whole run has gone well
    judge_after: int = 100
    _held: list[tuple[int, Outcome, Mark]] = field(default_factory=list)
    _failed: int = 0
    _done: int = 0

    def done(self, order: int) -> None:
        """An item went well. One that was begun before others failed says nothing of what was the matter then."""
        self._done += 1
        self.flush(before=order)

    def failed(self, order: int, outcome: Outcome, mark: Mark) -> None:
        """`order` counts the items as they are begun."""
        self._failed += 1
        self._held.append((order, outcome, mark))
        if self.max_rate >= 1:
            return self.flush()
        total = self._failed + self._done
        if total >= self.judge_after and self._failed > self.max_rate * total:
            raise self._fatal(f"{self._failed} of {total} items failed")
        if self._done and len(self._held) >= self.judge_after:
            trouble = self.still_well()
            if trouble:
                raise self._fatal(f"{len(self._held)} items in a row failed, and {trouble}")
            self.flush()

    def end(self) -> None:
        """Nothing is left to do: what was held back is marked, unless nothing has ever gone well."""
        if not self._done and len(self._held) >= FEW and not self.ever_well():
            raise self._fatal(f"all {self._failed} items failed")
        self.flush()

    def flush(self, before: int | None = None) -> None:
        """Mark what was held back."""
        held, self._held = self._held, []
        for order, outcome, mark in held:
            if before is None or order < before:
                mark(outcome)
            else:
                self._held.append((order, outcome, mark))

    def _fatal(self, how: str) -> FatalError:
        reasons = [_told(held) for _, held, _ in self._held]
        kind, _ = Counter(map(_kind, reasons)).most_common(1)[0]
        example = next(reason for reason in reasons if _kind(reason) == kind)
        return FatalError(
            f"{how}, most of them with: {one_line(example)}. The last {len(reasons)} were not marked. "
            "Mend the cause and run the same command again (or allow it: work.max_failure_rate=1)"
        )


def _told(outcome: Outcome) -> str:
    return str(outcome.facts.get("reason"))


def _kind(reason: str) -> str:
    """The part of a reason that many share, without the file's name."""
    return reason.partition(":")[0]
