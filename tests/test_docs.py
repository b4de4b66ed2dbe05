"""The documents say what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import ROOT, MakeList, call, fake_run, listed

SCHEMA = (ROOT / "docs" / "schema.md").read_text()


def test_every_key_of_a_record_is_described(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("run", *fake_run(make_list(16), out)).returncode == 0
    described = set(re.findall(r"`(\w+)`", SCHEMA))
    image, instances = SCHEMA.split("## Of an instance")
    of_images, of_instances = set(re.findall(r"`(\w+)`", image)), set(re.findall(r"`(\w+)`", instances))
    seen: set[str] = set()
    for path in listed(out):
        record = json.loads(Path(path).read_text())
        assert set(record) <= of_images
        for annotation in record["annos"]:
            assert set(annotation) <= of_instances
            seen |= set(annotation)
    assert {"mask", "caption", "pad", "blip_clip_embeddings"} <= seen <= described


def test_the_files_that_the_readme_names_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    for program in set(re.findall(r"launch/\w+\.py", text)):
        assert (ROOT / program).exists(), program
    for link in re.findall(r"\]\((docs/[^)]+)\)", text):
        assert (ROOT / link).exists(), link


def test_the_settings_that_the_readme_names_exist() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`?((?:source|work|write|tag|ground|segment)\.\w+)=", text))
    assert {"source.path", "ground.box_threshold", "write.short_side"} - named == {"write.short_side"}
    for segment in ("sam", "sam_hq"):
        overrides = [f"{name}=1" for name in named if not name.startswith(("source.", "work.device"))]
        done = call("run", "source.path=absent.json", "output=nowhere", f"segment={segment}", *overrides)
        assert "there is no key" not in done.stderr, done.stderr
