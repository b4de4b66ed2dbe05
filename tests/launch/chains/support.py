"""Chains without models, as users start them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelyard.launch import chain
from tests.conftest import FAKES

STAGES = ("regions", "masks", "edges", "captions")


def fakes(listed: Path, out: Path, *more: object) -> list[str]:
    """The arguments of a chain without models."""
    return ["fakes", "--config-dir", FAKES, f"source.path={listed}", f"output={out}", *map(str, more)]


def run_chain(listed: Path, out: Path, *more: object) -> int:
    """In this process, stage by stage."""
    code: int = chain.main(fakes(listed, out, "cluster=debug", *more))
    return code


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder, with when it was last written."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def without_made_by(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "made_by"}
