"""What others read of a folder, as JSON: python readers.py DATUMARO'S FORMAT or labelformat, FOLDER.

A process of its own: Datumaro loads pandas in a way that leaves it broken for `datasets`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PLACE = Path(sys.prefix) / "readers"


def read(kind: str, folder: Path) -> dict[str, dict[str, Any]]:
    """By the names of the items; their annotations in the order in which they were written."""
    done = subprocess.run([sys.executable, __file__, kind, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def _datumaro(kind: str, folder: str) -> dict[str, Any]:
    import numpy as np
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset
    from pycocotools import mask as coco

    options = {"coordinate_mode": "voc-one-based"} if kind.startswith("voc") else {}
    dataset = Dataset.import_from(folder, kind, **options)
    found = {}
    for item in dataset:
        pixels = np.ascontiguousarray(item.media.data[..., 2::-1])  # from OpenCV's order
        seen: dict[str, Any] = {"subset": item.subset, "size": [*item.media.size], "pixels": digest(pixels.tobytes())}
        for annotation in sorted(item.annotations, key=lambda annotation: annotation.id):
            label = getattr(annotation, "label", None)
            entry: dict[str, Any] = {
                "group": annotation.group,
                "label": None if label is None else dataset.categories()[AnnotationType.label][label].name,
            }
            if annotation.type == AnnotationType.mask:
                rle = coco.encode(np.asfortranarray(annotation.image.astype(np.uint8)))
                entry["mask"] = {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}
            elif annotation.type == AnnotationType.bbox:
                entry["corners"] = [float(side) for side in annotation.points]
            else:
                entry["text"] = annotation.caption
            seen.setdefault(annotation.type.name, []).append(entry)
        found[item.id] = seen
    return found


def _labelformat(folder: str) -> dict[str, Any]:
    from labelformat.formats.yolov8 import YOLOv8InstanceSegmentationInput

    source = YOLOv8InstanceSegmentationInput(input_file=Path(folder) / "data.yaml", input_split="train")
    return {
        Path(label.image.filename).stem: {
            "polygon": [
                {"label": instance.category.name, "polygons": instance.segmentation.polygons}
                for instance in label.objects
            ]
        }
        for label in source.get_labels()
    }


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


if __name__ == "__main__":
    sys.path[0] = str(PLACE)
    print(json.dumps(_labelformat(sys.argv[2]) if sys.argv[1] == "labelformat" else _datumaro(*sys.argv[1:])))
