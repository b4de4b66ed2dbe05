"""Only one process at a time plans a run."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from labelyard.generate.run_folder.claims import HEARTBEAT, Claims, Owner
from labelyard.generate.run_folder.layout import RunFolder


@contextmanager
def planning(folder: RunFolder) -> Iterator[None]:
    """Only one process at a time plans a run; another waits for it here, and then finds its plan."""
    claims = Claims(folder, Owner.here(f"plan-{socket.gethostname()[:40]}-{os.getpid()}"))
    began, said = time.monotonic(), False
    while not claims.take_planning():
        time.sleep(0.2)
        if not said and time.monotonic() - began > 3:
            said = True
            print("another process is planning this run; waiting for it", file=sys.stderr, flush=True)
    end = threading.Event()
    beating = threading.Thread(target=_beat, args=(claims, end), name="planning", daemon=True)
    beating.start()
    try:
        yield
    finally:
        end.set()
        beating.join(timeout=HEARTBEAT)
        claims.close()


def _beat(claims: Claims, end: threading.Event) -> None:
    """However slow the source: who plans says so, lest the claim gets stale."""
    while not end.wait(HEARTBEAT):
        with suppress(OSError):
            claims.refresh()
