"""The COCO folder that FiftyOne imports: data/ and labels.json."""

from __future__ import annotations

from dataclasses import dataclass

from generate.exporters.coco import Coco


@dataclass(kw_only=True)
class FiftyOne(Coco):
    """`fiftyone.Dataset.from_dir(DEST, dataset_type=fiftyone.types.COCODetectionDataset)`"""

    folder = "data"
    file = "labels.json"
