"""How fast a worker is, from hand-made series of when its items ended."""

from __future__ import annotations

import pytest

from labelyard.generate.worker.tally import OVERDUE, WINDOW, Tally


class Clock:
    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


def worked(ends: list[float], until: float, begin: float = 0.0) -> list[tuple[float, float | None]]:
    """The speed at every second of a worker's life, whose items end at these moments."""
    clock = Clock()
    zero = clock.now
    clock.now = zero + begin
    tally, left = Tally(clock), sorted(ends)
    seen: list[tuple[float, float | None]] = []
    for second in range(int(begin), int(until) + 1):
        while left and left[0] <= second:
            clock.now = zero + left.pop(0)
            tally.count(done=True)
        clock.now = zero + second
        seen.append((second, tally.per_second()))
    return seen


def batches(number: int, seconds: float, size: int = 16, begin: float = 0.0, spread: float = 0.8) -> list[float]:
    """A batch's records are written within `spread`."""
    return [begin + (n + 1) * seconds + spread * k / size for n in range(number) for k in range(size)]


@pytest.mark.parametrize(
    ("seconds", "size", "spread"),
    [(240, 16, 0.8), (240, 16, 1.7), (17, 16, 0.5), (3, 16, 0.2), (0.8, 16, 0.7), (1800, 256, 1.0)],
)  # fmt: skip
def test_a_steady_worker_has_one_speed_from_its_first_batch_on(seconds: float, size: int, spread: float) -> None:
    number = max(8, int(60 / seconds))
    seen = worked(batches(number, seconds, size, spread=spread), number * seconds)
    assert all(rate is None for at, rate in seen if at < seconds), "unknown before the first batch has ended"
    rates = [rate for at, rate in seen if at > seconds + spread + 4]
    known = [rate for rate in rates if rate is not None]
    assert len(known) == len(rates) > 0
    assert max(known) / min(known) < 1.25
    assert all(0.8 < rate / (size / seconds) < 1.25 for rate in known)


def test_batches_of_uneven_length_move_it_little() -> None:
    ends, at = [], 0.0
    for n in range(24):
        at += (150, 330, 240)[n % 3]
        ends += [at + 0.05 * k for k in range(16)]
    steady = [rate for at, rate in worked(ends, at) if at > 1000 and rate is not None]
    assert max(steady) / min(steady) < 1.5


def test_old_speed_is_forgotten() -> None:
    """Fast for an hour, then four times as slow (a shared GPU, larger images)."""
    fast = [3600 * k / 7200 for k in range(1, 7201)]
    slow = [3600 + 2.0 * k for k in range(1, 601)]
    seen = dict(worked(fast + slow, 4800))
    assert seen[3600] == pytest.approx(2.0, rel=0.05)
    assert seen[int(3600 + WINDOW) + 5] == pytest.approx(0.5, rel=0.1)


def test_who_ends_nothing_any_more_gets_slower_and_is_overdue() -> None:
    clock = Clock()
    tally = Tally(clock)
    for _ in range(4):
        clock.now += 30
        for _ in range(16):
            tally.count(done=True)
    clock.now += 30
    before = tally.per_second() or 0.0
    assert before == pytest.approx(16 / 30) and tally.overdue() is None
    clock.now += OVERDUE
    assert 0 < (tally.per_second() or 0) < before / 4
    assert tally.overdue() == pytest.approx(OVERDUE + 30)


def test_a_slow_worker_is_not_overdue_between_two_batches() -> None:
    clock = Clock()
    tally = Tally(clock)
    clock.now += 1800
    tally.count(done=True)
    clock.now += 4 * 1800
    assert tally.overdue() is None
    clock.now += 2 * 1800
    assert tally.overdue() == 6 * 1800


def test_done_and_failed_are_counted_apart_and_both_are_speed() -> None:
    clock = Clock()
    tally = Tally(clock)
    clock.now += 10
    for n in range(8):
        tally.count(done=n % 4 > 0)
    clock.now += 3
    assert (tally.done, tally.failed, tally.per_second()) == (6, 2, 0.8)
