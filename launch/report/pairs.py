"""Pairs of images with an instruction, as export instructcv would draw them of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelyard.generate.exporters.instructcv.preview import previewed
from labelyard.launch.report.beside import Beside
from labelyard.launch.report.pictures import THUMBNAIL, Pictures, saved


def with_pairs(made: Pictures, record: Mapping[str, Any], path: Path, beside: Beside) -> Pictures:
    """In the entry: task, instruction and file of each. What a picture becomes is shown as small as its thumbnail."""
    files, entry = dict[str, bytes](), list[list[str]]()
    for number, pair in enumerate(previewed(path, record, beside.run, beside.root)):
        pair.becomes.thumbnail((THUMBNAIL, THUMBNAIL))
        name = f"pair/{record['id']}-{number}.webp"
        files[name] = saved(pair.becomes, "WEBP", quality=85)
        entry.append([pair.task, pair.instruction, name])
    return replace(made, files={**made.files, **files}, entry={**made.entry, **({"pairs": entry} if entry else {})})
