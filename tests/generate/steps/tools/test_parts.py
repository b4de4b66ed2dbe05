"""Of a folder of several models, what its index lists is fetched, looked for and told of, in one form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.step import Checkpoint, Parts, Step
from labelyard.generate.steps.tools import download, model_cache
from labelyard.generate.steps.tools.parts import INDEX, files_of_parts

LISTED = {
    "_class_name": "FluxPipeline",
    "boundary": [0.5, 1.0],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
    "safety_checker": [None, None],
    "watermark": ["diffusers", "Watermark"],
}
NEEDED = {
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors.index.json",
    "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
    "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
}
HALF = "text_encoder/model.fp16.safetensors"
OTHERS = {
    "flux1-dev.safetensors",
    "text_encoder/pytorch_model.bin",
    "transformer/deep/model.safetensors",
    "safety_checker/model.safetensors",
    "watermark/config.json",
    "watermark/model.safetensors",
    HALF,
}


@dataclass(kw_only=True)
class Pipe(Step):
    place: str = "owner/pipe"
    variant: str | None = None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (Checkpoint(self.place, parts=Parts(self.variant, ("watermark",))),)


def put(folder: Path, names: Iterable[str]) -> None:
    pieces = {f"{number}": name for number, name in enumerate(sorted(n for n in NEEDED if "-of-" in n))}
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        content: Any = {"weight_map": {key: Path(piece).name for key, piece in pieces.items()}}
        (folder / name).write_text(json.dumps(LISTED if name == INDEX else content))


def test_one_form_of_every_part_that_is_listed_is_taken() -> None:
    folders = ("scheduler", "text_encoder", "transformer", "watermark")
    found = files_of_parts(sorted(NEEDED | OTHERS), folders, Parts(None, ("watermark",)))
    assert set(found) == NEEDED
    half = files_of_parts(sorted(NEEDED | OTHERS), folders, Parts("fp16", ("watermark",)))
    assert set(half) == (NEEDED - {"text_encoder/model.safetensors"}) | {HALF}
    assert files_of_parts(["unet/a.bin", "unet/a.fp16.bin"], ["unet"], Parts()) == ["unet/a.bin"]
    pieces = ["unet/a.fp16-00001-of-00002.safetensors", "unet/a-00001-of-00002.safetensors"]
    assert files_of_parts(pieces, ["unet"], Parts("fp16")) == pieces[:1]


def test_each_missing_part_is_named(tmp_path: Path) -> None:
    step = Pipe(place=str(tmp_path))
    start = f"pipe: {tmp_path}: the folder is not a whole model: "
    for name in (INDEX, "scheduler/scheduler_config.json", "text_encoder/config.json"):
        lacking = {"scheduler/scheduler_config.json": "scheduler/", "text_encoder/config.json": "text_encoder/"}
        assert model_cache.missing({"pipe": step}) == [f"{start}{lacking.get(name, name)} is missing"]
        put(tmp_path, [name])
    assert model_cache.missing({"pipe": step}) == [f"{start}text_encoder/any file of weights is missing"]
    put(tmp_path, NEEDED)
    last = "transformer/diffusion_pytorch_model-00001-of-00002.safetensors"
    (tmp_path / last).unlink()
    assert model_cache.missing({"pipe": step}) == [f"{start}{last} is missing"]
    put(tmp_path, NEEDED | OTHERS)
    assert model_cache.missing({"pipe": step}) == []
    (facts,) = model_cache.facts({"pipe": step})["pipe"]
    weights = {name for name in NEEDED if name.endswith((".safetensors", "config.json"))}
    assert set(facts["sha256"]) == weights


def test_these_alone_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    put(tmp_path, [INDEX, *NEEDED])
    asked: dict[str, Any] = {}

    class Api:
        def model_info(self, repository: str, **_: Any) -> Any:
            names = [INDEX, *NEEDED, *OTHERS]
            return type("Info", (), {"siblings": [type("S", (), {"rfilename": n, "lfs": None}) for n in names]})

    def fetched(repository: str, **given: Any) -> str:
        asked.update(given)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repository, name, **_: str(tmp_path / name))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    download.download(Pipe())
    assert set(asked["allow_patterns"]) == {INDEX, "README.md", *NEEDED}
