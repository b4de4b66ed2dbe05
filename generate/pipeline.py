"""The steps of a pipeline over a batch of records, each failing item found and set apart."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from labelyard.generate.aside import check, fills, others, put_aside
from labelyard.generate.compute.batches import is_out_of_memory
from labelyard.generate.compute.gpu_memory import free_memory
from labelyard.generate.errors import BrokenDevice, Ending, FatalError, ItemError, PassingError
from labelyard.generate.media.encoding import Encoding
from labelyard.generate.phrases import void_phrases
from labelyard.generate.record import Record
from labelyard.generate.settings import build, in_full
from labelyard.generate.step import Step
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.text import one_line

# What every record has before the first step.
GIVEN = ("image", "video", "caption")
KEYS = {
    "image": "name its key with source.image_key=…",
    "video": "name its key with source.video_key=… (of a folder or of tars: source.videos=true)",
}

# What made the part of a record that a step has passed by.
GIVEN_MODEL = {"name": "given"}

# Seconds before a step that met something passing (a server that is busy) is asked again.
PATIENCE = (1.0, 5.0)

Fail = Callable[[Record, str, str], None]  # record, step, reason
Later = Callable[[Ending], None]


def at_once(end: Ending) -> None:
    raise end


class Pipeline:
    """Named steps in order. Staged, each is loaded for its turn and rests after it: for GPUs too small for them all."""

    def __init__(
        self,
        steps: Mapping[str, Step],
        staged: bool = False,
        given: Mapping[str, Sequence[str]] | None = None,
        brought: Sequence[str] = GIVEN,
    ) -> None:
        """`given`: fields that records have from the start, by what made them; `brought`: those that are the item's."""
        self.steps = dict(steps)
        self._given = dict(given or {})
        self.seconds: dict[str, float] = {}
        self._staged = staged and len(self.steps) > 1  # one alone takes no turns
        self._device = "cpu"
        self._late = {name for name, step in self.steps.items() if step.lazy}  # not loaded so far
        self._beside = Encoding()
        _check_reads(self.steps, self._given, brought)

    def setup(self, device: str) -> None:
        """Load every step; staged too, once, so that a bad checkpoint shows before any item is touched."""
        self._device = device
        for name, step in self.steps.items():
            if step.lazy:
                continue
            self._load(name, step)
            if self._staged:
                self._rest(step)

    @property
    def takes_turns(self) -> bool:
        return self._staged

    def _load(self, name: str, step: Step) -> None:
        with self.timed(f"setup {name}"), _in_the_name_of(name, step):
            step.setup(self._device)
        self._late.discard(name)

    def _rest(self, step: Step) -> None:
        step.rest()
        gc.collect()
        free_memory()

    def run(self, records: Sequence[Record], fail: Fail, later: Later = at_once) -> list[Record]:
        """All steps over the records; those that a step rejects are handed to `fail`, the others returned. Where a step
        comes to an end in the middle of a call, `later` takes it, and what the step is done with goes on: what is
        returned is then to be kept ahead of the end."""
        alive, last = list(records), next(reversed(self.steps), None)
        for name, step in self.steps.items():
            waiting = [record for record in alive if step.has_work_for(record)]
            if len(waiting) < len(alive):
                alive = self._pass_by(name, alive, waiting, fail, later)
            elif waiting:
                alive = self._run_one(name, waiting, fail, later)
            if name != last:  # whoever writes the record encodes what the last one made
                self._beside.hand_over(alive)
        with self.timed("wait for encoding"):
            self._beside.wait()
        return alive

    def _pass_by(
        self, name: str, records: list[Record], waiting: list[Record], fail: Fail, later: Later
    ) -> list[Record]:
        """The step over those that wait for it, among others which have what it makes."""
        wait = {id(record) for record in waiting}
        for record in records:
            if id(record) not in wait:
                record.models.setdefault(name, dict(GIVEN_MODEL))
        done = {id(record) for record in self._run_one(name, waiting, fail, later)} if waiting else set()
        return [record for record in records if id(record) in done or id(record) not in wait]

    def _run_one(self, name: str, records: list[Record], fail: Fail, later: Later) -> list[Record]:
        step = self.steps[name]
        if self._staged or name in self._late:
            self._load(name, step)
        # A step that finds instances anew voids what was said of the old ones. One that also reads them takes the
        # phrases along itself (phrases.py).
        anew = "instances" in finds_anew(name, step)
        said = {record.item.id: (dict(record.texts), dict(record.found)) for record in records} if anew else {}
        with self.timed(name):
            alive = _apply(step, name, records, _Told(fail, later), PATIENCE)
        for record in alive if anew else ():
            void_phrases(record, *said[record.item.id])
        void = [other for other in self._given if other not in self.steps and self._is_void(other, name)]
        for record in alive:
            record.models[name] = step.model_of(record)
            for other in void:  # nothing is left of what it made
                record.models.pop(other, None)
        if self._staged:
            self._rest(step)
        return alive

    def _is_void(self, maker: str, name: str) -> bool:
        """Whether all that an earlier run's step made is overwritten by this one: new boxes have no masks yet."""
        fields, now = self._given[maker], finds_anew(name, self.steps[name])
        return bool(fields) and all(field in now or any(_is_part(field, whole) for whole in now) for field in fields)

    def used(self) -> dict[str, dict[str, float]]:
        """What each step has used up so far, beside time."""
        return {name: used for name, step in self.steps.items() if (used := step.used())}

    def timed(self, name: str) -> _Timer:
        return _Timer(self.seconds, name)

    def take_seconds(self) -> dict[str, float]:
        """Where the time went since this was last asked."""
        taken = {name: round(seconds, 3) for name, seconds in self.seconds.items() if seconds >= 0.001}
        self.seconds.clear()
        return taken


