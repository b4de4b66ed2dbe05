"""What a person types to call one of the programs: for lines that are meant to be copied."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

# Set by the command `labelyard`, and handed on to workers and jobs, so that all of a run's lines speak alike.
CALLED = "LABELYARD_CALLED_AS"
COMMAND = "labelyard"
NAMES = (
    "run",
    "chain",
    "dataflow",
    "status",
    "retry",
    "jsons2txt",
    "validate",
    "view",
    "export",
    "fetch",
    "cancel",
    "layout",
    "processing",
    "format_dataset",
    "voc2coco",
    "paraphrase",
    "edit_cli",
    "train",
    "classify",
    "evaluate_pairs",
)
WORKER = "generate"  # one more program, a folder that python runs
VERBS = {"jsons2txt": "merge", WORKER: "worker", "command": COMMAND}  # the others are called as their files are

_SAID = re.compile(rf"(?<![\w/.-])(?:python )?(?:launch/)?({'|'.join(NAMES)})\.py\b|\bpython {WORKER}\b(?!/)")


def called_by_command() -> bool:
    return os.environ.get(CALLED) == COMMAND or installed()


@cache
def installed() -> bool:
    """From a wheel there is nothing to call but the command. In a clone the folder above is no package."""
    return (Path(__file__).resolve().parent.parent / "__init__.py").exists()


def verb(name: str) -> str:
    """The one word for it: what its messages begin with."""
    return VERBS.get(name, name) if called_by_command() else name


def program(name: str) -> list[str]:
    """The words that call `launch/<name>.py`, or a worker."""
    if called_by_command():
        return [COMMAND, verb(name)]
    return ["python", name if name == WORKER else f"launch/{name}.py"]


def call(name: str) -> str:
    return " ".join(program(name))


def as_called(text: str) -> str:
    """A program's help, with its examples as they are called here."""
    return _SAID.sub(lambda said: call(said[1] or WORKER), text) if called_by_command() else text
