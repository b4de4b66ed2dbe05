"""Rows that are no items: written down in the run folder, with place and reason, and counted against a limit."""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import TracebackType
from typing import IO

from labelyard.generate.rows import Refusal
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import replacing
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump

FEW = 100  # so many are always put up with
SHOWN = 3


class Refusals:
    """Those of one reading of the source. Without a folder they are only counted."""

    def __init__(self, max_refused: float, folder: RunFolder | None = None, reading: int = 0) -> None:
        self.count = 0
        self.first: list[str] = []
        self._max_refused = max_refused
        self._folder = folder
        self._reading = reading
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Refusals:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, refusal: Refusal, rows: int) -> None:
        """`rows`: how many were read by then, this one among them."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(str(refusal))
        if self._folder is not None:
            self._file = self._file or self._begin(self._folder)
            place = {"row": rows - 1, "where": refusal.where}
            self._file.write(dump({"reading": self._reading, **place, "reason": refusal.reason}))
        if self.count > FEW and self.count > self._max_refused * rows:
            shown = "".join(f"\n  {line}" for line in self.first)
            raise UserError(
                f"{self.count} of the first {rows} rows are no items:{shown}\nIs it the right list, and are "
                f"source.image_key and source.caption_key right? To go on without so many: source.max_refused=…"
            )

    def _begin(self, folder: RunFolder) -> IO[bytes]:
        """What earlier readings refused stays; what this one wrote before it was killed does not."""
        file = self._stack.enter_context(replacing(folder.refused))
        if folder.refused.exists():
            with folder.refused.open("rb") as before:
                file.writelines(line for line in before if json.loads(line)["reading"] < self._reading)
        return file
