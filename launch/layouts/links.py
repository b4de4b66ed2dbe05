"""From a user's folders to links: which variant of a data set lies there, what is linked already, what is not.

All is looked at before the first link is made. Nothing is ever written into a folder of the user's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labelyard.launch.layouts.table import Dataset, Link, Variant
from labelyard.utils.errors import UserError


@dataclass(frozen=True)
class Planned:
    """A link from a place in the layout's folder; of several targets a folder of links is made."""

    place: Path
    targets: tuple[Path, ...]

    @property
    def is_merged(self) -> bool:
        return len(self.targets) > 1


@dataclass
class Taken:
    """What was found of a data set in its folder."""

    links: list[Planned] = field(default_factory=list)
    took: list[str] = field(default_factory=list)  # variants, where there is a choice
    missing: list[str] = field(default_factory=list)


def take(dataset: Dataset, folder: Path, root: Path) -> Taken:
    taken = Taken()
    for link in dataset.links:
        found = _variant(link, folder)
        if found is None:
            tried = ", ".join(dict.fromkeys(_told(variant) for variant in link.variants))
            having = f" with {link.has} in it" if link.has else ""
            taken.missing.append(f"{link.places[0]}: nothing in {folder} (looked for {tried}{having})")
            continue
        if found != "." and len(link.variants) > 1:
            taken.took.append(_told(found))
        parts = (found,) if isinstance(found, str) else found
        targets = tuple(folder / part if part != "." else folder for part in parts)
        taken.links += [Planned(root / place, targets) for place in link.places]
    return taken


def _variant(link: Link, folder: Path) -> Variant | None:
    for variant in link.variants:
        if isinstance(variant, tuple):
            there = tuple(part for part in variant if _fits(folder / part, link.has))
            if len(there) > 1:
                return there
            if there:
                return there[0]
        elif _fits(folder / variant, link.has):
            return variant
    return None


def _fits(path: Path, has: str) -> bool:
    return path.exists() and (not has or next(path.glob(has), None) is not None)


def _told(variant: Variant) -> str:
    return "the folder itself" if variant == "." else variant if isinstance(variant, str) else " + ".join(variant)


def to_make(links: Sequence[Planned], folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Links that are not there yet, each with its target. UserError where something else is in the way, or where the
    link would lie in one of the user's `folders`."""
    made: list[tuple[Path, Path]] = []
    for planned in links:
        for place, target in _single(planned):
            _check_place(place, folders, target)
            if not _is_there(place, target):
                made.append((place, target))
    return made


def _single(planned: Planned) -> Iterator[tuple[Path, Path]]:
    if not planned.is_merged:
        yield planned.place, planned.targets[0]
        return
    if planned.place.is_symlink():
        raise UserError(
            f"{planned.place} leads to {os.readlink(planned.place)}, and now {len(planned.targets)} folders become one "
            f"there: {', '.join(map(str, planned.targets))}. Remove the link: rm {planned.place}"
        )
    seen: set[str] = set()
    for target in planned.targets:
        for name in sorted(os.listdir(target)):
            if name not in seen:
                seen.add(name)
                yield planned.place / name, target / name


def _is_there(place: Path, target: Path) -> bool:
    if place.is_symlink():
        now = os.readlink(place)
        if now == str(target) or (place.exists() and place.samefile(target)):
            return True
        raise UserError(
            f"{place} leads to {now}, and should lead to {target}. Remove it if that is meant (rm {place}), or give "
            "the folder that it leads to"
        )
    if not os.path.lexists(place):
        return False
    if place.samefile(target):
        return True
    raise UserError(f"{place} is there and is no link; a link to {target} belongs there. Move it away first")


def _check_place(place: Path, folders: Sequence[Path], target: Path) -> None:
    if place.exists() and target.exists() and place.samefile(target):
        return  # nothing is to be written
    real = Path(os.path.realpath(place.parent))
    within = next((folder for folder in folders if real.is_relative_to(os.path.realpath(folder))), None)
    if within is not None:
        raise UserError(
            f"{place} would be a link in {within}, and nothing is written into folders that are given. Give the layout "
            "a folder elsewhere"
        )


def make(links: Sequence[tuple[Path, Path]]) -> None:
    for place, target in links:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


@dataclass(frozen=True)
class Places:
    """Where a place of the layout leads, be the links there already or only planned."""

    root: Path
    links: Mapping[str, tuple[Path, ...]]

    def __call__(self, place: str) -> list[Path]:
        parts = place.split("/") if place else []
        for number in range(len(parts), 0, -1):
            targets = self.links.get("/".join(parts[:number]))
            if targets is not None:
                return [target.joinpath(*parts[number:]) for target in targets]
        return [self.root / place]
