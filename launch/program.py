"""How every program ends: with its exit code, and where it can't go on with a line that says why, not a traceback."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path

from labelyard.generate.errors import FatalError, PassingError
from labelyard.generate.file_system import FULL, IN_THE_WAY, REFUSED, UNWELL, explained
from labelyard.launch.exit_codes import FAILED, UNHEARD
from labelyard.utils.errors import UserError
from labelyard.utils.programs import as_called, verb
from labelyard.utils.redact import redacted

Main = Callable[..., int]


def program(main: Main) -> Main:
    """`main`, with its errors in words. What it knows more of (where to, of which run) it says itself."""
    name = Path(main.__code__.co_filename).stem

    @wraps(main)
    def run(arguments: list[str] | None = None) -> int:
        try:
            return _told(name, main, arguments)
        except BrokenPipeError:
            _say_no_more()
            return UNHEARD

    return run


def _told(name: str, main: Main, arguments: list[str] | None) -> int:
    try:
        try:
            code = main(arguments)
        except SystemExit:  # of argparse: --help too is read by `head`
            sys.stdout.flush()
            raise
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        raise
    except (UserError, FatalError, PassingError) as error:
        text = str(error)
    except OSError as error:
        text = str(UserError(in_words(error)))
    print(f"{verb(name)}: {redacted(text)}", file=sys.stderr, flush=True)
    return FAILED


def parser(doc: str | None, kind: type[ArgumentParser] = ArgumentParser, usage: str | None = None) -> ArgumentParser:
    """What asks for a program's arguments, and shows its docstring as help."""
    return kind(description=as_called(doc or ""), formatter_class=RawDescriptionHelpFormatter, usage=usage)


def in_words(error: OSError) -> str:
    place = error.filename2 or error.filename
    if place is None:
        return error.strerror or str(error)
    if error.errno in FULL.keys() | REFUSED.keys() | UNWELL | IN_THE_WAY:
        return str(explained(error, os.fsdecode(place)))
    return f"{os.fsdecode(place)}: {error.strerror}"


def _say_no_more() -> None:
    """Else Python tries once more at its exit to print what is left, and complains."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
