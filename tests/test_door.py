"""What `labelyard` hands out, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

import labelyard
from tests.conftest import ROOT, MakeList, environment, listed

PUBLIC = {
    "ModelStep", "setting", "Checkpoint", "Licence",
    "Step", "Source", "Exporter", "Labels", "Pictured", "Part", "Damage", "Finished", "Record", "Item", "Instance",
    "Tag", "MadeImage", "Entry", "Refusal", "Row", "Rows", "transient", "ItemError", "PassingError", "FatalError",
    "UserError", "rle", "write_atomic", "run", "__version__", "SideImage", "Clip", "Text", "Phrase", "Aside",
    "renumbered",
}  # fmt: skip


def test_the_public_list_is_the_public_list() -> None:
    assert set(labelyard.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(labelyard, name) is not None
    assert labelyard.Step.__module__ == "labelyard.generate.step" and labelyard.rle.encode is not None


def test_nothing_comes_in_before_it_is_asked_for() -> None:
    code = "import sys, labelyard; print([n for n in sys.modules if n.startswith('labelyard.')])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_run_from_python(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [f"source.path={make_list(2)}", f"output={out}", "pipeline=demo", "pipeline.steps=[edges]"]
    limit = Image.MAX_IMAGE_PIXELS
    assert labelyard.run([*arguments, "cluster=debug", "load.max_pixels=1000001"]) == 0
    assert limit == Image.MAX_IMAGE_PIXELS != 1000001, "this process is not Labelyard's"
    assert len(listed(out)) == 2
    assert labelyard.run([*arguments, "edges.hight=3"]) == 1


def test_no_module_is_there_under_two_names() -> None:
    """ruff refuses the bare names in what we write; here it is seen that the links lead to what they should."""
    for link in (ROOT / "src" / "labelyard").iterdir():
        if link.is_symlink():
            assert link.resolve() == ROOT / link.name


BARE = re.compile(r"\bfrom (generate|launch|conf)\b[.\w]* import|\bfrom utils\.\w+ import|-m[\", ]+(generate|launch)\b")


def test_the_bare_names_are_used_nowhere() -> None:
    """Neither in code that stands in a string, nor in a script or a document, where ruff does not look."""
    texts = [path for kind in ("*.py", "*.md", "*.sh", "*.sbatch") for path in ROOT.rglob(kind)]
    ours = [path for path in texts if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
    ours = [path for path in ours if path.name != "CHANGELOG.md"]  # it says how things were called once
    assert len(ours) > 300
    assert {str(path): found.group() for path in ours if (found := BARE.search(path.read_text()))} == {}
