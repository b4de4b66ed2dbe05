"""A data set that is still to be fetched: how large it is, asked of the hub before anybody waits for it."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from labelyard.generate.source import Source
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.starting.forecast import in_gb
from labelyard.launch.starting.room import fits
from labelyard.utils.english import counted
from labelyard.utils.errors import UserError
from labelyard.utils.locations import how_to_fetch_dataset
from labelyard.utils.text import one_line

OF_ALL_SPLITS = "dataset_dict.json"  # beside the folders that `save_to_disk` makes


@dataclass(frozen=True)
class Published:
    repository: str
    sizes: Mapping[str, int]  # of files, in bytes
    rows: Mapping[str, int]  # of splits, where its card says them

    def of(self, split: str) -> dict[str, int]:
        """Files in the split's folder, or called after it."""
        paths = {name: PurePosixPath(name) for name in self.sizes}
        return {
            name: self.sizes[name]
            for name, path in paths.items()
            if split in path.parts[:-1] or path.name.startswith((f"{split}-", f"{split}."))
        }


def is_to_be_fetched(source: Source) -> bool:
    return source.published is not None and not Path(source.path).exists() and not glob.has_magic(source.path)


def tell(source: Source) -> int:
    """Instead of counting its rows."""
    published = asked(str(source.published))
    split: str | None = getattr(source, "split", None)
    wanted = published.of(split) if split else dict(published.sizes)
    if not wanted:
        raise UserError(f"source.split={split}: {published.repository} has no file of it at the hub")
    print("\n".join(lines(published, source.path, split, wanted)))
    print("Nothing was written and nobody was started.")
    return DONE if fits(sum(wanted.values()), Path(source.path).absolute(), "the data set") else FAILED


def asked(repository: str) -> Published:
    from huggingface_hub import HfApi

    try:
        info = HfApi().dataset_info(repository, files_metadata=True)
    except Exception as error:  # the network and the hub fail in many ways; the next step is the same
        reason = one_line(f"{type(error).__name__}: {error}", 240).rstrip(".")
        raise UserError(
            f"the hub can't be asked how large {repository} is: {reason}. Is the internet reachable from here?"
        ) from None
    card: Any = info.card_data or {}
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    return Published(repository, sizes, rows_in(card.get("dataset_info")))


def rows_in(described: Any) -> dict[str, int]:
    """Of a card's `dataset_info`: of one configuration, or a list of several."""
    one = described[0] if isinstance(described, list) and len(described) == 1 else described
    splits = one.get("splits") if isinstance(one, Mapping) else None
    return {split["name"]: split["num_examples"] for split in splits or ()}


def lines(published: Published, path: str, split: str | None, wanted: Mapping[str, int]) -> Iterator[str]:
    yield f"not here   source.path={path}; the hub has {published.repository}: {_told(published.sizes, published.rows)}"
    if split:
        rows = {split: published.rows[split]} if split in published.rows else {}
        yield f"split      {split}: {_told(wanted, rows)}"
    only = sorted({_pattern(name, split) for name in wanted}) if split else []
    shared = [OF_ALL_SPLITS] if only and OF_ALL_SPLITS in published.sizes else []
    yield f"fetch it   {how_to_fetch_dataset(published.repository, path, [*only, *shared])}"


def _told(sizes: Mapping[str, int], rows: Mapping[str, int]) -> str:
    files = f"{counted(len(sizes), 'file')}, {in_gb(sum(sizes.values()))}"
    return f"{files}, {sum(rows.values()):,} rows by its card" if rows else files


def _pattern(name: str, split: str) -> str:
    path = PurePosixPath(name)
    if split in path.parts[:-1]:
        return "/".join([*path.parts[: path.parts.index(split) + 1], "*"])
    return str(path.with_name(f"{split}{path.name[len(split)]}*"))
