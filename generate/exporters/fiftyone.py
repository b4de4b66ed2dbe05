"""The COCO folder that FiftyOne imports: data/ and labels.json."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.exporters.coco import CocoJson, Places
from labelyard.generate.record_json.finished import Finished


@dataclass(kw_only=True)
class FiftyOne(CocoJson):
    """`fiftyone.Dataset.from_dir(DEST, dataset_type=fiftyone.types.COCODetectionDataset)`"""

    def places(self) -> dict[str, Places]:
        return {"": Places("labels.json", "captions.json", "data")}

    def subset_of(self, record: Finished) -> str:
        return ""
