"""Every command of docs/formats.md as it stands, and what it says they print; and that it names every format."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT
from tests.support.walk import walked

TEXT = (ROOT / "docs" / "formats.md").read_text()


def test_every_format_has_its_line() -> None:
    for group in ("source", "export"):
        names = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
        rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
        named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert names - {"auto"} <= named


def test_every_command(tmp_path: Path) -> None:
    commands, told = walked("formats.md", tmp_path)
    assert told >= 20
    for path in (ROOT / "conf" / "export").glob("*.yaml"):
        assert f"$export out {path.stem} " in commands
