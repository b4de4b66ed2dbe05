"""Users' own classes, from a file, a folder of files, or a module by its dotted name.

What files for Dataflow-Gen import, `src.utils.registry`, is there while they are read: they run as they are.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.dataflow import registry
from labelyard.utils.text import one_line

METHOD = "generate_batch"
UPSTREAMS = "src.utils.registry"


def load_class(place: str, name: str) -> Any:
    """The class of this name: registered, or simply there. `place`: a file, a folder, or a module."""
    module: ModuleType | None = None
    for path in files_at(place):
        module = _read(path)
        if (found := _in(module, name)) is not None:
            return _checked(found, place)
    if module is None:
        found = _in(_imported(place), name)
        if found is not None:
            return _checked(found, place)
    raise FatalError(f"of={name}: there is no such class in {place}")


def files_at(place: str) -> list[Path]:
    """None where it is no file and no folder, but a module."""
    path = Path(place)
    if path.is_dir():
        return sorted(path.glob("*.py"))
    return [path] if path.suffix == ".py" else []


def digest_of(place: str) -> str | None:
    """Of what the files say, so that records tell by which of two versions they were made."""
    paths = files_at(place)
    if not paths:
        return None
    found = blake2b(digest_size=8)
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()


def _in(module: ModuleType, name: str) -> Any:
    for entered in (registry.CAPTIONER_REGISTRY, registry.GENERATOR_REGISTRY):
        if name in entered and entered.get(name).__module__ == module.__name__:
            return entered.get(name)
    return getattr(module, name, None)


def _checked(found: Any, place: str) -> Any:
    if not callable(getattr(found, METHOD, None)):
        raise FatalError(f"{found.__name__} of {place} has no method {METHOD}, which is what a step calls")
    return found


def _read(path: Path) -> ModuleType:
    name = f"labelyard_plugin_{blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _beside(path.parent), _as_upstream():
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise FatalError(f"{path} can't be imported: {one_line(f'{type(error).__name__}: {error}')}") from error
    return module


def _imported(name: str) -> ModuleType:
    try:
        with _as_upstream():
            return importlib.import_module(name)
    except Exception as error:
        raise FatalError(f"{name} can't be imported: {one_line(f'{type(error).__name__}: {error}')}") from error


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """A plugin may import what lies beside it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _as_upstream() -> Iterator[None]:
    """`src.utils.registry`, with the two registries; whatever else was called so is there again afterwards."""
    names = [UPSTREAMS.rsplit(".", cut)[0] for cut in (2, 1, 0)]
    before = {name: sys.modules.get(name) for name in names}
    parent: ModuleType | None = None
    for name in names[:-1]:
        package = ModuleType(name)
        package.__path__ = []
        if parent is not None:
            setattr(parent, name.rpartition(".")[2], package)
        sys.modules[name] = parent = package
    sys.modules[UPSTREAMS] = registry
    assert parent is not None
    parent.registry = registry  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