@dataclass(frozen=True)
class _Told:
    """Who is told of what goes wrong."""

    fail: Fail
    later: Later


def _apply(step: Step, name: str, records: list[Record], told: _Told, patience: Sequence[float] = ()) -> list[Record]:
    """The step over the records. A failure is narrowed down by halves until it has the name of one record."""
    alive, pauses = list(records), list(patience)
    while alive:
        try:
            with _in_the_name_of(name, step):
                put_aside(name, step, alive) if step.aside else step(alive)
            return alive
        except ItemError as error:
            culprit = _culprit(alive, error)
            if culprit is not None:
                told.fail(culprit, name, error.reason)
                alive = [record for record in alive if record is not culprit]
                continue
        except Ending as end:
            rest = [record for record in alive if record.item.id not in end.left] if end.left else []
            if not rest or len(rest) == len(alive):
                raise
            told.later(end)
            alive = rest
            continue
        except Exception as error:
            if is_broken_device(error):
                raise BrokenDevice(
                    f"step '{name}': the GPU failed ({one_line(str(error))}). Nothing was marked; a new worker goes on"
                ) from error
            if isinstance(error, PassingError) and pauses:
                time.sleep(pauses.pop(0))
                continue
            if len(alive) == 1:
                told.fail(alive[0], name, _reason(error))
                return []
        # Outside of the handler, so that the failed call's memory is free for its halves.
        middle = len(alive) // 2
        return _apply(step, name, alive[:middle], told) + _apply(step, name, alive[middle:], told)
    return []


@contextmanager
def _in_the_name_of(name: str, step: Step) -> Iterator[None]:
    """What ends the worker says which step it was, and that step's settings in full: a step knows only its fields."""
    try:
        yield
    except Exception as error:
        told = getattr(error, "inner_exception", error)  # torch.compile wraps what its backend says
        if not isinstance(told, FatalError):
            raise
        told.args = (in_full(str(told), name, type(step)),)
        if told is error:
            raise
        raise told from error


def _culprit(records: list[Record], error: ItemError) -> Record | None:
    if len(records) == 1:
        return records[0]
    return next((record for record in records if record.item.id == error.item_id), None)


def _reason(error: Exception) -> str:
    if is_out_of_memory(error):
        return f"out of GPU memory even alone: {one_line(str(error), 160)}"
    return one_line(f"{type(error).__name__}: {error}")


def is_broken_device(error: BaseException) -> bool:
    """After such an error every later call of this process fails too, so it says nothing of the item."""
    if is_out_of_memory(error):
        return False
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)


