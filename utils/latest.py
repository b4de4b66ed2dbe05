"""Files that tell what their maker saw at one look: of several makers at once, the one who looked last has the word.

The temporary files of each maker carry a number, greater than all that lie there when it begins to look. Before it
renames its own it removes those of smaller numbers. So whoever is slow, or was stopped for a day, finds nothing to
rename, and knows that it was overtaken. No lock is left behind by the killed, no clock is asked, and nothing is
written where they looked: who may only read a run can list it elsewhere.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO, TypeVar

from labelyard.utils.atomic import is_temporary, sync_folder, temporary_beside
from labelyard.utils.errors import UserError
from labelyard.utils.faults import point

TRIES = 20  # each of them in vain only if somebody else came to an end meanwhile
NUMBERED = re.compile(r"\.(?P<number>\d{6,})-(?P<mark>[0-9a-f]{8})-(?P<target>[0-9a-f]{8})\.")

Made = TypeVar("Made")


class Overtaken(Exception):
    """Somebody who began to look later has already written these files."""


def until_latest(make: Callable[[], Made]) -> Made:
    """What `make` returns, made anew as long as others overtake it: what is told then is what is there."""
    for _ in range(TRIES):
        with suppress(Overtaken):
            return make()
    raise UserError(f"others wrote the same files {TRIES} times meanwhile. Try again when they have ended")


@contextmanager
def latest(*paths: Path) -> Iterator[Sequence[IO[bytes]]]:
    """Files of one folder, written piece by piece, that take their places if the block ends well; else no trace is
    left. Look at what they tell of inside the block. Raises Overtaken where one who began later was faster."""
    folder = paths[0].parent
    ours = _Ours(folder, paths)
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("xb")) for path in ours.temporaries]
            ours.take_number()
            yield files
            for file in files:
                point("write", file.flush)
                file.flush()
                os.fsync(file.fileno())
        ours.remove_earlier()
        ours.take_places()
    except BaseException:
        for path in ours.temporaries:
            path.unlink(missing_ok=True)
        raise
    sync_folder(folder)


class _Ours:
    def __init__(self, folder: Path, paths: tuple[Path, ...]) -> None:
        self._folder, self._paths = folder, paths
        self._mark = secrets.token_hex(4)
        self._number = 0
        self.temporaries = [self._temporary(path) for path in paths]

    def _temporary(self, path: Path) -> Path:
        return temporary_beside(path.with_name(f"{self._number:06d}-{self._mark}-{_key(path)}.{path.name}"))

    def take_number(self) -> None:
        """Until ours is the greatest: then whoever began to look before us has a smaller one."""
        while True:
            # Listed after our own files are there: that makes a client of NFS ask the server anew.
            greatest = max((order for order, _ in self._others()), default=(0, ""))
            if self._number and greatest < (self._number, self._mark):
                return
            self._number = greatest[0] + 1
            for place, path in enumerate(self._paths):
                numbered = self._temporary(path)
                self._rename(self.temporaries[place], numbered)
                self.temporaries[place] = numbered

    def remove_earlier(self) -> None:
        for order, path in self._others():
            if order < (self._number, self._mark):
                path.unlink(missing_ok=True)

    def take_places(self) -> None:
        for temporary, path in zip(self.temporaries, self._paths, strict=True):
            point("rename")
            self._rename(temporary, path)
            point("renamed")

    def _rename(self, source: Path, target: Path) -> None:
        try:
            os.replace(source, target)
        except FileNotFoundError:
            if not self._folder.exists():
                raise
            raise Overtaken from None

    def _others(self) -> Iterator[tuple[tuple[int, str], Path]]:
        """What other makers of the same files have there."""
        keys = {_key(path) for path in self._paths}
        for name in os.listdir(self._folder):
            found = NUMBERED.match(name) if is_temporary(name) else None
            if found and found["target"] in keys and found["mark"] != self._mark:
                yield (int(found["number"]), found["mark"]), self._folder / name


def _key(path: Path) -> str:
    """Of the whole name, of which a temporary file's name has only the beginning."""
    return blake2b(os.fsencode(path.name), digest_size=4).hexdigest()
