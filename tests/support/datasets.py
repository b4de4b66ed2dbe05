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


def depth16(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Millimetres: 0 in a corner, 7,333 in the middle, and a bit beyond ten metres."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    found = (500 + 90 * x + 11 * y + 37 * number).astype(np.uint16)
    found[:4, :4], found[size[1] // 2, size[0] // 2], found[-1, -1] = 0, 7333, 10200
    return found


def nyu_mdet(top: Path) -> Path:
    """One line lacks its depth, one begins with a slash."""
    lines = []
    for number, scene in enumerate(("kitchen_0028b", "living_room_0010a", "kitchen_0028b")):
        image, depth = f"{scene}/rgb_{number:05d}.jpg", f"{scene}/sync_depth_{number:05d}.png"
        put(top / image, photo(number), quality=95)
        put(top / depth, Image.fromarray(depth16(number)))
        lines.append(f"{'/' if number else ''}{image} {depth} 518.8579")
    put(top / "attic_0001" / "rgb_00009.jpg", photo(9))
    (top / "nyu_train.txt").write_text("\n".join([*lines, "attic_0001/rgb_00009.jpg None 518.8579"]) + "\n")
    return top


def nyu_csv(top: Path) -> Path:
    rows = []
    for number in range(2):
        image, depth = (
            f"data/nyu2_train/bathroom_0001_out/{number}.jpg",
            f"data/nyu2_train/bathroom_0001_out/{number}.png",
        )
        put(top / image, photo(number), quality=95)
        deep = depth16(number)
        put(top / depth, Image.fromarray(deep if number else np.minimum(deep * 255.0 / 10000, 255).astype(np.uint8)))
        rows.append(f"{image},{depth}")
    (top / "data" / "nyu2_train.csv").write_text("\ufeff" + "\n".join(rows) + "\n")
    return top


def nyu_labelled(top: Path) -> Path:
    """As MATLAB writes it, its axes the other way round."""
    import h5py
    from scipy.io import savemat

    top.mkdir(parents=True, exist_ok=True)
    with h5py.File(top / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = np.stack([np.asarray(photo(n)).transpose(2, 1, 0) for n in range(3)])
        file["depths"] = np.stack([(depth16(n) / 1000).astype(np.float32).T for n in range(3)])
        things = np.zeros((SIZE[1], SIZE[0]), np.uint16)
        things[ellipse((10, 10, 50, 50))] = 1
        things[50:, 60:] = 2
        file["labels"] = np.stack([things.T] * 3)
        for name, texts in (
            ("names", ("night stand", "book_shelf")),
            ("sceneTypes", ("office", "home_office", "cafe")),
        ):
            references = []
            for number, text in enumerate(texts):
                file[f"#refs#/{name}{number}"] = np.array([[ord(letter)] for letter in text], np.uint16)
                references.append(file[f"#refs#/{name}{number}"].ref)
            file.create_dataset(name, data=np.array([references], dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)
    savemat(top / "splits.mat", {"trainNdxs": np.array([[1], [3]]), "testNdxs": np.array([[2]])})
    return top


def nyu_extracted(top: Path) -> Path:
    for number in range(2):
        put(top / "nyu_images" / f"{number}.jpg", photo(number), quality=95)
        scaled = np.minimum(depth16(number) / 1000 / 9.9955 * 255, 255).astype(np.uint8)
        put(top / "nyu_depths" / f"{number}.png", Image.fromarray(scaled))
    return top


def ade20k(top: Path) -> Path:
    rows = [
        "Idx\tRatio\tTrain\tVal\tStuff\tName",
        "1\t0.1\t10\t1\t1\twall",
        "8\t0.1\t10\t1\t0\tbed ",
        "13\t0\t1\t1\t0\tperson, individual",
    ]
    top.mkdir(parents=True, exist_ok=True)
    (top / "objectInfo150.txt").write_text("\n".join(rows) + "\n")
    for split, count in (("training", 2), ("validation", 1)):
        for number in range(count):
            name = f"ADE_{split[:5] if split == 'training' else 'val'}_{number + 1:08d}"
            put(top / "images" / split / f"{name}.jpg", photo(number), quality=95)
            classes = np.ones((SIZE[1], SIZE[0]), np.uint8)
            one, other = ellipse((8, 8, 40, 50)), ellipse((50, 10, 80, 40))
            classes[one], classes[other], classes[60:] = 13, 13, 0
            classes[50:58, 60:90] = 8
            put(top / "annotations" / split / f"{name}.png", Image.fromarray(classes))
            objects = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
            objects[one], objects[other] = (5, 1, 0), (5, 2, 0)
            put(top / "annotations_instance" / split / f"{name}.png", Image.fromarray(objects))
    return top


def xml(objects: list[tuple[str, tuple[int, int, int, int], int]]) -> str:
    body = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box, difficult in objects
    )
    return f"<annotation>{body}</annotation>"


def pets(top: Path) -> Path:
    """The second has no box of its head."""
    lines = ["# Image CLASS-ID SPECIES BREED ID"]
    for number, (name, species) in enumerate((("Abyssinian_1", 1), ("american_bulldog_100", 2), ("Bengal_7", 1))):
        put(top / "images" / f"{name}.jpg", photo(number), quality=95)
        trimap = np.full((SIZE[1], SIZE[0]), 2, np.uint8)
        trimap[ellipse((10, 6, 84, 60))], trimap[ellipse((14, 10, 80, 56))] = 3, 1
        put(top / "annotations" / "trimaps" / f"{name}.png", Image.fromarray(trimap))
        if number != 1:
            (top / "annotations" / "xmls").mkdir(exist_ok=True)
            (top / "annotations" / "xmls" / f"{name}.xml").write_text(xml([("cat", (21, 11, 60, 40), 0)]))
        lines.append(f"{name} {number + 1} {species} 1")
    (top / "annotations" / "trainval.txt").write_text("\n".join(lines) + "\n")
    return top


def voc(top: Path) -> Path:
    """Two images with masks (a border of 255 around each object) and one with boxes alone."""
    palette = [value for n in range(256) for value in (n, 255 - n, n // 2)]
    objects = [("aeroplane", (11, 11, 50, 40), 0), ("person", (61, 21, 90, 60), 1)]
    numbers = {"aeroplane": 1, "person": 15}
    for number in range(3):
        name = f"2007_{number + 32:06d}"
        put(top / "JPEGImages" / f"{name}.jpg", photo(number), quality=95)
        (top / "Annotations").mkdir(exist_ok=True)
        (top / "Annotations" / f"{name}.xml").write_text(xml(objects))
        if number < 2:
            one, other = (np.zeros((SIZE[1], SIZE[0]), np.uint8) for _ in range(2))
            for place, (label, (left, upper, right, lower), _) in enumerate(objects, 1):
                one[upper - 1 : lower, left - 1 : right] = other[upper - 1 : lower, left - 1 : right] = 255
                inside = ellipse((left + 1, upper + 1, right - 2, lower - 2))
                one[inside], other[inside] = place, numbers[label]
            for folder, values in (("SegmentationObject", one), ("SegmentationClass", other)):
                picture = Image.fromarray(values)
                picture.putpalette(palette)
                put(top / folder / f"{name}.png", picture)
    for folder, count in (("Main", 3), ("Segmentation", 2)):
        (top / "ImageSets" / folder).mkdir(parents=True, exist_ok=True)
        names = [f"2007_{number + 32:06d}" for number in range(count)]
        (top / "ImageSets" / folder / "train.txt").write_text("\n".join(names) + "\n")
    return top


def sunrgbd(top: Path) -> Path:
    lines = []
    for number, place in enumerate(("kv2/kinect2data/000002_2014", "kv1/NYUdata/NYU0001", "xtion/a/0003")):
        image, depth = f"SUNRGBD/{place}/image/{number}.jpg", f"SUNRGBD/{place}/depth_bfx/{number}.png"
        put(top / image, photo(number), quality=95)
        deep = depth16(number)
        put(top / depth, Image.fromarray(((deep << 3) | (deep >> 13)).astype(np.uint16)))
        lines.append(f"{image} {depth}")
    (top / "SUNRGBD_val_splits.txt").write_text("\n".join(lines) + "\n")
    return top


def classes(top: Path) -> Path:
    for number, (folder, name) in enumerate((("n01440764", "a.JPEG"), ("n01440764", "b.jpg"), ("n02085620", "a.JPEG"))):
        exif = Image.Exif()
        exif[EXIF_TURN] = 3 if number == 1 else 1
        put(top / folder / name, photo(number), format="JPEG", quality=95, exif=exif)
    (top / "LOC_synset_mapping.txt").write_text("n01440764 tench, Tinca tinca\nn02085620 Chihuahua\nn99999999 none\n")
    return top


def fss(top: Path) -> Path:
    for folder in ("ab_wheel", "abacus"):
        for number in (1, 2, 10):
            put(top / folder / f"{number}.jpg", photo(number), quality=95)
            white = np.where(ellipse((20, 10, 70, 50))[..., None], 255, 0).astype(np.uint8)
            put(top / folder / f"{number}.png", Image.fromarray(np.repeat(white, 3, axis=2)))
    return top


def derain(top: Path) -> Path:
    for number in range(2):
        put(top / "train" / "input" / f"{number}.png", photo(number))
        put(top / "train" / "target" / f"{number}.png", photo(number + 20))
    return top


def lol(top: Path) -> Path:
    for split in ("our485", "eval15"):
        put(top / split / "low" / "1.png", photo(1))
        put(top / split / "high" / "1.png", photo(21))
    return top


def sidd(top: Path) -> Path:
    """The last has no clean one."""
    for number in range(3):
        put(top / "0001_001_S6" / f"0001_NOISY_SRGB_{number:03d}.png", photo(number))
        if number < 2:
            put(top / "0001_001_S6" / f"0001_GT_SRGB_{number:03d}.png", photo(number + 20))
    return top
