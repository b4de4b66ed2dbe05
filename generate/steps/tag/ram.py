"""Tags by the Recognize Anything Model: 4585 names, a threshold for each."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.steps.tag.tagger import Tagger


@dataclass(kw_only=True)
class RAM(Tagger):
    """The original's settings are the defaults."""
