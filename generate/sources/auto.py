"""Picks the source by the input's name."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import generate.sources
from generate.source import Entry, Source
from utils.errors import UserError


@dataclass(kw_only=True)
class Auto(Source):
    """Stands for the source whose `suffixes` fit, found among the modules beside this one."""

    @cached_property
    def chosen(self) -> Source:
        known: dict[str, type[Source]] = {}
        for module in pkgutil.iter_modules(generate.sources.__path__):
            for value in vars(importlib.import_module(f"generate.sources.{module.name}")).values():
                if isinstance(value, type) and issubclass(value, Source):
                    known.update(dict.fromkeys(value.suffixes, value))
        fitting = [suffix for suffix in known if self.path.lower().endswith(suffix)]
        if not fitting:
            raise UserError(
                f"source.path={self.path}: can't tell the format by its name (known: {', '.join(sorted(known))}). "
                "Name it, for example source=train_json"
            )
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return known[max(fitting, key=len)](**own)

    def entries(self) -> Iterator[Entry]:
        return self.chosen.entries()

    def fingerprint(self) -> dict[str, Any]:
        return self.chosen.fingerprint()

    def image_root(self) -> str:
        return self.chosen.image_root()
