"""What many tests need: photos, lists made from them, and the programs as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from tests.kinds import starts_processes
from tests.support.photos import photo

with suppress(ImportError):  # the environment of salesforce-lavis has none, nor tests that need it
    from hypothesis import settings

    settings.register_profile("any speed", deadline=None)
    settings.load_profile("any speed")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests share the cores by processes; before torch is imported
ROOT = Path(__file__).resolve().parent.parent
FAKES = str(ROOT / "tests" / "conf")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder: what a user has made in the clone (`make demo` makes runs/demo) is nothing to the tests."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _with_pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test decodes with a small `load.max_pixels` must not be the limit of the next."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


FIRST = ("slurm", "tests", "launch", "faults")  # folders with files that take minutes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes share the tests by file, in this order: at the end none waits long for another's last file."""
    items.sort(key=lambda item: [item.path.parent.name != folder for folder in FIRST])
    for item in items:
        if starts_processes(item):
            item.add_marker("processes")


NO_SLURM = "no SLURM to test on"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Here, not beside those tests: with xdist the process that sums up has not looked into their folder."""
    skipped = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    lacking = [reason for reason in skipped if NO_SLURM in reason]
    if lacking:
        terminalreporter.section("SLURM NOT TESTED", sep="!", yellow=True, bold=True)
        terminalreporter.write_line(f"{len(lacking)} tests were skipped: {lacking[0].removeprefix('Skipped: ')}")
        terminalreporter.write_line("They need root on Debian or Ubuntu: slurm/testcluster.sh install")


@pytest.fixture(scope="session")
def photos() -> dict[str, Image.Image]:
    """Real photos, by name, from installed packages."""
    names = ("astronaut", "chelsea", "coffee", "rocket", "china", "flower")
    return {name: photo(name) for name in names}


def crops(photos: dict[str, Image.Image], number: int, side: int) -> list[Image.Image]:
    """As many different pictures as wanted: crops of the photos, every second one flipped."""
    sources = list(photos.values())
    result = []
    for n in range(number):
        photo = sources[n % len(sources)]
        left = (n * 7) % (photo.width - side)
        top = (n * 11) % (photo.height - side)
        crop = photo.crop((left, top, left + side + n % 5, top + side))
        result.append(ImageOps.mirror(crop) if n % 2 else crop)
    return result


MakeList = Callable[..., Path]


@pytest.fixture
def make_list(tmp_path: Path, photos: dict[str, Image.Image]) -> MakeList:
    """A function that writes pictures and a train_data.json over them."""

    def make(number: int, side: int = 48, name: str = "train_data.json") -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        entries = []
        for n, picture in enumerate(crops(photos, number, side)):
            path = folder / f"{n:04d}.jpg"
            if not path.exists():
                picture.convert("RGB").save(path, quality=90)
            entries.append({"image": str(path), "caption": f"picture number {n}"})
        listed = tmp_path / name
        listed.write_text(json.dumps(entries))
        return listed

    return make


def environment() -> dict[str, str]:
    # Compiled modules are kept, whatever is set: else each of a thousand processes compiles the project anew.
    strange = ("SLURM_", "LABELYARD_", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
    return {**kept, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def command(program: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "launch" / f"{program}.py"), *map(str, arguments)]


def call(
    program: str, *arguments: object, cwd: Path | None = None, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """One of the programs, as a user calls it."""
    return subprocess.run(
        command(program, *arguments), env=environment(), cwd=cwd, timeout=timeout, capture_output=True, text=True
    )


def fake_run(listed: Path, output: Path, *more: object) -> list[object]:
    """The arguments of a run without models."""
    return ["--config-dir", FAKES, f"source.path={listed}", f"output={output}", "pipeline=fake", *more]


def records(run: Path) -> list[Path]:
    return sorted(run.glob("records/*/*.json"))


def listed(run: Path) -> list[str]:
    return (run / "train.txt").read_text().splitlines()
