"""A source that stands for another one, which it chooses by a look at the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from labelyard.generate.rows import Row, Rows
from labelyard.generate.source import Source


@dataclass(kw_only=True)
class StandIn(Source):
    def choose(self) -> Source:
        """The source that reads this input."""
        raise NotImplementedError

    @cached_property
    def chosen(self) -> Source:
        chosen = self.choose()
        chosen.serve(self.needs)
        return chosen

    def serve(self, needs: Mapping[str, str]) -> None:
        super().serve(needs)
        self.chosen.serve(needs)

    def brings(self) -> tuple[str, ...]:
        return self.chosen.brings()

    def entries(self) -> Iterator[Row]:
        return self.chosen.entries()

    def rows(self) -> Iterator[Rows]:
        return self.chosen.rows()

    def how(self) -> dict[str, Any]:
        return self.chosen.how()

    def left_out(self) -> Counter[str]:
        return self.chosen.left_out()

    def gives(self) -> dict[str, tuple[str, ...]]:
        return self.chosen.gives()

    def fingerprint(self) -> dict[str, Any]:
        return self.chosen.fingerprint()

    def image_root(self) -> str:
        return self.chosen.image_root()
