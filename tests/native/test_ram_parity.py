"""RAM and its relatives against their authors' own code, on the same random weights of full size.

It runs in the environment of requirements/lavis.txt, with a checkout of recognize-anything on PYTHONPATH.
"""

from __future__ import annotations

import contextlib
import io
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from labelyard.generate.record import Record
from labelyard.generate.steps.models.ram import network as ours
from labelyard.generate.steps.tag.ram import RAM
from labelyard.generate.steps.tag.ram_plus import RAMPlus
from labelyard.generate.steps.tag.tagger import Tagger as TaggerStep
from tests.tiny.records import record

pytestmark = pytest.mark.native

REASON = "the original RAM is not importable: see requirements/lavis.txt"
IMAGES = torch.randn(2, 3, 384, 384, generator=torch.Generator().manual_seed(7))
DESCRIPTIONS = {"ram": 1, "ram_plus": 51, "tag2text": 1}


@pytest.fixture(scope="module")
def models() -> types.ModuleType:
    module: types.ModuleType = pytest.importorskip("ram.models", reason=REASON, exc_type=ImportError)
    return module


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The original builds a tokenizer, which tagging never asks for anything."""
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "picture", "of"]
    (folder / "vocab.txt").write_text("\n".join(words))
    return folder


def build(models: Any, option: str, vocabulary: Path) -> Any:
    torch.manual_seed(0)
    vit = "swin_b" if option == "tag2text" else "swin_l"
    with contextlib.redirect_stdout(io.StringIO()):
        model = getattr(models, option)(image_size=384, vit=vit, text_encoder_type=str(vocabulary)).eval()
    for name, parameter in model.named_parameters():
        if "label_embed" in name or "bias_table" in name:  # zeros until trained, which would hide much
            torch.nn.init.normal_(parameter, std=0.5)
    return model


def answer(model: Any, option: str) -> Tensor:
    """Its logits. RAM's own method gives names, so its last layer is listened to; Tag2Text's goes on to a caption."""
    with torch.no_grad():
        if option == "tag2text":
            seen = model.visual_encoder(IMAGES)
            asked = model.tagging_head(
                encoder_embeds=model.label_embed.weight.expand(len(IMAGES), -1, -1),
                encoder_hidden_states=seen,
                encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long),
                return_dict=False,
                mode="tagging",
            )
            logits: Tensor = model.fc(asked[0])
            return logits
        heard: list[Tensor] = []
        handle = model.fc.register_forward_hook(lambda layer, given, out: heard.append(out))
        model.generate_tag(IMAGES)
        handle.remove()
        return heard[0].squeeze(-1)


@pytest.mark.parametrize("option", ["ram", "ram_plus", "tag2text"])
def test_the_same_logits(models: types.ModuleType, vocabulary: Path, option: str) -> None:
    original = build(models, option, vocabulary)
    wanted = answer(original, option)
    state = ours.published_names(original.state_dict())
    assert ours.which(state) == option
    with torch.no_grad():
        found = ours.build(state, DESCRIPTIONS[option])(IMAGES)
    assert found.shape == wanted.shape
    difference = (found - wanted).abs().max().item()
    print(
        f"{option}: {tuple(found.shape)}, std {wanted.std():.2f}, largest difference {difference:.1e}", file=sys.stderr
    )
    assert wanted.std() > 0.1, "logits that are all alike would show nothing"
    # RAM++ takes the exponential of a scale times 4585 x 51 products, which spreads the last digit.
    assert difference < (2e-5 if option == "ram_plus" else 2e-6)


@pytest.mark.parametrize("step_class", [RAM, RAMPlus])
def test_the_same_tags_of_photos_by_either_backend(
    models: types.ModuleType, vocabulary: Path, tmp_path: Path, step_class: type[TaggerStep]
) -> None:
    original = build(models, step_class.network, vocabulary)
    torch.nn.init.normal_(original.fc.weight, std=0.2)  # tags on both sides of their thresholds
    torch.save({"model": original.state_dict()}, tmp_path / "full.pth")
    del original
    found: dict[str, list[Record]] = {}
    for backend in ("port", "native"):
        step = step_class(
            checkpoint=str(tmp_path / "full.pth"), backend=backend, text_encoder=str(vocabulary), batch_size=2
        )
        step.setup("cpu")
        found[backend] = [record("chelsea", index=0), record("coffee", index=1)]
        step(found[backend])
        del step
    (tmp_path / "full.pth").unlink()  # two gigabytes
    for ported, native in zip(found["port"], found["native"], strict=True):
        assert [tag.name for tag in ported.tags] == [tag.name for tag in native.tags]
        assert 0 < len(ported.tags) < 4585
        scores = [(one.score, other.score) for one, other in zip(ported.tags, native.tags, strict=True)]
        print(f"{len(scores)} tags, {max(abs(a - b) for a, b in scores):.1e}", file=sys.stderr)
        assert max(abs(one - other) for one, other in scores) < 1e-5
