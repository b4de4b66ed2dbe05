from __future__ import annotations

import pytest

from labelyard.launch.chains import plan
from tests.support.composing import remembered


@pytest.fixture(autouse=True)
def _composing_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these tests composes a file's stages several times; tests/launch/config tries composing itself."""
    monkeypatch.setattr(plan, "composed", remembered)
