"""The numbers behind the plots of what the dataset holds, from the records that were looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labelyard.generate.record_json.body import instances_of
from labelyard.generate.roles import opinions


@dataclass
class Facts:
    records: int = 0
    per_image: list[int] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    scores: list[float] = field(default_factory=list)
    mask_shares: list[float] = field(default_factory=list)  # of the image's area
    image_words: list[int] = field(default_factory=list)
    instance_words: list[int] = field(default_factory=list)
    agreement: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # by the step that asked, and label
    sizes: list[tuple[int, int]] = field(default_factory=list)  # of the images as they were read

    def add(self, record: Mapping[str, Any]) -> None:
        found = instances_of(record)
        pixels = record.get("width", 0) * record.get("height", 0)
        self.records += 1
        self.per_image.append(len(found))
        if pixels:  # else it has no image
            self.sizes.append((record["original"]["width"], record["original"]["height"]))
        self.image_words.append(len(record["caption"].split()))
        for instance in found:
            self.labels[instance["category_name"]] += 1
            self.scores.append(instance["pred_score"])
            for step, value in opinions(instance).items():
                self.agreement.setdefault(step, {}).setdefault(instance["category_name"], []).append(value)
            if pixels and "mask_area" in instance:
                self.mask_shares.append(instance["mask_area"] / pixels)
            if instance.get("caption"):
                self.instance_words.append(len(instance["caption"].split()))
