"""GLaMM's own prompts, put together from a checkout: its Python is read, and never run."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance
from labelyard.generate.roles import ATTRIBUTES, LABELS, set_role
from labelyard.generate.steps.text.scene import DEPTH, names_text, scene_text


@dataclass(frozen=True)
class Place:
    """In which file of the checkout a prompt is, and in which of its functions."""

    folder: str
    file: str
    function: str


PLACES = {
    "dense": Place("level_3_dense_caption", "in_context_examples.py", "get_level_3_chat_prompt"),
    "context": Place("level_4_extra_context", "prompt_template.py", "get_prompt"),
}


def prompt_in(checkout: Path, task: str) -> str:
    """With {scene} where the picture's own goes; any other brace is written twice."""
    place = PLACES[task]
    folder = checkout / "GranD" / place.folder
    path = folder / place.file
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == place.function)
        own = function.args.args[0].arg
        known = _values(tree, folder, task)
        (text,) = [n.value for n in function.body if isinstance(n, ast.Assign) and isinstance(n.value, ast.JoinedStr)]
        return "".join(_part(part, own, known) for part in text.values)
    except (OSError, SyntaxError, StopIteration, ValueError, KeyError, TypeError) as error:
        raise FatalError(
            f"prompts={checkout}: {path} does not hold GLaMM's prompt as it was published "
            f"({type(error).__name__}: {error}); give prompt=FILE with {{scene}} in it"
        ) from None


def _part(part: ast.expr, own: str, known: Mapping[str, str]) -> str:
    if isinstance(part, ast.Constant):
        return _braced(str(part.value))
    assert isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)
    return "{scene}" if part.value.id == own else _braced(known[part.value.id])


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _values(tree: ast.Module, folder: Path, task: str) -> dict[str, str]:
    """What the names at the top of the file stand for: texts, and scenes of the sample images."""
    known: dict[str, str] = {}
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name = node.targets[0].id
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            known[name] = node.value.value
        elif isinstance(node.value, ast.Call):
            image = node.value.args[0]
            assert isinstance(image, ast.Name)
            known[name] = _sample_scene(folder / "in_context_examples", known[image.id], task)
    return known


def _sample_scene(folder: Path, image: str, task: str) -> str:
    body = json.loads((folder / image).with_suffix(".json").read_text(encoding="utf-8"))[image]
    objects = [_instance(one, floating=False) for one in body["objects"]]
    instances = objects + [_instance(one, floating=True) for one in body["floating_objects"]]
    if task == "context":
        return names_text(instances, body["landmark"])
    number = {one["id"]: n for n, one in enumerate([*body["objects"], *body["floating_objects"]])}
    relations = [
        (entry["phrase"], [number.get(one, -1) for one in entry["object_ids"]])
        for entry in body["relationships"]["grounding"]
    ]
    return scene_text(instances, relations, body["captions"], body["landmark"])


def _instance(entry: Mapping[str, Any], floating: bool) -> Instance:
    x1, y1, x2, y2 = entry["bbox"]
    label = entry.get("label") or entry["labels"][0]
    made = Instance((x1, y1, x2, y2), entry.get("score", 0.0), label, extra={LABELS: entry["labels"]})
    said = entry.get("attributes")
    if said:
        made.extra[ATTRIBUTES] = [said] if isinstance(said, str) else said
    if "depth" in entry:
        made.extra[DEPTH] = entry["depth"]
    set_role(made, floating)
    return made
