"""What was written, read back by the trainer's rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Damage
from labelyard.generate.exporters.graph200k.layout import files_in
from labelyard.generate.exporters.graph200k.pictures import PLAIN_MODES, Shape
from labelyard.utils.json_stream import NotAList, lumps

FREE = ("reference", "InstantStyle.style_path", "ReduxStyle.style_path")  # pictures of other things have other sizes


def check_list(path: Path, expected: int) -> None:
    """Every element is there, and has what the trainer looks up without asking."""
    rows = 0
    with path.open("rb") as file:
        try:
            found = (one for some in lumps(file) for one in some) if path.suffix == ".json" else map(json.loads, file)
            for one in found:
                rows += 1
                _check_element(one, f"{path}, element {rows - 1}")
        except (NotAList, ValueError) as error:
            raise Damage(f"{path}, after element {rows - 1}: {error}") from None
    if rows != expected:
        raise Damage(f"{path} has {rows} elements, {expected} were written")


def _check_element(one: Any, where: str) -> None:
    texts = [one["description"].get(key) for key in ("item", "description_0")]
    if not all(isinstance(text, str) and text for text in texts):
        raise Damage(f"{where}: its description is {one['description']}")
    if "target" not in one["condition"]:
        raise Damage(f"{where} has no target")


def check_images(dest: Path, lines: Path, shape: Shape) -> None:
    """All are there, of a mode that every reader turns into RGB, and as large as their target; of the first row they
    are decoded."""
    with lines.open("rb") as file:
        for number, line in enumerate(file):
            _check_row(dest, json.loads(line)["element"]["condition"], shape, decoded=number == 0)


def _check_row(dest: Path, condition: dict[str, Any], shape: Shape, decoded: bool) -> None:
    from PIL import Image

    with Image.open(dest / condition["target"]) as target:
        size = target.size
    for name, paths in files_in(condition).items():
        for path in paths:
            with Image.open(dest / path) as image:
                if name not in FREE and image.size != size:
                    raise Damage(f"{dest / path} has {image.size}, its target {size}")
                if shape.square and image.width != image.height:
                    raise Damage(f"{dest / path} is no square: {image.size}")
                if image.mode not in PLAIN_MODES:
                    raise Damage(f"{dest / path} is of mode {image.mode}")
                if decoded:
                    image.convert("RGB").load()
