"""Which tests start processes: those whose code, helpers or fixtures come to `subprocess`. The others take seconds."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest

Function = Callable[..., Any]
_known: dict[Function, bool] = {}


def starts_processes(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    fixtures = [found.func for several in item._fixtureinfo.name2fixturedefs.values() for found in several]
    return any(_comes_to_it(function) for function in [item.function, *fixtures])


def _comes_to_it(function: Function) -> bool:
    function = inspect.unwrap(function)
    if not inspect.isfunction(function) or not function.__module__.startswith("tests."):
        return False
    if function not in _known:
        _known[function] = False  # of two that call each other the first is asked about already
        named = [function.__globals__.get(name) for name in _names(function.__code__)]
        within = [method for kind in named if inspect.isclass(kind) for method in vars(kind).values()]
        _known[function] = any(value is subprocess for value in named) or any(
            _comes_to_it(value) for value in [*named, *within] if callable(value)
        )
    return _known[function]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inside in code.co_consts:
        if isinstance(inside, CodeType):
            yield from _names(inside)
