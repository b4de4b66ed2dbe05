"""GranD's files for a few pictures, each with something at which GLaMM's classes or its converters have failed; and
what is looked at in exports of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from tests.support import glamm

Body = dict[str, Any]
WIDTH, HEIGHT = glamm.WIDTH, glamm.HEIGHT
HUMAN = "GranDf/annotations/train/GranDf_HA_GCG_train.json"


def mask_in(box: Sequence[float], width: int = WIDTH, height: int = HEIGHT) -> dict[str, Any]:
    x0, y0, x1, y1 = map(int, box)
    pixels = np.zeros((height, width), np.uint8)
    pixels[max(y0, 0) : y1, max(x0, 0) : x1] = 1
    return {"size": [height, width], "counts": coco.encode(np.asfortranarray(pixels))["counts"].decode()}


def thing(number: int, label: str, box: Sequence[float], score: float, *attributes: str, **more: Any) -> Body:
    said = {"bbox": list(box), "labels": [label], "score": score, "attributes": list(attributes) or None, "id": number}
    return {**said, "label": label, "segmentation": mask_in(box), "segmentation_source": "SAM", **more}


def floats(one: Body) -> Body:
    return {key: value for key, value in one.items() if key not in ("label", "segmentation", "segmentation_source")}


def caption(text: str, *phrases: tuple[str, Sequence[int]]) -> Body:
    """Phrases by their words, each at the first place where it stands."""
    details = [
        {"phrase": words, "tokens_positive": [at := text.index(words), at + len(words)], "ids": list(ids)}
        for words, ids in phrases
    ]
    return {"caption": text, "details": details}


def body(objects: Sequence[Body], floating: Sequence[Body] = (), short: Sequence[Body] = (), dense: Body | None = None,
         **more: Any) -> Body:  # fmt: skip
    there = {one["id"]: one["bbox"] for one in (*objects, *floating)}
    short_captions = [
        {
            "caption": one["caption"],
            "details": [
                {"phrase": d["phrase"], "tokens_positive": d["tokens_positive"], "id": min(d["ids"]),
                 "bbox": there[min(d["ids"])]}
                for d in one["details"]
            ],
        }
        for one in short
    ]  # fmt: skip
    words = dense or {"caption": "", "details": []}
    details = [{**d, "bbox": [there[n] for n in d["ids"]]} for d in words["details"]]
    return {
        "objects": list(objects),
        "floating_objects": [floats(one) for one in floating],
        "floating_attributes": [],
        "landmark": "",
        "affordances": {},
        "id_counter": max(there, default=-1) + 1,
        "relationships": {"object_ids": [], "floating_object_ids": [], "grounding": []},
        "short_captions": short_captions,
        "dense_caption": {"caption": words["caption"], "details": details},
        "additional_context": "",
        **more,
    }


CAT, MAT, MAN = (20.0, 30.0, 120.0, 110.0), (100.5, 80.0, 300.0, 220.25), (150.0, 20.0, 250.0, 200.0)


def bodies() -> dict[str, Body]:
    """By the names of their pictures below the folder."""
    relations = {
        "object_ids": [0],
        "floating_object_ids": [1],
        "grounding": [{"phrase": "a cat", "object_ids": [0]}, {"phrase": "a mat", "object_ids": [0, 1]}],
    }
    plain = body(
        [thing(0, "cat", CAT, 0.9, "Assistant: a red cat", depth=12.5)],
        [thing(1, "mat", MAT, 0.4)],
        [caption("a cat on a mat", ("a cat", [0]), ("a mat", [1])), caption("a red cat sits", ("a red cat", [0]))],
        caption("A red cat is on a mat.", ("A red cat", [0]), ("a mat", [1])),
        relationships=relations,
        landmark={"category": "Indoor scene", "fine_category": "Living space"},
        floating_attributes=[{"bbox": [1.0, 2.0, 30.0, 40.0], "labels": [], "score": 0.4, "attributes": ["a corner"]}],
        additional_context="Cats sleep a lot.",
    )
    upright = (20.0, 30.0, 120.0, 300.0)
    turned = thing(0, "tower", upright, 0.8, "a tall tower", segmentation=mask_in(upright, HEIGHT, WIDTH))
    words = caption("A tall tower.", ("A tall tower", [0]))
    many = [
        thing(n, "pig", (10.0 * n, 10, 10.0 * n + 40, 60), round(0.5 + n / 100, 2), f"pig number {n}")
        for n in range(12)
    ]
    text = ' "A man in a blue shirt near a cat, a mat and a cat" '
    difficult = caption(
        text, ("A man in a blue shirt", [0, 2]), ("a blue shirt", [2]), ("a cat, a mat", [1]), ("a mat", [1])
    )
    again = text.rindex("a cat")
    difficult["details"] += [
        {"phrase": "A man", "tokens_positive": [2, 7], "ids": [0]},
        {"phrase": "a cat", "tokens_positive": [again, again + 5], "ids": [1]},
    ]
    overlapping = [thing(0, "man", MAN, 0.9), thing(1, "cat", CAT, 0.8), thing(2, "shirt", (140, 90, 260, 150), 0.7)]
    bare = {key: value for key, value in thing(0, "dog", CAT, 0.9, "a dog").items() if "segmentation" not in key}
    outside = thing(0, "car", (250.0, 100.0, 325.5, 245.0), 0.9, "a car", "a red car", "a thing")
    two_words = caption('"Stop" says a sign', ('"Stop"', [0]), ("a sign", [1]))
    signs = [thing(0, "word", CAT, 0.9), thing(1, "sign", (15.0, 25.0, 130.0, 120.0), 0.9)]
    return {
        "sa_1.jpg": plain,
        "turned.jpg": body([turned], short=[words], dense=words),
        "sub/sa_1.jpg": plain,
        "pig.jpg": body(many),
        "quiet.jpg": body([thing(0, "cup", CAT, 0.9)]),
        "overlap.jpg": body(overlapping, dense=difficult),
        "bare.jpg": body([bare], dense=caption("a dog", ("a dog", [0]))),
        "outside.jpg": body([outside], dense=caption("a red car", ("a red car", [0]))),
        "stop.jpg": body(signs, dense=two_words),
    }


def level_4(folder: Path) -> dict[str, Body]:
    """PICTURES and LEVEL-4 files in `folder`."""
    made = bodies()
    for name, one in made.items():
        glamm.picture(folder / "pictures" / name, orientation=6 if name == "turned.jpg" else 1)
        glamm.write(folder / "level-4" / f"{name.removesuffix('.jpg')}.json", {Path(name).name: one})
    return made


def small_pictures(folder: Path, photos: dict[str, Image.Image], number: int) -> Path:
    """Parts of the photos, none like another."""
    some = [photos[name].convert("RGB") for name in sorted(photos)]
    for n in range(number):
        whole = some[n % len(some)]
        part = whole.crop((n * 5, n * 3, whole.width - n * 4, whole.height - n * 2))
        part.resize(((96, 72), (72, 96), (120, 80))[n % 3]).save(folder / f"{n:02d}.jpg", quality=92)
    return folder


def exported(dest: Path) -> dict[str, object]:
    """All that an export holds, by place: a file by its digest, an LMDB by its entries. Not the notes, which name the
    run and its records' times."""
    found: dict[str, object] = {}
    for folder, _, names in os.walk(dest):
        if "data.mdb" in names:
            found[os.path.relpath(folder, dest)] = entries(Path(folder))
        for name in names:
            if name not in ("data.mdb", "lock.mdb", "export.jsonl"):
                path = Path(folder) / name
                found[str(path.relative_to(dest))] = hashlib.blake2b(path.read_bytes()).hexdigest()
    return found


def entries(folder: Path) -> dict[bytes, bytes]:
    import lmdb

    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as there:
        return {bytes(key): bytes(value) for key, value in there.cursor()}
