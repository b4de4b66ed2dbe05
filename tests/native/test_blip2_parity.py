"""caption=blip2 against LAVIS, on the same random weights: the same words to the same crops.

The two can't live in one environment, so LAVIS answers in a process of its own: set LAVIS_PYTHON to the interpreter of
requirements/lavis.txt's environment.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from labelyard.generate.steps.caption.blip2 import BLIP2
from tests.native.tiny_lavis import BOXES, LAYERS, NEW_TOKENS, PROMPTS, QUERIES, SIDE, WIDTH, tokenizer
from tests.tiny.records import record

pytestmark = pytest.mark.native

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    python = os.environ.get("LAVIS_PYTHON")
    if not python:
        pytest.skip("LAVIS_PYTHON is not set: see requirements/lavis.txt")
    file = tmp_path_factory.mktemp("lavis") / "answers.pt"
    subprocess.run([python, "-m", "tests.native.tiny_lavis", str(file)], cwd=ROOT, check=True, timeout=240)
    return torch.load(file, weights_only=True)


@pytest.fixture(scope="module")
def folder(answers: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights as transformers keeps them, in the configuration of the published conversions."""
    from safetensors.torch import save_file
    from transformers import Blip2Config, BlipImageProcessor, T5Config

    place = tmp_path_factory.mktemp("blip2")
    words = tokenizer()
    t5: Any = T5Config
    text = t5(
        vocab_size=len(words) + 1,
        d_model=WIDTH,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
        bos_token_id=words.eos_token_id,
        decoder_start_token_id=words.pad_token_id,
        tie_word_embeddings=False,
    ).to_dict()
    layers = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2}
    reader = {"intermediate_size": 64, "vocab_size": 50, "encoder_hidden_size": WIDTH, "cross_attention_frequency": 1}
    Blip2Config(
        vision_config={**layers, "intermediate_size": 4 * WIDTH, "image_size": SIDE, "patch_size": 14},
        qformer_config={**layers, **reader},
        text_config={**text, "dense_act_fn": "gelu", "tie_word_embeddings": False},
        num_query_tokens=QUERIES,
        image_token_index=len(words),
    ).save_pretrained(place)
    weights = {name: tensor.clone() for name, tensor in answers["weights"].items()}
    for name, tensor in weights.items():
        if "embed_tokens" in name or "shared" in name or "lm_head" in name:  # one more, for the image token
            weights[name] = torch.cat([tensor, torch.zeros(1, WIDTH)])
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    BlipImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(place)
    words.save_pretrained(place)
    return place


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_same_words(answers: Any, folder: Path, prompt: str) -> None:
    step = BLIP2(checkpoint=str(folder), dtype="float32", max_new_tokens=NEW_TOKENS, prompt=prompt)
    step.setup("cpu")
    records = [record(name, boxes=boxes) for name, boxes in BOXES.items()]
    step(records)
    found = [instance.caption for each in records for instance in each.instances]
    wanted = [text.replace("<unk>", "") for text in answers["said"][prompt]]  # here it is a special token
    assert found == [f"thing. {' '.join(text.split())}" for text in wanted]
    assert len(set(found)) == 3
