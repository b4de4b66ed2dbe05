"""The kinds of places that GranD tells apart."""

from __future__ import annotations

from collections.abc import Sequence

PLACES: dict[str, tuple[str, ...]] = {
    "Indoor scene": ("Living space", "Work space", "Public space", "Industrial space"),
    "Outdoor scene": ("Urban landscape", "Rural landscape", "Natural landscape"),
    "Transportation scene": ("Road", "Airport", "Train station", "Port and harbor"),
    "Sports and recreation scene": ("Sporting venue", "Recreational area", "Gym and fitness center"),
}


def named_in(answer: str, options: Sequence[str]) -> str:
    """The first of the options that the answer names; nothing where it names none."""
    said = answer.lower()
    return next((option for option in options if option.lower() in said), "")
