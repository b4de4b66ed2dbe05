"""How one to four thousand workers share ten million items: by claims, and by a static split as in the original.

    python -m tests.bench.fleet [--items 10000000] [--shard 512] [--workers 1 64 256 1000 4000] [--seed 0]

A simulation with the worker's own order of claiming (generate/worker/next_shard.py). Modelled are image times (heavy-
tailed), nodes of unequal speed, preemption with a wait in the queue and models to be loaded again, and a file server's
answers. What a preempted worker had done of its shard is kept, but for the batches in flight. Most give their claim
back; some vanish, and their claim gets stale. The original's job keeps nothing and begins again; a static split that
keeps everything ('kept') is shown beside it.

busy   time that went into images that count, of all the time for which workers had their nodes
held   the same, had the nodes been held until the last item was finished
tail   from the moment at which the first worker found nothing left to the end, in mean shard times
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count

from labelyard.generate.run_folder.claims import HEARTBEAT, STALE_AFTER
from labelyard.generate.worker.next_shard import Turns, some

PER_ANSWER = 1000  # names that one answer to a listing holds
OF_A_CLAIM = 13  # operations for a shard that is opened and finished (tests/generate/test_operations.py)
OF_A_MISS = 3  # a link refused, its owner read, its age looked at
OF_A_LATE_CLAIM = 5  # a link, the folder is there, the manifest is there; whose claim it is, and it is given back
HOPELESS = 1e4  # attempts of a job that begins anew each time


@dataclass(frozen=True)
class Model:
    items: int = 10_000_000
    shard: int = 512
    seconds: float = 0.5  # of an image on a node of speed 1, on the average
    spread: float = 0.8  # of the logarithm of an image's time
    slowest: float = 0.75  # nodes' speeds lie between this and as much above 1
    preempted_every: float = 4 * 3600.0  # seconds of a worker's life on the average; infinite: never
    vanish: float = 0.1  # of the preempted: those that have no time to give their claim back
    away: float = 300.0  # seconds in the queue after that, on the average
    setup: float = 90.0  # loading models
    in_flight: int = 32  # items that a preemption costs
    answer: float = 0.005  # seconds of a busy file server for one operation on a name
    seed: int = 0

    @property
    def shards(self) -> int:
        return -(-self.items // self.shard)

    def work(self, chance: random.Random, items: int) -> float:
        """Seconds of so many images on a node of speed 1: the sum of many log-normal times is nearly normal."""
        deviation = self.seconds * math.sqrt(math.expm1(self.spread**2))
        return max(0.1 * items * self.seconds, chance.gauss(items * self.seconds, deviation * math.sqrt(items)))

    def speed(self, chance: random.Random) -> float:
        return chance.uniform(self.slowest, 2 - self.slowest)

    def life(self, chance: random.Random) -> float:
        return chance.expovariate(1 / self.preempted_every)


@dataclass(frozen=True)
class Result:
    hours: float
    busy: float
    held: float
    tail: float
    claims_per_second: float = 0.0
    operations_per_second: float = 0.0  # on names: claims, misses, looks
    misses_per_claim: float = 0.0
    looks_per_worker: float = 0.0


@dataclass
class Worker:
    number: int
    speed: float
    began: float = 0.0  # this life
    until: float = 0.0
    turns: Turns | None = None
    shard: int = -1
    done: float = 0.0  # of the shard, in seconds of a node of speed 1


class Fleet:
    """The shared folder and everybody who works on it, event by event."""

    def __init__(self, model: Model, workers: int) -> None:
        self.model, self.chance = model, random.Random(model.seed)
        sizes = [min(model.shard, model.items - n * model.shard) for n in range(model.shards)]
        self.left = {number: model.work(self.chance, size) for number, size in enumerate(sizes)}
        self.claimed: dict[int, float | None] = {}  # and since when nobody has refreshed it
        self.workers = [Worker(n, model.speed(self.chance)) for n in range(workers)]
        self.useful = self.had = self.end = 0.0
        self.away: list[tuple[float, float]] = []
        self.first_idle = math.inf
        self.counts: Counter[str] = Counter()
        self._events: list[tuple[float, int, Callable[[float, Worker], None], Worker]] = []
        self._order = count()

    def run(self) -> Result:
        for worker in self.workers:
            self._at(0.0, self._start, worker)
        while self._events:
            now, _, happens, worker = heapq.heappop(self._events)
            happens(now, worker)
        assert not self.left
        absent = sum(min(back, self.end) - gone for gone, back in self.away if gone < self.end)
        claims = self.counts["claims"]
        return Result(
            hours=self.end / 3600,
            busy=self.useful / self.had,
            held=self.useful / (len(self.workers) * self.end - absent),
            tail=max(0.0, self.end - self.first_idle) / (self.model.seconds * self.model.shard),
            claims_per_second=claims / self.end,
            operations_per_second=self.counts["operations"] / self.end,
            misses_per_claim=self.counts["misses"] / claims,
            looks_per_worker=self.counts["looks"] / len(self.workers),
        )

    def _at(self, when: float, happens: Callable[[float, Worker], None], worker: Worker) -> None:
        heapq.heappush(self._events, (when, next(self._order), happens, worker))

    def _start(self, now: float, worker: Worker) -> None:
        if not self.left:
            return  # every shard has its manifest: no model is loaded
        worker.began, worker.until, worker.turns = now, now + self.model.life(self.chance), None
        self._at(min(now + self.model.setup, worker.until), self._seek, worker)

    def _seek(self, now: float, worker: Worker) -> None:
        """To the next shard that can be had; or nothing is left."""
        if now >= worker.until:
            return self._preempted(now, worker)
        before = self.counts["operations"]
        number = self._next(now, worker)
        now += (self.counts["operations"] - before) * self.model.answer
        if number is not None:
            self.counts["claims"] += 1
            self.claimed[number] = None
            worker.shard = number
            done = now + self.left[number] / worker.speed
            self._at(min(done, worker.until), self._finish if done <= worker.until else self._preempted, worker)
            worker.done = (min(done, max(now, worker.until)) - now) * worker.speed
        elif any(since is not None and now - since > 2 * HEARTBEAT for since in self._looked_at):
            self._at(now + 10.0, self._seek, worker)  # somebody is silent; his claim may get stale
        else:
            self.had += now - worker.began
            self.first_idle = min(self.first_idle, now)

    def _next(self, now: float, worker: Worker) -> int | None:
        """As generate/worker/next_shard.py does it."""
        self._looked_at: list[float | None] = []
        while True:
            if worker.turns is None:
                self._look(worker)
            assert worker.turns is not None
            for number in worker.turns:
                got = number in self.left and number not in self.claimed
                worker.turns.tell(got)
                if got:
                    self.counts["operations"] += OF_A_CLAIM
                    return number
                self.counts["misses"] += 1
                self.counts["operations"] += OF_A_MISS if number in self.left else OF_A_LATE_CLAIM
            again = worker.turns.hits or worker.turns.old
            worker.turns = None
            if again:
                continue
            for number in some(self.left.keys(), self.chance):
                since = self.claimed.get(number, -math.inf)
                self.counts["operations"] += OF_A_MISS
                if since is not None and now - since > STALE_AFTER:
                    return number
                self._looked_at.append(since)
            return None

    def _look(self, worker: Worker) -> None:
        self.counts["looks"] += 1
        finished = self.model.shards - len(self.left)
        self.counts["operations"] += 3 + finished // PER_ANSWER + len(self.claimed) // PER_ANSWER
        worker.turns = Turns([number for number in self.left if number not in self.claimed], self.chance)

    def _finish(self, now: float, worker: Worker) -> None:
        self.useful += self.left.pop(worker.shard) / worker.speed
        del self.claimed[worker.shard]
        worker.shard, self.end = -1, now
        self._seek(now, worker)

    def _preempted(self, now: float, worker: Worker) -> None:
        self.had += now - worker.began
        if worker.shard >= 0:
            kept = max(0.0, worker.done - self.model.in_flight * self.model.seconds)
            self.left[worker.shard] -= kept
            self.useful += kept / worker.speed
            if self.chance.random() < self.model.vanish:
                self.claimed[worker.shard] = now
            else:
                del self.claimed[worker.shard]
            worker.shard = -1
        back = now + self.chance.expovariate(1 / self.model.away)
        self.away.append((now, back))
        self._at(back, self._start, worker)


def static(model: Model, workers: int, keeps: bool) -> Result:
    """The original's split, n // J + 1 items for each of J jobs; a preempted job begins anew, or keeps all it did."""
    chance = random.Random(model.seed)
    size = model.items // workers + 1
    useful = had = away = 0.0
    ends = []
    for number in range(workers):
        items = max(0, min(size, model.items - number * size))
        speed = model.speed(chance)
        need = model.work(chance, items) / speed if items else 0.0
        if not keeps and (need + model.setup) / model.preempted_every > math.log(HOPELESS):
            return Result(math.inf, 0.0, 0.0, math.inf)
        now, left = 0.0, need
        while True:
            life = model.life(chance)
            if life >= model.setup + left:
                had, now = had + model.setup + left, now + model.setup + left
                break
            left -= max(0.0, life - model.setup) if keeps else 0.0
            absent = chance.expovariate(1 / model.away)
            had, now, away = had + life, now + life + absent, away + absent
        useful += need
        ends.append(now)
    last = max(ends)
    tail = (last - min(ends)) / (model.seconds * model.shard)
    return Result(last / 3600, useful / had, useful / (workers * last - away), tail)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=Model.items)
    parser.add_argument("--shard", type=int, default=Model.shard)
    parser.add_argument("--seconds", type=float, default=Model.seconds, help="of an image")
    parser.add_argument("--preempted-every", type=float, default=Model.preempted_every, help="seconds; inf: never")
    parser.add_argument("--answer", type=float, default=Model.answer, help="seconds of the file server")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 16, 64, 256, 1000, 4000])
    parser.add_argument("--seed", type=int, default=0)
    chosen = vars(parser.parse_args())
    fleets = chosen.pop("workers")
    model = Model(**chosen)
    print(f"{model.items} items in {model.shards} shards of {model.shard}; {model.seconds:g} s per image")
    print(
        f"{'workers':>7} {'':<12}{'hours':>9}{'busy':>7}{'held':>7}{'tail':>7}{'claims/s':>10}{'names/s':>9}"
        f"{'misses':>8}{'looks':>7}"
    )
    found = []
    for workers in fleets:
        for how, result in (
            ("claims", Fleet(model, workers).run()),
            ("static", static(model, workers, keeps=False)),
            ("static, kept", static(model, workers, keeps=True)),
        ):
            found.append({"workers": workers, "how": how, **asdict(result)})
            print(line(workers, how, result), flush=True)
    print(json.dumps({"model": asdict(model), "results": found}))


def line(workers: int, how: str, r: Result) -> str:
    if math.isinf(r.hours):
        return f"{workers:>7} {how:<12}    never: its jobs are longer than they live"
    text = f"{workers:>7} {how:<12}{r.hours:>9.2f}{r.busy:>7.1%}{r.held:>7.1%}{r.tail:>7.2f}"
    if r.claims_per_second:
        text += f"{r.claims_per_second:>10.2f}{r.operations_per_second:>9.1f}"
        text += f"{r.misses_per_claim:>8.2f}{r.looks_per_worker:>7.1f}"
    return text


if __name__ == "__main__":
    main()
