"""Put quarantined items back to pending; the same command as before then tries them again.

    python launch/retry.py RUN                    every quarantined item
    python launch/retry.py RUN --reason TEXT      those whose step and reason hold this text ("load: no such file")
    python launch/retry.py RUN --damaged          finished records that are gone or torn, instead
    python launch/retry.py RUN --dry-run          only say which

It may be run at any time, also while workers are at it; shards that they work on just now are left, and named.

Exit code 0: done. 3: some shards are being worked on, run it again later. 1: it could not be done, or nothing fits.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.file_system import explained
from labelyard.generate.run_folder.claims import Claims, Owner
from labelyard.generate.run_folder.journal import read_history
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import kind_of_reason
from labelyard.generate.run_folder.standing import Line, Standing
from labelyard.launch.exit_codes import DONE, FAILED, INCOMPLETE
from labelyard.launch.program import parser, program
from labelyard.utils.atomic import write_atomic
from labelyard.utils.jsons import dump

Wanted = Callable[[Line], bool]
OUTCOME = ("done", "quarantined")
FEW, FEW_OF_ALL = 100, 0.05  # records that run.py has made again of its own accord


@dataclass
class Retried:
    """What was put back, by reason; what could not be, since somebody works on it; and what would not have fitted."""

    shards: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    others: Counter[str] = field(default_factory=Counter)


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("run", type=Path, help="the run folder")
    asking.add_argument("--reason", default="", metavar="TEXT", help="only what failed for such a reason")
    asking.add_argument("--damaged", action="store_true", help="finished records that are gone or torn, instead")
    asking.add_argument("--dry-run", action="store_true", help="only say what would be put back")
    chosen = asking.parse_args(arguments)
    try:
        folder = RunFolder.open(chosen.run)
        wanted = is_damaged if chosen.damaged else failed_for(chosen.reason)
        found = retry(folder, wanted, chosen.damaged, chosen.dry_run)
    except OSError as error:
        raise explained(error, chosen.run) from None
    return told(found, chosen)


def is_damaged(line: Line) -> bool:
    return "damaged" in line


def failed_for(text: str) -> Wanted:
    def wanted(line: Line) -> bool:
        return line["status"] == "quarantined" and text.lower() in f"{line['step']}: {line['reason']}".lower()

    return wanted


def retry(folder: RunFolder, wanted: Wanted, damaged: bool = False, dry_run: bool = False) -> Retried:
    found = Retried()
    standing = Standing(folder)
    claims = Claims(folder, Owner.here(f"retry-{socket.gethostname()[:40]}-{os.getpid()}"))
    try:
        for number in standing.touched():
            if not damaged and number in standing.finished and not standing.counts(number, said=True).quarantined:
                continue
            lines = list(standing.of(number))
            picked = [line for line in lines if wanted(line)]
            found.others.update(_kind(line) for line in lines if line["status"] == "quarantined" and not wanted(line))
            if not picked:
                continue
            if dry_run or claims.take(number):
                # Looked at again under the claim: a worker may have been at it until now.
                picked = picked if dry_run else put_back(folder, number, wanted)
                claims.free(number)
                found.shards += bool(picked)
                found.reasons.update(map(_kind, picked))
            else:
                found.busy += len(picked)
    finally:
        claims.close()
    return found


def put_back_what_is_gone(folder: RunFolder) -> tuple[int, int]:
    """Records of finished shards that were removed since, as far as a glance at each shard tells: how many are pending
    again, and how many are left as they are. Where so many are gone, somebody should look before they are made anew."""
    standing, done = Standing(folder), 0
    lost = dict[int, int]()
    for number in sorted(standing.finished):
        counts = standing.counts(number)
        done += counts.done + counts.gone
        if counts.gone:
            lost[number] = counts.gone
    gone, found = sum(lost.values()), 0
    if gone > max(FEW, FEW_OF_ALL * done):
        return 0, gone
    claims = Claims(folder, Owner.here(f"retry-{socket.gethostname()[:40]}-{os.getpid()}"))
    try:
        for number in lost:
            if claims.take(number):
                found += len(put_back(folder, number, is_damaged))
                claims.free(number)
    finally:
        claims.close()
    return found, 0


def put_back(folder: RunFolder, number: int, wanted: Wanted) -> list[Line]:
    """One shard's wanted items are pending when this returns; killed before, it was as if nothing had happened.

    A journal says which items, and carries over what the manifest knew of the others. It takes effect in the moment in
    which the manifest goes: as long as that is there, it alone counts. Whoever wrote of these items without knowing of
    this retry is not believed any more, whatever the clocks say.
    """
    lines = list(Standing(folder).of(number))
    picked = [line for line in lines if wanted(line)]
    if not picked:
        return []
    mark = uuid.uuid4().hex[:12]
    known = read_history(folder.journals_of(number)).retries
    ids = {line["id"] for line in picked}
    events: list[Line] = [
        {"event": "opened", "retries": [*known, mark]},
        {"event": "retried", "retry": mark, "ids": sorted(ids), "reasons": sorted({_kind(line) for line in picked})},
    ]
    for line in lines:
        if line["status"] in OUTCOME and line["id"] not in ids:
            facts = {key: value for key, value in line.items() if key not in ("status", "image")}
            events.append({"event": line["status"], **facts})
    write_atomic(folder.journal(number, f"retry-{mark}"), b"".join(map(dump, events)))
    folder.manifest(number).unlink(missing_ok=True)
    return picked


def _kind(line: Line) -> str:
    return kind_of_reason(line["step"], line["reason"]) if "reason" in line else "record gone or torn"


def told(found: Retried, chosen: argparse.Namespace) -> int:
    number = sum(found.reasons.values())
    verb = "would be" if chosen.dry_run else "are"
    for reason, items in found.reasons.most_common():
        print(f"{items:>8}  {reason}")
    if number:
        print(f"{number} items in {found.shards} shards {verb} pending again.", end=" ")
        print("Give the same command as before to go on." if not chosen.dry_run else "Nothing was changed.")
    if found.busy:
        print(f"{found.busy} more are in shards that workers are on just now: run this again when those are finished")
        return INCOMPLETE
    if number:
        return DONE
    if chosen.damaged:
        print("No finished record is gone or torn.")
        return DONE
    if not found.others:
        print("Nothing is quarantined.")
        return DONE
    reasons = "; ".join(f"{reason} ({items})" for reason, items in found.others.most_common(10))
    print(
        f"retry: nothing is quarantined for a reason with {chosen.reason!r} in it. There are: {reasons}",
        file=sys.stderr,
    )
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
