"""The page on asking models is walked, and what it says of settings is so."""

from __future__ import annotations

import re
from pathlib import Path

from labelyard.generate.steps.describe.vlm import Describe
from labelyard.generate.steps.models.chat.providers import PROVIDERS
from tests.conftest import ROOT
from tests.support.walk import walked

PAGE = (ROOT / "docs" / "serving.md").read_text()


def test_every_command_of_the_page(tmp_path: Path) -> None:
    commands, told = walked("serving.md", tmp_path)
    assert told == 1 and commands.count("launch/run.py") == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["launch", "my-vllm.sh", "serve.sh"]


def test_what_the_page_says_of_settings_and_keys() -> None:
    fields = set(Describe.__dataclass_fields__)
    named = set(re.findall(r"describe\.(\w+)=", PAGE)) | set(re.findall(r"`(\w+)=\w+`", PAGE)) - {"caption"}
    assert {"base_url", "max_cost", "engine", "guided", "on_length"} <= named <= fields
    for name, provider in PROVIDERS.items():
        assert f"`{name}:`" in PAGE and f"`{provider.variable}`" in PAGE
