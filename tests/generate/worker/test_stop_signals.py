"""Signals reach a worker wherever it is."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT, environment

# A signal at every single line that waiting goes through, those of the standard library's classes among them.
AT_EVERY_LINE = """
import os, signal, sys
from labelyard.generate.worker.stop_signals import Stop

def lines_passed(stop, at):
    passed = 0

    def trace(frame, event, argument):
        nonlocal passed
        if event == "line":
            passed += 1
            if passed == at:
                sys.settrace(None)
                os.kill(os.getpid(), signal.SIGTERM)
        return trace

    sys.settrace(trace)
    stop.wait(0.02)
    sys.settrace(None)
    return passed

at = 1
while True:
    stop = Stop()
    stop.listen()
    if lines_passed(stop, at) < at:
        break
    assert stop.asked, at
    at += 1
print("heard" if at > 4 else at)
"""


def test_a_signal_is_heard_at_every_line_of_waiting() -> None:
    command = [sys.executable, "-c", AT_EVERY_LINE]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout == "heard\n", done.stdout + done.stderr
