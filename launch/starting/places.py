"""What a source's place and a run's have to do with each other: one must not lie in the other, and a list may move."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from labelyard.generate.media.inside_files import resolve
from labelyard.generate.rows import Entry
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.source import Source, fixed_part
from labelyard.utils.errors import UserError


def check_apart(folder: RunFolder, source: Source, location: str) -> None:
    """A run that reads what it writes would grow with every start. A list that lies in its folder is no harm."""
    place = fixed_part(Path(source.path)).resolve()
    if place.is_dir() and place.is_relative_to(folder.path):
        where = "the run folder itself" if place == folder.path else f"in the run folder output={location}"
        raise UserError(
            f"source.path={source.path} is {where}: the run would read what it writes. Give another output; to go on "
            "with a run, give the source that it was planned from"
        )


def check_moved(folder: RunFolder, source: Source, root: str) -> None:
    """Relative locations begin at the list: a list that moved alone has lost its images."""
    if source.root is not None or not (folder.run_json.exists() and folder.plan_json.exists()):
        return
    before = folder.read_run()["config"]["image_root"]
    if before == root:
        return
    first = next((row for row in islice(source.entries(), source.peeked) if isinstance(row, Entry)), None)
    location = None if first is None else (first.place or {}).get("file", first.image or first.video)
    if not location or resolve(location, root).exists() or not resolve(location, before).exists():
        return
    raise UserError(
        f"source.path={source.path}: the list lies elsewhere than when this run was planned, and relative locations "
        f"begin where the list lies: {location} is not in {root}, but is in {before}. Go on with source.root={before}"
    )
