"""Small datasets in the layouts of large ones, made by code: a folder each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

SIZE = (96, 64)
EXIF_TURN = 0x0112


def photo(number: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Greens and browns, nothing blue: different for every number, and smooth, as photos are."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    red = 90 + 60 * np.sin(3 * x + number) + 30 * y
    green = 110 + 50 * np.cos(2 * y + number / 2)
    return Image.fromarray(np.stack([red, green, 60 + 20 * x], -1).astype(np.uint8))


def put(path: Path, picture: Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def ellipse(box: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    at = ((x - (left + right) / 2) / ((right - left) / 2)) ** 2 + ((y - (top + bottom) / 2) / ((bottom - top) / 2)) ** 2
    inside: np.ndarray = at <= 1
    return inside


CATEGORIES = {3: "cat", 4: "dog", 7: "potted plant", 9: "a/b", 10: " bed ", 11: "detergent"}
# Of each image: category, box (x, y, width, height), crowd
OBJECTS: list[list[tuple[int, tuple[float, float, float, float], int]]] = [
    [(3, (4.5, 5, 20, 18), 0), (3, (40, 30, 22.5, 20), 0), (4, (70, 6, 18, 24), 0)],
    [(7, (10, 10, 30, 40), 0), (9, (60, 20, 25, 25), 0), (7, (50, 2, 14, 12), 1)],
    [(10, (5, 5, 40, 30), 0), (11, (55, 30, 30, 30), 0)],
    [(4, (20, 12, 44, 40), 0)],
    [],
]


def coco(top: Path, split: str = "val2017", copies: int = 1) -> Path:
    """Polygons, a crowd's run lengths, a grey image, one that EXIF turns, one without anything, hard labels."""
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, objects in enumerate(OBJECTS * copies):
        name = f"{number + 9:012d}.jpg"
        picture = photo(number)
        if number == 3:
            exif = Image.Exif()
            exif[EXIF_TURN] = 6
            put(top / split / name, picture.transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif)
        else:
            put(top / split / name, picture.convert("L") if number == 2 else picture, quality=92)
        images.append({"id": number + 9, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        for category, (x, y, w, h), crowd in objects:
            shape: Any = [[x, y, x + w, y, x + w, y + h, x + w / 2, y + h - 3, x, y + h]]
            if crowd:
                code = coco_mask.encode(np.asfortranarray(ellipse((int(x), int(y), int(x + w), int(y + h))), np.uint8))
                shape = {"size": code["size"], "counts": code["counts"].decode()}
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number + 9, "category_id": category, "bbox": [x, y, w, h],
                 "area": w * h, "iscrowd": crowd, "segmentation": shape}
            )  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    (top / "annotations").mkdir(parents=True, exist_ok=True)
    found = {"images": images, "annotations": annotations, "categories": categories}
    (top / "annotations" / f"instances_{split}.json").write_text(json.dumps(found))
    return top
