"""A long list is read, parsed and hashed by a process of its own, while this one writes shards: half the time.

The other process gets the source on its stdin and answers with pickles on its stdout: rows, or why it can't go on.
It is ours and runs our code, so pickles are safe here. When one of the two dies, the other's pipe breaks.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from labelyard.generate.file_system import in_words

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2] / "src")

from labelyard.generate.rows import Rows, grouped
from labelyard.generate.run_folder.shard_lines import digests_of
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError

LARGE = 1 << 25  # bytes to parse; below that the process would take about as long to start as it saves


def rows_of(source: Source, limit: int | None) -> Iterator[Rows]:
    return source.rows() if limit is None else grouped(islice(source.entries(), limit))


def rows_ahead(source: Source, limit: int | None) -> Iterator[Rows]:
    """The same rows. With their digests, where that has saved time."""
    with reading(source):
        yield from _from_a_process(source, limit) if _is_worth_it(source, limit) else rows_of(source, limit)


@contextmanager
def reading(source: Source) -> Iterator[None]:
    """What the file system refuses of a source is the source's matter, not that of the run."""
    try:
        yield
    except OSError as error:
        raise UserError(f"source.path={source.path} can't be read: {in_words(error)}") from error


def _is_worth_it(source: Source, limit: int | None) -> bool:
    return limit is None and (os.cpu_count() or 1) > 1 and source.bulk() >= LARGE


def _from_a_process(source: Source, limit: int | None) -> Iterator[Rows]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    command = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        try:
            pickle.dump((source, limit), reader.stdin)
            reader.stdin.close()
            while (found := pickle.load(reader.stdout)) is not None:  # noqa: S301
                if isinstance(found, Exception):
                    raise found
                yield unpacked(found)
        except (EOFError, BrokenPipeError):
            code = reader.wait()
            raise UserError(
                f"the process that reads {source.path} ended with {code} before the list did. "
                "Was it killed, for want of memory perhaps? The same command plans anew"
            ) from None
        finally:
            reader.stdout.close()


Packed = tuple[Rows, str | list[str], str | list[str], str | list[str] | None]


def packed(rows: Rows) -> Packed:
    """For the way through the pipe: one long string is there sooner than thousands of short ones."""
    given = None if rows.given is None else _joined(rows.given)
    return replace(rows, images=[], captions=[], given=None), _joined(rows.images), _joined(rows.captions), given


def unpacked(found: Packed) -> Rows:
    rows, images, captions, given = found
    rows.images, rows.captions = _apart(images), _apart(captions)
    rows.given = None if given is None else _apart(given)
    return rows


def _joined(texts: list[str]) -> str | list[str]:
    whole = "\0".join(texts)
    return whole if whole.count("\0") == len(texts) - 1 else texts  # there are none, or one holds what divides them


def _apart(texts: str | list[str]) -> list[str]:
    return texts.split("\0") if isinstance(texts, str) else texts


def main() -> None:
    gc.disable()  # nothing in a list refers to itself; the search for what does would take a third of the time
    source, limit = pickle.load(sys.stdin.buffer)  # noqa: S301
    out = sys.stdout.buffer
    try:
        for rows in rows_of(source, limit):
            if rows.given is None:  # else there is more to do here than there, and they are left to who asked
                rows.digests = digests_of(rows)
            pickle.dump(packed(rows), out, pickle.HIGHEST_PROTOCOL)
        pickle.dump(None, out)
    except (UserError, OSError) as error:
        pickle.dump(error, out)
    except KeyboardInterrupt:
        return  # who asked us has been asked to stop as well
    out.flush()


if __name__ == "__main__":
    main()
