"""Weights that a step works with: where they are from, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parts:
    """Several models that work as one, each in a folder of its own, as `model_index.json` beside these lists them."""

    variant: str | None = None  # of weights that are there in several forms, those with this in their names: fp16
    without: tuple[str, ...] = ()  # of those listed, these are not needed


@dataclass(frozen=True)
class Checkpoint:
    """Weights that a step needs before any item is touched: a file or folder here, or a hub's id."""

    location: str
    revision: str | None = None
    files: tuple[str, ...] = ()  # patterns: of a repository with several models these files alone; empty: as usual
    parts: Parts | None = None  # it is a folder of these; None: a model alone


@dataclass(frozen=True)
class PublishedFile:
    """A file that no hub repository holds, with what tells whether the right one came."""

    name: str
    url: str
    sha256: str


@dataclass(frozen=True)
class Licence:
    weights: str
    code: str = ""  # where it is another one
    commercial: bool = True  # whether the weights may be used commercially
    gated: bool = False  # whether the hub asks for an account and a consent before it gives them
    note: str = ""

    def __str__(self) -> str:
        parts = [
            self.weights,
            "" if self.commercial else "no commercial use",
            f"code {self.code}" if self.code else "",
            "gated: accept its terms at the hub, and set HF_TOKEN" if self.gated else "",
            self.note,
        ]
        return "; ".join(part for part in parts if part)
