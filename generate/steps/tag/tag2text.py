"""Tags by the tagging half of Tag2Text: 3429 names, one threshold for all but a few."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from labelyard.generate.step import PublishedFile
from labelyard.generate.steps.tag.tagger import TAG2TEXT_TAGS, Tagger


@dataclass(kw_only=True)
class Tag2Text(Tagger):
    """The original drops words that name no thing, and asks more of people, whom it sees everywhere."""

    network: ClassVar[str] = "tag2text"
    published_tags: ClassVar[PublishedFile] = TAG2TEXT_TAGS
    published_thresholds: ClassVar[PublishedFile | None] = None

    checkpoint: str = "xinyu1205/recognize_anything_model/tag2text_swin_14m.pth"
    threshold: float | None = 0.68
    tag_thresholds: dict[str, float] = field(default_factory=lambda: {"person": 0.7, "man": 0.7, "woman": 0.7})
    skip_tags: list[str] = field(default_factory=lambda: ["quarter", "back", "one", "two", "three", "four", "five"])

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backend == "native":
            raise ValueError("backend='native': the original Tag2Text only tags to write a caption; use port")
