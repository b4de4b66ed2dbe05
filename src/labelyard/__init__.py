"""Labelyard: grounded training data for lists of images. Here is all that a plug-in or a script of one's own needs.

    from labelyard import Step, Record, ItemError     a step; a source begins at Source, an exporter at Exporter
    labelyard.run(["source.path=list.json", "output=train-data"])         what `labelyard run …` does; its exit code

The folders beside this file are links to those at the top of the repository. Nothing is imported before it is asked
for, so that programs that only look at a run start at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelyard.generate.checkpoint import Checkpoint, Licence
    from labelyard.generate.errors import FatalError, ItemError, PassingError
    from labelyard.generate.exporter import Damage, Exporter, Labels, Part, Pictured
    from labelyard.generate.model_step import ModelStep
    from labelyard.generate.phrases import renumbered
    from labelyard.generate.record import (
        Aside,
        Clip,
        Instance,
        Item,
        MadeImage,
        Phrase,
        Record,
        SideImage,
        Tag,
        Text,
    )
    from labelyard.generate.record_json.finished import Finished
    from labelyard.generate.rows import Entry, Refusal, Row, Rows
    from labelyard.generate.settings import setting, transient
    from labelyard.generate.source import Source
    from labelyard.generate.step import Step
    from labelyard.utils import rle
    from labelyard.utils.atomic import write_atomic
    from labelyard.utils.errors import UserError

__version__ = "0.1.0"

# Where each name lives.
_AT = {
    "Step": "generate.step",
    "ModelStep": "generate.model_step",
    "Checkpoint": "generate.checkpoint",
    "Licence": "generate.checkpoint",
    "Source": "generate.source",
    "Exporter": "generate.exporter",
    "Labels": "generate.exporter",
    "Pictured": "generate.exporter",
    "Part": "generate.exporter",
    "Damage": "generate.exporter",
    "Record": "generate.record",
    "Item": "generate.record",
    "Instance": "generate.record",
    "Tag": "generate.record",
    "SideImage": "generate.record",
    "MadeImage": "generate.record",
    "Text": "generate.record",
    "Phrase": "generate.record",
    "Aside": "generate.record",
    "Clip": "generate.record",
    "Finished": "generate.record_json.finished",
    "renumbered": "generate.phrases",
    "Entry": "generate.rows",
    "Refusal": "generate.rows",
    "Row": "generate.rows",
    "Rows": "generate.rows",
    "setting": "generate.settings",
    "transient": "generate.settings",
    "ItemError": "generate.errors",
    "PassingError": "generate.errors",
    "FatalError": "generate.errors",
    "UserError": "utils.errors",
    "rle": "utils",
    "write_atomic": "utils.atomic",
}

__all__ = [
    "Aside",
    "Checkpoint",
    "Clip",
    "Damage",
    "Entry",
    "Exporter",
    "FatalError",
    "Finished",
    "Instance",
    "Item",
    "ItemError",
    "Labels",
    "Licence",
    "MadeImage",
    "ModelStep",
    "Part",
    "PassingError",
    "Phrase",
    "Pictured",
    "Record",
    "Refusal",
    "Row",
    "Rows",
    "SideImage",
    "Source",
    "Step",
    "Tag",
    "Text",
    "UserError",
    "__version__",
    "renumbered",
    "rle",
    "run",
    "setting",
    "transient",
    "write_atomic",
]


def run(overrides: Sequence[str]) -> int:
    """Start a run, or go on with one, by the arguments of `labelyard run`. Returns its exit code: 0 if every item is in
    the train list, 3 if some are not, 1 if it could not be done (what to do is on stderr)."""
    from labelyard.launch.run import main

    return main(list(overrides))


def __getattr__(name: str) -> Any:
    if name not in _AT:
        raise AttributeError(f"module 'labelyard' has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    place = f"labelyard.{_AT[name]}"
    found = import_module(f"{place}.{name}") if name == "rle" else getattr(import_module(place), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
