"""How many files and bytes a run will take, told before it begins: by what it has done so far, else roughly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import read_sums
from labelyard.generate.step import Step
from labelyard.launch.planning.plan import fitting_size

# Of finished records: one of the demo's size with its image and masks; one that says where its image lies; and what
# masks add to that, a hundred of them in pictures as large as SA-1B's.
WITH_IMAGE, WITHOUT_IMAGE, MASKS = 200_000, 4_000, 235_000
OF_A_SHARD = 4  # its items, its journal, its manifest, and the folder of its records


@dataclass(frozen=True)
class Forecast:
    """Of so many records, those of them that are to come."""

    items: int
    shard_size: int
    per_record: float  # bytes
    whence: str
    images: int = 0  # files beside each record

    @property
    def shards(self) -> int:
        return -(-self.items // self.shard_size)

    @property
    def files(self) -> int:
        return self.items * (1 + self.images) + self.shards * OF_A_SHARD

    @property
    def bytes(self) -> float:
        return self.items * self.per_record

    def lines(self) -> Iterator[str]:
        beside = f", {self.images} images beside each" if self.images else ""
        yield f"files      {self.files:,}: {self.items:,} records{beside}, and {OF_A_SHARD} for each shard"
        each = f"{self.per_record / 1e3:.3g} kB each ({self.whence})"
        yield f"disk       about {in_gb(self.bytes)} for new records, {each}"


def forecast(
    items: int, shard_size: int | None, folder: RunFolder, write: Mapping[str, Any], steps: Mapping[str, Step],
    sample: Sequence[Item] = (), carried: float = 0,
) -> Forecast:  # fmt: skip
    """`carried`: bytes of what a record has from stages before."""
    images = sum(field.startswith("images.") for step in steps.values() if not step.aside for field in set(step.writes))
    size, so_far = shard_size or fitting_size(items), _so_far(folder)
    if so_far is not None:
        return Forecast(items, size, so_far, "as in this run so far", images)
    return Forecast(items, size, guess(write, steps, sample, carried), "a guess", images)


def guess(write: Mapping[str, Any], steps: Mapping[str, Step], sample: Sequence[Item], carried: float = 0) -> float:
    """Of a record. What the source's own files say of an item is kept aside in its record, and about as long there."""
    if write["image"] == "embedded":
        return max(WITH_IMAGE, carried)
    known = [float((item.known or {}).get("bytes", 0)) for item in sample]
    own = WITHOUT_IMAGE + (MASKS if any("instances.mask" in step.writes for step in steps.values()) else 0)
    there = max(carried, sum(known) / len(known) if known else 0)
    return own + (there if write["aside"] else 0)


def _so_far(folder: RunFolder) -> float | None:
    """Bytes of a record, as they came out in the first finished shards."""
    records = size = 0
    for _, number in zip(range(20), folder.finished(), strict=False):
        sums = read_sums(folder.manifest(number))
        records, size = records + sums["done"], size + sums["bytes"]
    return size / records if records else None


def in_gb(number: float) -> str:
    return f"{number / 1e9:,.0f} GB" if number >= 1e11 else f"{number / 1e9:.3g} GB"


def total(forecasts: Iterable[Forecast]) -> str:
    all_of = list(forecasts)
    return f"{sum(one.files for one in all_of):,} files, about {in_gb(sum(one.bytes for one in all_of))}"