def build_steps(names: Sequence[str], nodes: Mapping[str, Any]) -> dict[str, Step]:
    """The steps that a pipeline names, from their config nodes."""
    steps: dict[str, Step] = {}
    _refuse_twice(names)
    for name in names:
        node = nodes.get(name)
        if node is None:
            known = [key for key, value in nodes.items() if value is not None]
            likely = nearest(name, known)
            raise UserError(
                f"pipeline.steps names '{name}', but no option is chosen for it"
                + (f"; did you mean '{likely}'?" if likely else f". Chosen are: {', '.join(known) or 'none'}.")
                + f" Choose one with {name}=…"
            )
        steps[name] = build(node, name)
        if "name" not in {f.name for f in fields(steps[name])}:  # which would be a setting of the step's own
            steps[name].name = name
    return steps


def _refuse_twice(names: Sequence[str]) -> None:
    """A second step of one name would be the first; a second of a kind has a name, and settings, of its own."""
    twice = next((name for name, number in Counter(names).items() if number > 1), None)
    if twice is None:
        return
    other = next(f"{twice}_{n}" for n in range(2, len(names) + 2) if f"{twice}_{n}" not in names)
    place = len(names) - 1 - list(reversed(names)).index(twice)
    mended = ",".join([*names[:place], other, *names[place + 1 :]])
    raise UserError(
        f"pipeline.steps=[{','.join(names)}] names '{twice}' more than once. A second step of a kind has a name of its "
        f"own: +{twice}@{other}=… 'pipeline.steps=[{mended}]', where … is one of the options of {twice}"
    )


def finds_anew(name: str, step: Step) -> list[str]:
    """What of it was there before is void. A step that also reads what it writes goes on from it."""
    return [field for field in fills(name, step) if field not in step.reads]


def _is_part(field: str, whole: str) -> bool:
    return field.startswith(whole + ".")


def needs(steps: Mapping[str, Step]) -> dict[str, str]:
    """What every item has to bring itself, and the first step that reads it."""
    found: dict[str, str] = {}
    made = set[str]()
    for name, step in steps.items():
        found |= {field: name for field in step.reads if field in KEYS and field not in (*found, *made)}
        made.update(step.writes)
    return found


def _check_reads(steps: Mapping[str, Step], given: Mapping[str, Sequence[str]], brought: Sequence[str] = GIVEN) -> None:
    """Every step finds what it reads: better known before the first model is loaded than after."""
    there = {*brought, *(field for fields in given.values() for field in fields)}
    for name, step in steps.items():
        for needed in step.reads:
            if needed not in there:
                makers = [other for other, s in steps.items() if needed in fills(other, s)]
                if needed in KEYS and not makers:
                    raise UserError(
                        f"step '{name}' reads {needed}, and the list has none: its rows bring {' and '.join(brought)}. "
                        f"If it has, {KEYS[needed]}"
                    )
                hint = _where_from(needed, steps)
                raise UserError(f"step '{name}' reads {needed}, which no earlier step writes; {hint}")
        check(name, step)
        anew = finds_anew(name, step)
        there = {field for field in there if not any(_is_part(field, whole) for whole in anew)}
        there.update(fills(name, step))


def _where_from(needed: str, steps: Mapping[str, Step]) -> str:
    """How a step would find what it reads."""
    maker = next((other for other, step in steps.items() if needed in fills(other, step)), None)
    if maker:
        return f"put '{maker}' before it in pipeline.steps"
    whole, _, other = needed.partition(".")
    if whole == "aside":
        return f"use {other}.aside=true" if other in steps else f"add a step '{other}' with {other}.aside=true"
    return "add a step that writes it in pipeline.steps"


def check_writes(steps: Mapping[str, Step]) -> None:
    """Refused at composing: a step that overwrites what an earlier one has found, without having looked at it."""
    makers: dict[str, str] = {}
    for name, step in steps.items():
        for field in fills(name, step):
            if field in makers and field not in step.reads:
                aside = (
                    "" if others(step.writes) else f", or keep both: {makers[field]}.aside=true or {name}.aside=true"
                )
                raise UserError(
                    f"steps '{makers[field]}' and '{name}' both write {field}, and '{name}' does not read it: what "
                    f"'{makers[field]}' finds would be lost. Leave one of them out of pipeline.steps{aside}"
                )
            makers[field] = name


class _Timer:
    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self._start
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + spent
