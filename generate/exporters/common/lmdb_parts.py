"""An LMDB that is written part by part: each in one transaction, in a map that grows as it must."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmdb import Environment

START = 1 << 28  # bytes of the map


def opened(folder: Path) -> Environment:
    import lmdb

    return lmdb.open(str(folder), map_size=START, subdir=True)


def put(environment: Environment, entries: Mapping[bytes, bytes]) -> None:
    """Whole or not at all."""
    import lmdb

    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in entries.items():
                    transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])


def keep_only(environment: Environment, keys: Collection[bytes]) -> None:
    """Others are of records that are no longer in the run."""
    with environment.begin(write=True) as transaction:
        for key in [key for key in transaction.cursor().iternext(values=False) if bytes(key) not in keys]:
            transaction.delete(key)
    environment.sync(True)
