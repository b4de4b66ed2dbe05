"""Users' own classes, looked at without running them: a login node has neither their libraries nor a GPU."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.steps.dataflow.plugins import METHOD, files_at
from labelyard.utils.errors import UserError, nearest


@dataclass(frozen=True)
class OwnClassSeen:
    name: str
    file: str  # for the worker: a file, or a module's dotted name
    path: Path
    line: int
    methods: frozenset[str]
    bases: bool  # what it inherits is not looked at
    takes: tuple[str, ...] | None  # the names of its settings; None: any

    def check(self, config: Mapping[str, Any], where: str) -> None:
        if METHOD not in self.methods and not self.bases:
            raise UserError(
                f"{where}: {self.name} ({self.path}, line {self.line}) has no method {METHOD}, which gets a list of "
                "rows and returns as many answers"
            )
        takes = self.takes
        if takes is None:
            return
        for key in config:
            if key not in takes:
                likely = nearest(key, takes)
                hint = f" Did you mean {likely}?" if likely else ""
                raise UserError(
                    f"{where}: {self.name} has no setting '{key}': its __init__ takes "
                    f"{', '.join(takes) or 'none'}.{hint}"
                )


def classes_in(places: Sequence[str], beside: Path) -> dict[str, OwnClassSeen]:
    """Those of the files and folders that are named as plugins, by name. Relative ones lie here, or beside the YAML."""
    found: dict[str, OwnClassSeen] = {}
    for place in places:
        path = next((path for path in (Path(place), beside / place) if path.exists()), None)
        if path is None:
            raise UserError(f"plugins: {place} is not there (looked in {Path.cwd()} and {beside.resolve()})")
        files = files_at(str(path))
        if not files:
            raise UserError(f"plugins: {place} is no Python file and no folder with any")
        for file in files:
            found.update({seen.name: seen for seen in _seen_in(file.resolve(), str(file.resolve()))})
    return found


def by_dotted_name(name: str, where: str) -> OwnClassSeen:
    """`package.module.Class`; nothing of it is run, but its packages' own files."""
    module, _, attribute = name.rpartition(".")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise UserError(f"{where}: {name}: {error}") from None
    if spec is None or spec.origin is None:
        raise UserError(f"{where}: {name}: there is no module {module}. Is its folder in PYTHONPATH?")
    there = {seen.name: seen for seen in _seen_in(Path(spec.origin), module)}
    if attribute not in there:
        likely = nearest(attribute, there)
        raise UserError(
            f"{where}: {name}: {module} has no class {attribute}; it has {', '.join(there) or 'none'}"
            + (f". Did you mean {likely}?" if likely else "")
        )
    return there[attribute]


def _seen_in(path: Path, file: str) -> Iterator[OwnClassSeen]:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UserError(f"{path}{line}: not Python: {error.args[0]}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
            yield OwnClassSeen(
                node.name, file, path, node.lineno, frozenset(methods), bool(node.bases), _takes(methods, node)
            )


def _takes(methods: Mapping[str, Any], node: ast.ClassDef) -> tuple[str, ...] | None:
    start = methods.get("__init__")
    if start is None:
        is_dataclass = any("dataclass" in ast.unparse(one) for one in node.decorator_list)
        return None if node.bases or is_dataclass else ()
    arguments = start.args
    if arguments.kwarg is not None:
        return None
    return tuple(one.arg for one in (*arguments.args[1:], *arguments.kwonlyargs))
