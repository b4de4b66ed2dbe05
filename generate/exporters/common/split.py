"""Which records go where: into train, val, test or whatever the user calls them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from labelyard.generate.exporter import Pictured
from labelyard.generate.record_json.finished import Finished
from labelyard.utils.errors import UserError

# Folders and files are called so. Readers of VOC take what comes behind a _ for something else.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


@dataclass(frozen=True)
class Split:
    """A record's part depends on its id and the seed alone: it stays the same however the run grows."""

    shares: Mapping[str, float]
    seed: int
    rest: str  # where all go that no share takes

    @classmethod
    def of_options(cls, split: str | None, seed: int, rest: str) -> Split:
        shares: dict[str, float] = {}
        for text in split.split(",") if split else ():
            name, _, share = text.partition("=")
            try:
                shares[name.strip()] = float(share)
            except ValueError:
                raise UserError(
                    f"split={split}: give names and shares, such as val=0.01 or val=0.05,test=0.05"
                ) from None
        wrong = any(not name or "/" in name or not 0 < share < 1 for name, share in shares.items())
        if wrong or sum(shares.values()) >= 1:
            raise UserError(f"split={split}: every share lies between 0 and 1, and so does their sum")
        return cls(shares, seed, rest)

    @classmethod
    def into_folders(cls, split: str | None, seed: int, subset: str) -> Split:
        found = cls.of_options(split, seed, subset)
        for name in found.names():
            if not NAME.fullmatch(name):
                option = f"subset={subset}" if name == subset else f"split={split}"
                raise UserError(f"{option}: '{name}' names folders; give letters, digits and -")
        if subset in found.shares:
            raise UserError(
                f"split={split}: '{subset}' is what the split leaves. Give its share another name, or subset"
            )
        return found

    def names(self) -> Iterator[str]:
        yield self.rest
        yield from self.shares

    def of(self, item_id: str) -> str:
        digest = hashlib.blake2b(f"{self.seed}:{item_id}".encode(), digest_size=8).digest()
        position, end = int.from_bytes(digest, "big") / 2**64, 0.0
        for name, share in self.shares.items():
            end += share
            if position < end:
                return name
        return self.rest


@dataclass(kw_only=True)
class Divided(Pictured):
    """An exporter whose readers look for folders or lists called train, val, test."""

    subset: str = "train"  # what all records go into that no share of `split` takes
    split: str | None = None  # val=0.01 or val=0.05,test=0.05
    seed: int = 0  # another one makes another split

    def __post_init__(self) -> None:
        super().__post_init__()
        self._split = Split.into_folders(self.split, self.seed, self.subset)

    def subsets(self) -> list[str]:
        return list(self._split.names())

    def subset_of(self, record: Finished) -> str:
        return self._split.of(record.item.id)
