"""A YAML file as plain values, with the line that each of them stands on; mended where it has to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labelyard.launch.dataflow_gen.mend import mended
from labelyard.utils.errors import UserError

Place = tuple[str | int, ...]  # ("steps", 0, "config", "temperature")
EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")  # 1e-3 is a number, which YAML 1.1 takes for a text


@dataclass(frozen=True)
class Document:
    path: Path
    values: dict[str, Any]
    lines: Mapping[Place, int]
    notes: tuple[str, ...] = ()  # what was mended

    def at(self, *place: str | int) -> str:
        """What a message begins with: the file, and the line of what it speaks of."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}, line {self.lines[place]}" if place else str(self.path)


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))


def read_document(location: str) -> Document:
    path = Path(location)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"--config {location}: there is no such file (looked in {Path.cwd()})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{location} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UserError(f"--config {location}: {error.strerror}") from None
    try:
        return _parsed(path, text, ())
    except yaml.YAMLError as strict:
        better = mended(text)
        try:
            return _parsed(path, better.text, better.notes)
        except yaml.YAMLError:
            raise UserError(_told(path, strict)) from None


def _told(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return f"{path}{where}: not YAML: {problem}{f' ({context})' if context else ''}"


def _parsed(path: Path, text: str, notes: tuple[str, ...]) -> Document:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        found = _Reading(path, loader, lines).value(node, ()) if node is not None else {}
    finally:
        loader.dispose()
    if isinstance(found, list):  # the steps alone, as the page on a new step shows them
        found, lines = {"steps": found}, {("steps", *place): line for place, line in lines.items() if place}
    if not isinstance(found, dict):
        raise UserError(
            f"{path} holds {type(found).__name__}; give keys with values: meta_path: list.jsonl, and steps:"
        )
    return Document(path, found, lines, notes)


class _Reading:
    def __init__(self, path: Path, loader: _Loader, lines: dict[Place, int]) -> None:
        self._path, self._loader, self._lines = path, loader, lines

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, (*place, number)) for number, part in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        self._loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(self._loader.construct_object(key_node, deep=True))
            line = key_node.start_mark.line + 1
            below = (*place, key)
            if key in found:
                first = self._lines[below]
                raise UserError(f"{self._path}, line {line}: '{key}' is given twice, first on line {first}")
            self._lines[below] = line
            found[key] = self.value(value_node, below)
        return found
