"""Of a repository with several models, only the files that a step names are fetched, looked for and told of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from labelyard.generate.checkpoint import Parts
from labelyard.generate.step import Checkpoint, Step
from labelyard.generate.steps.tools import download, model_cache
from labelyard.generate.steps.tools.sizes import about

COMMIT = "c0ffee" + 34 * "0"


@dataclass(kw_only=True)
class Adapter(Step):
    revision: str | None = None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (Checkpoint("owner/many", self.revision, ("sdxl/ip.safetensors", "encoder/")),)


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--owner--many"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    return home / "snapshots" / COMMIT


def put(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(name.encode())


def test_what_is_missing_is_what_it_names(snapshot: Path) -> None:
    for step in (Adapter(), Adapter(revision=COMMIT)):
        assert model_cache.missing({"style": step}) == ["style: owner/many: not in the hub's cache here"]
    put(snapshot, "sdxl/ip.safetensors")
    put(snapshot, "sdxl/other.safetensors")
    told = "style: owner/many: only a part of it is in the hub's cache here; encoder/ is missing"
    assert model_cache.missing({"style": Adapter()}) == [told]
    put(snapshot, "encoder/model.safetensors")
    put(snapshot, "encoder/config.json")
    for step in (Adapter(), Adapter(revision=COMMIT)):
        assert model_cache.missing({"style": step}) == []
    (facts,) = model_cache.facts({"style": Adapter()})["style"]
    assert facts["revision"] == COMMIT
    assert set(facts["sha256"]) == {"sdxl/ip.safetensors", "encoder/model.safetensors", "encoder/config.json"}


def test_only_these_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(download, "_from_hub", lambda *given: asked.append(given))
    download.download(Adapter())
    assert asked == [("owner/many", None, ["sdxl/ip.safetensors", "encoder/", "README.md"])]


@dataclass(kw_only=True)
class Large(Step):
    parts: Parts | None = None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (Checkpoint("black-forest-labs/FLUX.1-dev", parts=self.parts), Checkpoint("somebody/unknown"))


def test_what_is_known_to_be_large_is_told_before_it_is_fetched(snapshot: Path) -> None:
    start = "style: black-forest-labs/FLUX.1-dev: not in the hub's cache here"
    whole, other = model_cache.missing({"style": Large()})
    assert whole == f"{start} (about 34 GB)" and other.endswith("unknown: not in the hub's cache here")
    assert model_cache.missing({"style": Large(parts=Parts(without=("text_encoder",)))})[0] == start
    assert about(Checkpoint("lllyasviel/Annotators/ControlNetHED.pth")) == "about 29 MB"
