"""Files that are started by their path find this checkout in two lines, the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT

PRELUDE = re.compile(
    r'^if not __package__:\n    sys\.path\[0\] = str\(Path\(__file__\)\.resolve\(\)\.parents\[(\d)\] / "src"\)$'
)


def test_every_one_leads_to_src() -> None:
    found = {}
    for path in [*(ROOT / "launch").rglob("*.py"), *(ROOT / "generate").rglob("*.py")]:
        text = path.read_text()
        if "sys.path[0] = str(" in text:
            (block,) = re.findall(r"^if .*\n    sys\.path.*$", text, re.M)
            prelude = PRELUDE.match(block)
            assert prelude is not None, path
            assert path.resolve().parents[int(prelude[1])] == Path(ROOT).resolve(), path
            found[path.stem] = prelude[1]
    assert {"run", "status", "jsons2txt", "__main__", "slurm_task", "by_hand"} <= set(found)
