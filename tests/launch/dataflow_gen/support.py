"""Pipelines of classes without models, in a file as users of Dataflow-Gen have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from labelyard.launch import dataflow

PLUGIN = """\
import logging

from PIL import Image

from src.utils.registry import CAPTIONER_REGISTRY, GENERATOR_REGISTRY


@CAPTIONER_REGISTRY.register()
class Size_Captioner:
    def __init__(self, prompt: str = "size", **kwargs):
        logging.info("starts")
        self.prompt = prompt

    def generate_batch(self, images):
        if any("bad" in path for path in images):
            raise RuntimeError("no such picture")
        answers = [f"{self.prompt} {Image.open(path).size}" for path in images]
        return answers[1:] if any("short" in path for path in images) else answers


@GENERATOR_REGISTRY.register()
class Painter:
    def __init__(self, height: int = 8, batch_size: int = 1):
        self.height = height

    def generate_batch(self, texts):
        return [Image.new("RGB", (len(text), self.height), (200, 10, 10)) for text in texts]


@GENERATOR_REGISTRY.register()
class Upper:
    def generate_batch(self, texts):
        return [text.upper() if text != "number" else 7 for text in texts]


class WithoutMethod:
    def __init__(self, a=1):
        pass
"""


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pictures(folder: Path, names: Iterable[str]) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + number, 10), (number, 0, 0)).save(folder / name)


def plugin(folder: Path) -> Path:
    path = folder / "mine.py"
    path.write_text(PLUGIN)
    return path


def step(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "config": config}


CAPTION = step("ImageCaptioner", "Size_Captioner")
PAINT = step("ImageGenerator", "Painter")
UPPER = step("TextGenerator", "Upper")


def pipeline(folder: Path, steps: Iterable[Mapping[str, Any]], **keys: Any) -> Path:
    """Its YAML. (JSON is YAML, too.)"""
    usual: dict[str, Any] = {"meta_path": str(folder / "list.jsonl"), "base_folder": str(folder / "base")}
    usual |= {"save_folder": str(folder / "out"), "plugins": [str(plugin(folder))]}
    path = folder / "pipeline.yaml"
    path.write_text(json.dumps({**usual, **keys, "steps": list(steps)}, indent=1))
    return path


def run(config: Path, *more: object) -> int:
    """In this process."""
    code: int = dataflow.main(["--config", str(config), "cluster=debug", *map(str, more)])
    return code


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


FILMS = """

@GENERATOR_REGISTRY.register()
class Blinker:
    def __init__(self, **kwargs):
        pass

    def generate_batch(self, rows):
        return [self.film(row) for row in rows]

    def film(self, row):
        size = Image.open(row["image_path"]).size if "image_path" in row else (32, 16)
        return [Image.new("RGB", size, (number * 40, 0, len(row["text"]))) for number in range(4)]
"""
FILM = {"type": "VideoGenerator", "name": "Blinker"}
