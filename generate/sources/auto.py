"""Picks the source by the input's name, and where that does not tell, by a look at it."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import labelyard.generate.sources
from labelyard.generate.source import Source
from labelyard.generate.sources.common.input_folder import InputFolder
from labelyard.generate.sources.common.stand_in import StandIn
from labelyard.utils.errors import UserError
from labelyard.utils.streams import without_compression

# Kinds whose files also lie beside something else: captions and metadata beside images, tables beside tars.
BESIDE = {"txt", "train_json", "parquet"}


@dataclass(kw_only=True)
class Auto(StandIn):
    """Stands for the source that fits, found among the modules beside this one."""

    def choose(self) -> Source:
        known = sources()
        path = Path(self.path)
        if path.exists() and not path.is_dir():
            self.readable()  # to look into a pipe would wait for ever
        fitting = [name for name, kind in known.items() if path.exists() and kind.recognises(path)]
        if len(fitting) > 1 and "folder" in fitting:
            fitting.remove("folder")  # all that have a layout of their own are folders of images, too
        fitting = fitting or self._by_name(known, self.path)
        if path.is_dir() and fitting in ([], ["folder"]):
            fitting += self._by_content(known, path, besides=fitting)
        if not fitting and not path.exists():
            self.readable()  # says that it is not there
        if len(fitting) != 1:
            names = ", ".join(sorted(suffix for kind in known.values() for suffix in kind.suffixes))
            seen = f"it may be {' or '.join(fitting)}" if fitting else f"can't tell the format (known names: {names})"
            raise UserError(
                f"source.path={self.path}: {seen}. Name it, for example source={(fitting or ['train_json'])[0]}; "
                f"there are {', '.join(sorted(known))}"
            )
        # What nobody has set is the format's own affair: COCO names images otherwise, a list of paths has no captions.
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(Source)}
        chosen = known[fitting[0]](**{k: v for k, v in given.items() if k == "path" or v != getattr(Source, k)})
        self.caption_key = chosen.caption_key
        return chosen

    def _by_name(self, known: dict[str, type[Source]], name: str) -> list[str]:
        name = without_compression(name.lower())
        fitting = [(suffix, key) for key, kind in known.items() for suffix in kind.suffixes if name.endswith(suffix)]
        return [max(fitting)[1]] if fitting else []

    def _by_content(self, known: dict[str, type[Source]], folder: Path, besides: list[str]) -> list[str]:
        """What else a folder may be, by the files in it."""
        there = {key for at in InputFolder(folder).folders() for name in at.names for key in self._by_name(known, name)}
        return sorted(there - set(besides) - (BESIDE if besides else set()))


def sources() -> dict[str, type[Source]]:
    """Every source, by the name of its module."""
    found: dict[str, type[Source]] = {}
    for module in pkgutil.iter_modules(labelyard.generate.sources.__path__):
        for value in vars(importlib.import_module(f"labelyard.generate.sources.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Source) and value.__module__.endswith(f".{module.name}"):
                found[module.name] = value
    found.pop("auto", None)
    return found
