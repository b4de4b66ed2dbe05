"""Whether a worker has frozen: by the age of its word, and never by what its watcher slept through."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from labelyard.generate.run_folder.claims import STALE_AFTER
from labelyard.generate.worker import vigil
from labelyard.generate.worker.vigil import SLEPT, Vigil, watch_over
from tests.generate.worker.test_tally import Clock


def test_a_silence_is_as_long_as_the_word_is_old() -> None:
    clock = Clock()
    watch = Vigil(clock)
    for _ in range(3):
        clock.now += SLEPT / 2
        watch.look()
    assert watch.silence(12.0) == 12.0 and watch.silence(1e6) == 1e6


@pytest.mark.parametrize("step", [8 * 3600.0, -3600.0])
def test_what_the_watcher_slept_through_is_no_silence(step: float) -> None:
    """A laptop that was closed, Ctrl-Z, a clock that was set."""
    clock = Clock()
    watch = Vigil(clock)
    clock.now += step
    watch.look()
    assert watch.silence(8 * 3600.0) == 0.0
    clock.now += 30
    watch.look()
    assert watch.silence(8 * 3600.0 + 30) == 30.0 and watch.silence(5.0) == 5.0


def watched(word: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was called frozen within eight looks."""
    monkeypatch.setattr(vigil, "FIRST_LOOK", 0.001)
    told: list[float] = []

    class Ended(threading.Event):
        looks = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.looks += 1
            return self.looks > 8

    watch_over(word, told.append, Ended())
    return told


def test_an_old_word_is_told_once_and_a_young_one_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = tmp_path / "a.json"
    assert watched(word, monkeypatch) == [], "it has not had the time for a word"
    word.touch()
    assert watched(word, monkeypatch) == []
    os.utime(word, (time.time() - STALE_AFTER - 5,) * 2)
    (silence,) = watched(word, monkeypatch)
    assert STALE_AFTER < silence < STALE_AFTER + 60
