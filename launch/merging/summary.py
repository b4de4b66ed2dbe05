"""What to tell at the end: what was done, what failed and why, where things are, what to type next."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from labelyard.generate.record_json.embeddings import TRAIN, lists
from labelyard.generate.run_folder.claims import at_work
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.merging.merge import Merged
from labelyard.launch.watching.used import lines as used_lines
from labelyard.launch.watching.used import used_by
from labelyard.utils.english import counted
from labelyard.utils.programs import call
from labelyard.utils.text import harmless

SHOWN = 5  # of the workers that are at work elsewhere


def summary(folder: RunFolder, merged: Merged) -> str:
    lines = [
        f"{merged.done} of {merged.planned} items are done, with {merged.instances} instances, "
        f"{merged.bytes / 1e6:.1f} MB; {merged.quarantined} quarantined, {merged.missing} pending."
    ]
    if merged.items != merged.planned:
        lines.append(
            f"The plan has {merged.planned} items, its shards hold {merged.items}: files of the run folder were "
            "changed or lost. Bring plan.json and shards/ back from a copy, or begin anew with another output"
        )
    duplicates = folder.read_plan().duplicates
    if duplicates:
        lines.append(f"{duplicates} rows of the list were the same image and caption again, and are processed once.")
    lines += [
        f"  quarantined {n:>6}  {kind}   e.g. {merged.examples[kind]}" for kind, n in merged.reasons.most_common(5)
    ]
    if len(merged.reasons) > 5:
        lines.append(f"  and {len(merged.reasons) - 5} more reasons, in {short(merged.train.with_name('stats.json'))}")
    if merged.damaged:
        lines.append(
            f"{merged.damaged} finished records are gone or torn, and not listed. Have them made again: "
            f"{to_type('retry', folder.path)} --damaged, then the same command"
        )
    lines += used_lines(used_by(folder))
    lines.append(f"{'train list ' if TRAIN in lists(folder) else 'list       '}  {short(merged.train)}")
    if merged.others is not None:
        lines.append(
            f"not in it    {short(merged.others)}   ({counted(merged.listed_apart, 'record')} of texts or videos)"
        )
    lines.append(f"records      {short(folder.path / 'records')}")
    if merged.quarantined:
        again = f"{to_type('retry', folder.path)}, then the same command"
        lines.append(f"quarantine   {short(merged.train.with_name('quarantine.jsonl'))}")
        lines.append(f"try again    {again}; once the cause is mended")
    if merged.missing:
        lines += _pending(folder, short(merged.train.with_name("missing.jsonl")))
    lines.append(f"look at it   {to_type('view', folder.path)}")
    return harmless("\n".join(lines))


def _pending(folder: RunFolder, where: str) -> list[str]:
    """What is left may be in good hands: then there is nothing to start, but somebody to wait for."""
    others = at_work(folder)
    if not others:
        return [f"pending      {where}   (run the same command to go on)"]
    shards = sum(others.values())
    named = ", ".join(f"process {owner.pid} on {owner.host}" for owner, _ in others.most_common(SHOWN))
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return [
        f"pending      {where}",
        f"at work      {counted(len(others), 'other worker')} on {counted(shards, 'unfinished shard')}: {named}{more}",
        f"             wait for them ({to_type('status', folder.path)}), then: {to_type('jsons2txt', folder.path)}",
    ]


def to_type(program: str, path: Path) -> str:
    """A command to copy, whatever letters are in the path."""
    place = short(path)
    return f"{call(program)} {shlex.quote(f'./{place}' if place.startswith('-') else place)}"


def short(path: Path) -> str:
    """Relative to where the user stands, if it lies below."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
