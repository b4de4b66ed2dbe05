"""How many failures are the items' fault, and when it is something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from generate.errors import FatalError
from generate.journal import Outcome
from utils.text import one_line

Mark = Callable[[Outcome], None]


@dataclass
class Budget:
    """Failed items are held back, unmarked, until some item has gone well or nothing is left to do.

    A wrong mount then stops the worker with one reason, instead of quarantining millions.
    """

    max_rate: float
    judge_after: int = 100
    _held: list[tuple[Outcome, Mark]] = field(default_factory=list)
    _failed: int = 0
    _done: int = 0

    def done(self) -> None:
        self._done += 1
        self.flush()

    def failed(self, outcome: Outcome, mark: Mark) -> None:
        self._failed += 1
        self._held.append((outcome, mark))
        total = self._failed + self._done
        if total >= self.judge_after and self._failed > self.max_rate * total:
            reasons = Counter(_kind(str(held.facts.get("reason"))) for held, _ in self._held)
            reason, _ = reasons.most_common(1)[0]
            example = next(str(h.facts["reason"]) for h, _ in self._held if _kind(str(h.facts["reason"])) == reason)
            raise FatalError(
                f"{self._failed} of {total} items failed, most of them with: {one_line(example)}. "
                f"The last {len(self._held)} were not marked. Mend the cause and run the same command again "
                "(or allow it: work.max_failure_rate=1)"
            )

    def flush(self) -> None:
        """Mark what was held back."""
        held, self._held = self._held, []
        for outcome, mark in held:
            mark(outcome)


def _kind(reason: str) -> str:
    """The part of a reason that many share, without the file's name."""
    return reason.partition(":")[0]
