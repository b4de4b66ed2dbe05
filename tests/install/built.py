"""The ways in which Labelyard gets onto a machine, each in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

OURS = ("conf", "generate", "launch", "slurm", "utils", "src")


def copied(to: Path) -> Path:
    """What git knows: to install leaves things behind."""
    for name in OURS:
        unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
        shutil.copytree(ROOT / name, to / name, symlinks=True, ignore=unwanted)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, to / name)
    return to


def wheel(copy: Path, to: Path) -> Path:
    _pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", to, copy)
    (found,) = to.glob("*.whl")
    return found


def bare(place: Path) -> Path:
    """bin/ of an environment without Labelyard. What that needs is this one's, which comes last on its path."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (own,) = place.glob("lib/python*/site-packages")
    (own / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")) + "\n")
    return place / "bin"


def installed(place: Path, *what: str | Path) -> Path:
    """bin/ of an environment into which this was installed: a wheel, or -e and a folder."""
    found = bare(place)
    _pip("--python", found / "python", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", *what)
    return found


def activated(environment: dict[str, str], binaries: Path) -> dict[str, str]:
    return {**environment, "PATH": f"{binaries}{os.pathsep}{environment['PATH']}"}


def _pip(*words: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
