"""Backbones of timm's, which is not installed with the core: it wants a torchvision built for the torch there."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from labelyard.generate.steps.tools.weights import kind

ITS = re.compile(r'"timm_(wrapper|backbone)"|"use_timm_backbone": true')


def without_timm(checkpoint: str) -> str | None:
    """What is missing for a checkpoint whose published form has such a backbone; None where nothing is. A folder says
    itself whether it has."""
    missing = [name for name in ("timm", "torchvision") if find_spec(name) is None]
    if not missing or (kind(checkpoint) != "hub" and not _its(Path(checkpoint).expanduser() / "config.json")):
        return None
    return (
        f"checkpoint={checkpoint}: its backbone is timm's, and here is no {' and no '.join(missing)}; "
        "pip install timm, with a torchvision that is built for this torch"
    )


def _its(config: Path) -> bool:
    try:
        return ITS.search(config.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False  # what is wrong with it is told where it is loaded
