"""Being asked to stop: by a signal, or by the end of the process that started this one."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

LOOK = 0.1  # seconds
# SIGTERM: preemption, scancel, kill. SIGUSR2: SLURM's word ahead of a time limit. SIGINT: Ctrl-C.
SIGNALS = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)


class Stop:
    """The worker looks at it between batches; state on disk is safe at every instant, so nothing more is needed."""

    def __init__(self, parent: int | None = None) -> None:
        # A plain flag, no Event: its lock may be held by the very thread that a signal interrupts, or by the handler
        # of a signal just before, and the handler would wait for it for ever.
        self._asked = False
        self._parent = parent
        self.reason = ""

    def listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        # SLURM sends it before SIGTERM so that a suspended process wakes up; it asks for nothing.
        signal.signal(signal.SIGCONT, lambda *_: None)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.ask(signal.Signals(number).name)

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._asked = True

    @property
    def asked(self) -> bool:
        if self._parent is not None and os.getppid() != self._parent and not self._asked:
            self.ask("the process that started this worker is gone")
        return self._asked

    def wait(self, seconds: float) -> None:
        """Sleep, but wake soon when asked to stop."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(LOOK, left))
