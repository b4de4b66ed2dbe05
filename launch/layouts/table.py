"""What a layout is: which folders of a user's are linked where, what must be in them, and who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labelyard.launch.layouts.contents import Check

Variant = str | tuple[str, ...]  # a place below the user's folder, or several folders that become one of links


@dataclass(frozen=True)
class Link:
    """One thing of the user's, and every place below the layout's folder that leads to it."""

    places: tuple[str, ...]
    variants: tuple[Variant, ...]  # where archives unpack it to; the first that is there is taken. "." is the folder
    has: str = ""  # a pattern that something in it fits, if it is the right one


@dataclass(frozen=True)
class Dataset:
    """What the user calls by one name. `within`: where it is looked for if the user has not named it."""

    name: str
    what: str
    links: tuple[Link, ...]
    checks: tuple[Check, ...] = ()
    within: str | None = None
    usual: str = ""  # about how much there is of it
    others: tuple[str, ...] = ()  # names that mean the same


@dataclass(frozen=True)
class Reader:
    """A class of the trainer, for one split. `never`: why it can't work whatever lies where."""

    name: str
    needs: tuple[str, ...] = ()  # checks, by their names
    never: str = ""


@dataclass(frozen=True)
class Layout:
    name: str
    datasets: tuple[Dataset, ...]
    tasks: Mapping[str, tuple[Reader, ...]]
    replaced: tuple[str, ...]  # texts that the trainer replaces wherever they stand in a path
    own: str  # what the trainer opens of its own checkout by a relative path
    in_checkout: tuple[str, ...]  # what it opens by a relative path beside its folder of data

    def dataset(self, name: str) -> Dataset | None:
        return next((found for found in self.datasets if name in (found.name, *found.others)), None)
