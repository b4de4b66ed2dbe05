"""Where users' own captioners and generators are entered, by the name of their class:

from labelyard.generate.steps.dataflow.registry import CAPTIONER_REGISTRY

@CAPTIONER_REGISTRY.register()
class MyCaptioner:
    def __init__(self, prompt="What is it?", **others): ...

    def generate_batch(self, images):  # paths; as many texts come back
        return [... for path in images]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

Class = TypeVar("Class")


class Registry:
    def __init__(self, name: str) -> None:
        self._name = name
        self._classes: dict[str, Any] = {}

    def register(self, found: Any = None) -> Any:
        """`@REGISTRY.register()` over a class, or `REGISTRY.register(Class)` behind it. Of two of a name the later one
        counts: a file may be read again."""
        if found is None:
            return self._entered
        return self._entered(found)

    def _entered(self, found: Class) -> Class:
        self._classes[getattr(found, "__name__", str(found))] = found
        return found

    def get(self, name: str) -> Any:
        if name not in self._classes:
            raise KeyError(
                f"{name} is not registered as a {self._name}; there are {', '.join(self._classes) or 'none'}"
            )
        return self._classes[name]

    def keys(self) -> list[str]:
        return list(self._classes)

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._classes.items())


CAPTIONER_REGISTRY = Registry("captioner")
GENERATOR_REGISTRY = Registry("generator")
