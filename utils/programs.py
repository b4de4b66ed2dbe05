"""What a person types to call one of the programs: for lines that are meant to be copied."""

from __future__ import annotations

import os

# Set by the command `labelyard`, and handed on to workers and merge jobs, so that all of a run's lines speak alike.
CALLED = "LABELYARD_CALLED_AS"
COMMAND = "labelyard"
VERBS = {"jsons2txt": "merge"}  # the others are called as their files are


def called_by_command() -> bool:
    return os.environ.get(CALLED) == COMMAND


def program(name: str) -> list[str]:
    """The words that call `launch/<name>.py`."""
    return [COMMAND, VERBS.get(name, name)] if called_by_command() else ["python", f"launch/{name}.py"]


def call(name: str) -> str:
    return " ".join(program(name))


def as_called(text: str) -> str:
    """A program's help, with its examples as they are called here."""
    if not called_by_command():
        return text
    for name in NAMES:
        text = text.replace(f"python launch/{name}.py", call(name))
    return text


NAMES = ("run", "status", "retry", "jsons2txt", "validate", "view", "export", "fetch", "cancel")
