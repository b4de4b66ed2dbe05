"""A source's rows, thousands at a time, and whose fault it is if they can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from labelyard.generate.file_system import in_words
from labelyard.generate.rows import Rows, grouped
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError


def rows_of(source: Source, limit: int | None) -> Iterator[Rows]:
    with reading(source):
        yield from source.rows() if limit is None else grouped(islice(source.entries(), limit))


@contextmanager
def reading(source: Source) -> Iterator[None]:
    """What the file system refuses of a source is the source's matter, not that of the run."""
    try:
        yield
    except OSError as error:
        raise UserError(f"source.path={source.path} can't be read: {in_words(error)}") from error
