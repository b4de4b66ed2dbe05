"""Pickles of lists, dictionaries, texts and numbers. One that asks for anything else is refused: nothing is called."""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn


class NotPlain(ValueError):
    """The reason, in words for the user."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise NotPlain(f"it asks for {module}.{name}, and only lists, dictionaries, texts and numbers are read")

    def persistent_load(self, what: Any) -> NoReturn:
        raise NotPlain("it refers to something outside of it")


def load_plain(data: bytes) -> Any:
    """What is pickled; NotPlain where it is no whole pickle, or holds anything but plain values."""
    try:
        return _Plain(io.BytesIO(data), encoding="utf-8").load()
    except NotPlain:
        raise
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise NotPlain(f"it is no whole pickle: {type(error).__name__}: {error}") from None
