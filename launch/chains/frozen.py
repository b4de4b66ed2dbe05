"""chain.json: what a chain is. Frozen, so that no stage ever holds data of two kinds; a stage that nobody has begun yet
may still change, and one that is redone gets a fresh folder, with all that need it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.run_folder.claims import at_work
from labelyard.launch.chains.folder import ChainFolder, Frozen, FrozenChain
from labelyard.launch.chains.recipe import behind
from labelyard.launch.starting.run_json import flat, installed, shown
from labelyard.utils.errors import UserError, nearest

Wanted = Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]]  # by stage: its needs, and what makes its data


def by_again(fresh: Sequence[str], first: Sequence[str]) -> str:
    words = " ".join(f"--again {stage}" for stage in first)
    return (
        f"To do {', '.join(fresh)} again in fresh folders: the same command with {words}. What was made stays, and "
        "no other stage is touched"
    )


@dataclass(frozen=True)
class Redo:
    """Which stages may differ from what they were, and how they are done again."""

    again: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()  # stages that may be there no more; only where what was made is set aside
    set_aside: bool = False  # what was made is given another name, and what is made anew gets its place
    told: Callable[[Sequence[str], Sequence[str]], str] = by_again  # of all that is redone, and the first of these


@dataclass(frozen=True)
class Settled:
    chain: FrozenChain
    old: Mapping[str, str]  # folders that have to make room, in this order, and their new names


def settled(folder: ChainFolder, name: str, wanted: Wanted, redo: Redo, location: str, strict: bool = False) -> Settled:
    """What the chain is with these stages: as it was frozen, or refused with the difference. Writes nothing.

    `strict`: not even what nobody has begun may differ.
    """
    again = redo.again
    _check_again(again, wanted)
    there = folder.read()
    if there is None:
        return Settled(FrozenChain(name, {stage: Frozen(stage, *is_now) for stage, is_now in wanted.items()}), {})
    if there.name != name:
        raise UserError(f"output={location} holds the chain '{there.name}', not '{name}'. Give another output")
    different = {stage: list(_differences(there.stages.get(stage), *wanted[stage])) for stage in wanted}
    left = [stage for stage in there.stages if stage not in wanted and _begun(folder, there.stages[stage])]
    gone = [stage for stage in left if stage not in redo.drop]
    changed = [stage for stage, lines in different.items() if lines]
    order = [(stage, needs) for stage, (needs, _) in wanted.items()]
    # What was begun and rests on something else now, be it on its own settings or on a stage before it.
    begun = [stage for stage in changed if stage in there.stages and _begun(folder, there.stages[stage])]
    covered = behind(order, [stage for stage in begun if stage in again])
    if gone or (strict and changed) or not set(begun) <= set(covered):
        lines = [f"  {stage}: {line}" for stage in changed for line in different[stage]]
        lines += [f"  {stage}: in the chain, and no stage of it now" for stage in gone]
        redone = [] if strict or (gone and not redo.set_aside) else begun
        raise UserError(_refusal(location, lines, redone, gone if redo.set_aside else [], order, redo))
    fresh = behind(order, begun)
    stages, old = {}, {place: _fresh_name(folder, f"{place}.old") for place in (there.stages[s].folder for s in left)}
    for stage, is_now in wanted.items():
        before = there.stages.get(stage)
        place = stage if before is None else before.folder
        if redo.set_aside and _holds_something_else(folder, place):
            old[place] = _fresh_name(folder, f"{place}.old")
        if before is not None and stage in fresh and _begun(folder, before):
            fresh_name = _fresh_name(folder, f"{place}.old" if redo.set_aside else stage)
            if redo.set_aside:
                old[place] = fresh_name
            else:
                place = fresh_name
        stages[stage] = Frozen(place, *is_now)
    # The last one first: whatever is killed in between, none is left that rests on what has gone.
    return Settled(FrozenChain(name, stages), dict(reversed(old.items())))


def make_room(folder: ChainFolder, old: Mapping[str, str]) -> None:
    """Set aside what is done again."""
    for place in old:
        run = folder.run(place)
        if run.claims.exists() and (workers := at_work(run)):
            owner = next(iter(workers))
            raise UserError(
                f"{folder.path / place} is being worked on, by process {owner.pid} on {owner.host} first of all. End "
                "it, then give the same command again"
            )
    for place, name in old.items():
        (folder.path / place).rename(folder.path / name)


def write(folder: ChainFolder, chain: FrozenChain, program: str = FrozenChain.program) -> None:
    if folder.read() != chain:
        made_by = {
            "program": program,
            "labelyard": installed("labelyard") or "source",
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        folder.write(chain, made_by)


def _check_again(again: Sequence[str], wanted: Wanted) -> None:
    for stage in again:
        if stage not in wanted:
            likely = nearest(stage, wanted)
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"--again {stage}: the chain has no such stage; it has {', '.join(wanted)}.{hint}")


def _begun(folder: ChainFolder, stage: Frozen) -> bool:
    return folder.run(stage.folder).plan_json.exists()


def _holds_something_else(folder: ChainFolder, place: str) -> bool:
    """Than a run: what a step wrote there whose run was another's."""
    run = folder.run(place)
    return run.path.is_dir() and not any(path.exists() for path in (run.run_json, run.plan_json, run.claims))


def _fresh_name(folder: ChainFolder, stage: str) -> str:
    number = 1 if stage.endswith(".old") else 2
    while (folder.path / f"{stage}-{number}").exists():
        number += 1
    return f"{stage}-{number}"


def _differences(before: Frozen | None, needs: Sequence[str], data: Mapping[str, Any]) -> Iterator[str]:
    if before is None:
        yield "no stage of the chain before"
        return
    # Through JSON and back: what was read has lists where a configuration may have tuples.
    was, now = dict(flat(before.data)), dict(flat(json.loads(json.dumps(data))))
    if tuple(before.needs) != tuple(needs):
        yield f"needs {', '.join(before.needs) or 'nothing'} in the chain, {', '.join(needs) or 'nothing'} now"
    for key in {**was, **now}:
        if was.get(key) != now.get(key):
            yield f"{key}: {shown(was, key)} in the chain, {shown(now, key)} now"


def _refusal(
    location: str,
    lines: Sequence[str],
    begun: Sequence[str],
    gone: Sequence[str],
    order: Sequence[tuple[str, Any]],
    redo: Redo,
) -> str:
    told = [f"output={location} holds a chain of other settings:", *lines]
    if begun or gone:
        fresh = behind(order, begun)
        first = [stage for stage in begun if not any(stage in behind(order, [other])[1:] for other in begun)]
        told.append(redo.told([*fresh, *gone], [*first, *gone]))
    told.append("Give the same values as before to go on with it, or another output")
    return "\n".join(told)
