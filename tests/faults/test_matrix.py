"""docs/failures.md names tests; they are there."""

from __future__ import annotations

import ast
import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`( \(slow\))?", PAGE)


def defined_in(path: str) -> dict[str, bool]:
    """The test functions of a file, and whether each is marked slow."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name: any("slow" in ast.unparse(decorator).split(".") for decorator in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_test_that_the_page_names_is_there_and_as_slow_as_it_says() -> None:
    assert len(NAMED) > 40
    for path, name, slow in NAMED:
        found = defined_in(path)
        assert name in found, f"{path} has no {name}"
        assert found[name] == bool(slow), f"{path}::{name}: slow or not?"


def test_every_row_is_there_and_every_fault_test_stands_in_one() -> None:
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.M)]
    assert rows == list(range(1, len(rows) + 1)) and len(rows) >= 24
    named = {(path, name) for path, name, _ in NAMED}
    for path in ("test_sweep", "test_signals", "test_chaos"):
        for name in defined_in(f"tests/faults/{path}.py"):
            assert (f"tests/faults/{path}.py", name) in named, f"{name} stands in no row"
