"""Model files that come with an installed package: found and read, the package itself never imported.

Some of these packages fail on import, or pull in more than their data; the list of a distribution's files is enough.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from labelyard.generate.errors import FatalError

REMEDY = "run: pip install -e '.[demo]'"


def missing(name: str, reason: object = "not installed", remedy: str = REMEDY) -> FatalError:
    return FatalError(f"{name}: {reason}; {remedy}")


def model_file(distribution: str, path: str, remedy: str = REMEDY) -> Path:
    """Where the file of this path, as the distribution lists it, lies on this machine."""
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise missing(distribution, remedy=remedy) from None
    place = Path(str(found.locate_file(path)))
    if not place.is_file():
        raise missing(distribution, f"its file {path} is not there (expected {place})", remedy)
    return place


def version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise missing(distribution) from None
