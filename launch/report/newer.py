"""`texts`, `found`, `aside` and `clips`: ours in newer records; in the first kind a key of that name is the user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIRST = "labelyard/1"


def newer(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = record.get(key) if record.get("schema") != FIRST else None
    return found if isinstance(found, dict) else {}
