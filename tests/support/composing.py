"""Configurations composed once: what Hydra makes of the same settings is the same, and takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from labelyard.launch.config.compose import composed

_known: dict[str, Any] = {}


def remembered(settings: Sequence[str], **others: Any) -> Any:
    """`composed`, for tests that ask for the same more than once. Files that settings name may not change between."""
    key = repr((list(settings), others))
    if key not in _known:
        _known[key] = composed(settings, **others)
    return deepcopy(_known[key])
