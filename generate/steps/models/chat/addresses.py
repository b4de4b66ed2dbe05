"""Where servers are: one address, several, or a file in which whoever starts a server writes its address."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from labelyard.utils.errors import UserError

REST = 5.0  # seconds for which a server that did not answer is passed by, while there are others


class Addresses:
    """Given in turn. A file is read again whenever it has changed: a server that was started anew has another port."""

    def __init__(self, told: str) -> None:
        self._told = told
        self._file = None if "://" in told else Path(told).expanduser()
        self._read: tuple[float, list[str]] = (-1.0, [])
        self._resting: dict[str, float] = {}
        self._turn = 0
        self._lock = threading.Lock()
        if self._file is None:
            self._read = (0.0, addresses_in(told))

    def pick(self) -> str | None:
        """The next that is not known to be away; None where no address is known yet."""
        with self._lock:
            now, known = time.monotonic(), self._known()
            if not known:
                return None
            well = [address for address in known if self._resting.get(address, 0.0) <= now] or known
            self._turn += 1
            return well[self._turn % len(well)]

    def has_others(self) -> bool:
        """Whether there is one that is not known to be away."""
        with self._lock:
            now = time.monotonic()
            return any(self._resting.get(other, 0.0) <= now for other in self._known())

    def moved(self, to: str) -> None:
        """A server of our own, that was started anew."""
        with self._lock:
            self._told, self._read = to, (0.0, [to])
            self._resting.clear()

    def failed(self, address: str) -> None:
        with self._lock:
            self._resting[address] = time.monotonic() + REST

    def _known(self) -> Sequence[str]:
        if self._file is None:
            return self._read[1]
        try:
            changed = self._file.stat().st_mtime
            if changed != self._read[0]:
                self._read = (changed, addresses_in(self._file.read_text()))
        except OSError:
            return self._read[1]
        return self._read[1]

    def __str__(self) -> str:
        return self._told if self._file is None else f"{self._told}, which names {', '.join(self._known()) or 'none'}"


def addresses_in(text: str) -> list[str]:
    """With /v1 behind what names no path."""
    found = []
    for word in text.replace(",", " ").split():
        parts = urlsplit(word)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"base_url={word}: no address; give http://HOST:PORT/v1, several with commas, or a file")
        if "@" in parts.netloc:
            raise UserError("base_url holds a password. Keys come from the environment alone: key_variable=NAME")
        found.append(word.rstrip("/") if parts.path.strip("/") else f"{word.rstrip('/')}/v1")
    return found
