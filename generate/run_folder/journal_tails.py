"""Journals that are being written, looked at again and again: each is read from where it was left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from labelyard.generate.run_folder.journal import parse_event, read_history


class JournalTails:
    """What `read_history` says of a shard's items, without reading everything again."""

    def __init__(self) -> None:
        self._tails: dict[Path, _Tail] = {}

    def keep(self, shards: Iterable[Sequence[Path]]) -> None:
        """Forget the journals of all others: these shards are finished, and their manifests tell."""
        kept = {path for paths in shards for path in paths}
        self._tails = {path: tail for path, tail in self._tails.items() if path in kept}

    def states(self, paths: Sequence[Path]) -> list[str]:
        """Of one shard's items, how those ended that did."""
        for path in paths:
            self._tails.setdefault(path, _Tail(path)).read()
        tails = [self._tails[path] for path in paths]
        if any(tail.retried for tail in tails):  # rare, and not to be told line by line
            return [outcome.status for outcome in read_history(paths).outcomes.values()]
        states: dict[str, str] = {}
        for tail in tails:
            for item_id, state in tail.ended.items():
                states[item_id] = "done" if "done" in (state, states.get(item_id)) else state
        return list(states.values())


class _Tail:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.ended: dict[str, str] = {}
        self.retried = False

    def read(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for line in data[:whole].split(b"\n"):
            if b'"done"' in line or b'"quarantined"' in line or b'"retried"' in line:
                event = parse_event(line)
                if event is None:
                    continue
                self.retried = self.retried or event["event"] == "retried"
                if event["event"] in ("done", "quarantined"):
                    self.ended[event["id"]] = event["event"]
