"""Tags by RAM++: RAM with 51 descriptions of every tag, weighed for each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.steps.tag.tagger import Tagger


@dataclass(kw_only=True)
class RAMPlus(Tagger):
    network: ClassVar[str] = "ram_plus"

    checkpoint: str = "xinyu1205/recognize-anything-plus-model/ram_plus_swin_large_14m.pth"
    descriptions: int = 51
