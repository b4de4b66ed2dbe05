from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labelyard.generate.exporters.instructcv.tables import Tables


def test_layouts_without_tables_want_no_library_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with Tables(tmp_path, 0, []) as files:
        files.add([("", {"edit_prompt": "mark the cat"})])
    assert list(tmp_path.iterdir()) == []
