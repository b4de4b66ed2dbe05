"""Others' code, unmodified, out of checkouts that the user names: CONSUMERS=folder, with a folder for each below it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def checkout(name: str) -> Path:
    """Skips where it is not there."""
    folder = Path(os.environ.get("CONSUMERS", "")) / name
    if "CONSUMERS" not in os.environ or not folder.is_dir():
        pytest.skip(f"no checkout of {name}; CONSUMERS=FOLDER names the folder that it lies in")
    return folder
