"""Lists that have a second image in each row: another picture of what the image shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelyard.generate.source import Source, kind_of
from labelyard.utils.graph200k import REFERENCE


@dataclass(kw_only=True)
class WithReference(Source):
    """The reference is a side image of the record, `images.ref`, and stays where it lies."""

    reference_key: str | None = None  # the key (the column) of a second image, the reference; null: there is none

    def gives(self) -> dict[str, tuple[str, ...]]:
        before = super().gives()
        if self.reference_key is None:
            return before
        return {**before, "given": (*before.get("given", ()), f"images.{REFERENCE}")}

    def taken_from(self, row: dict[str, Any]) -> Mapping[str, Any] | str | None:
        if self.reference_key is None:
            return super().taken_from(row)
        location = row.pop(self.reference_key, None)
        if location is not None and not isinstance(location, str):
            return f"'{self.reference_key}' is {kind_of(location)} ({location!r:.60}), not the location of an image"
        return self.reference_in(location)

    def reference_in(self, location: Any) -> Mapping[str, Any] | None:
        """What is known of an item whose row says this of its reference."""
        return {"files": {REFERENCE: location}} if location else None
