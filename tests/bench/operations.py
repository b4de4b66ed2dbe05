"""What a worker asks of the file server: counts of operations on names, by kind and place.

    python -m tests.bench.operations RUN_FOLDER

Runs one worker on a planned run folder, in this process, and prints the counts as JSON: {"records create": 24, …}. The
place is the folder below RUN_FOLDER, 'images' for files elsewhere that end like one; what Python itself reads is left
out. Reads and writes of open files are no operations on names, and are not counted.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

KINDS = {
    "os.rename": "rename",
    "os.link": "link",
    "os.remove": "unlink",
    "os.mkdir": "mkdir",
    "os.listdir": "list",
    "os.scandir": "list",
    "os.utime": "utime",
    "os.truncate": "truncate",
    "os.chmod": "chmod",
}
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


class Counts:
    def __init__(self, run: Path) -> None:
        self._run = str(run.resolve())
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def start(self) -> None:
        sys.addaudithook(self._audit)
        for name in ("stat", "lstat"):  # these have no audit event
            self._watch(name)

    def _watch(self, name: str) -> None:
        real = getattr(os, name)

        def counted(path: Any, *arguments: Any, **more: Any) -> os.stat_result:
            self._add("stat", path)
            result: os.stat_result = real(path, *arguments, **more)
            return result

        setattr(os, name, counted)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            kind = "create" if isinstance(flags, int) and flags & os.O_CREAT else "open"
            self._add(kind, path)
        elif event in KINDS:
            self._add(KINDS[event], arguments[0])

    def _add(self, kind: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor: its file is open
        text = os.fsdecode(path)
        if text.startswith(f"{self._run}/") or text == self._run:
            place = text[len(self._run) + 1 :].partition("/")[0]
            place = place if (Path(self._run) / place).suffix == "" else "."
        elif text.lower().endswith(PICTURES):
            place = "images"
        else:
            return
        with self._lock:
            self._counts[f"{place or '.'} {kind}"] += 1

    def found(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))


def main() -> None:
    from labelyard.generate.__main__ import main as work
    from labelyard.generate.worker import heartbeat as presence

    presence.FIRST_BEAT = 3600.0  # its heartbeats, which come with the time and not with the work, are not counted
    counts = Counts(Path(sys.argv[1]))
    counts.start()
    code = work([sys.argv[1]])
    print(json.dumps(counts.found()))
    sys.exit(code)


if __name__ == "__main__":
    main()
