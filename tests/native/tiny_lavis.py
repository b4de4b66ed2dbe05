"""A tiny BLIP-2 of LAVIS's own parts, since LAVIS itself can only build one from the internet.

Run in the environment of requirements/lavis.txt as `python -m tests.native.tiny_lavis FILE`, it writes what the model
says to some crops, and its weights by the names of transformers.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import torch
from PIL import Image

from tests.tiny.records import record
from tests.tiny.text import word_tokenizer

SIDE, WIDTH, QUERIES, LAYERS = 28, 32, 4, 2
PROMPTS = ("", "a photo of")
NEW_TOKENS = 12
BOXES = {"chelsea": [(10.0, 10.0, 200.0, 200.0), (100.0, 50.0, 400.0, 280.0)], "coffee": [(0.0, 0.0, 600.0, 400.0)]}

# What LAVIS calls it, what transformers calls it.
NAMES = (
    ("visual_encoder.cls_token", "vision_model.embeddings.class_embedding"),
    ("visual_encoder.pos_embed", "vision_model.embeddings.position_embedding"),
    ("visual_encoder.patch_embed.proj", "vision_model.embeddings.patch_embedding"),
    ("visual_encoder.blocks", "vision_model.encoder.layers"),
    (".norm1", ".layer_norm1"),
    (".norm2", ".layer_norm2"),
    (".attn.qkv", ".self_attn.qkv"),
    (".attn.proj", ".self_attn.projection"),
    ("ln_vision", "vision_model.post_layernorm"),
    ("Qformer.bert.embeddings.LayerNorm", "qformer.layernorm"),
    ("Qformer.bert", "qformer"),
    ("attention.self", "attention.attention"),
    ("t5_proj", "language_projection"),
    ("t5_model", "language_model"),
)
# The query half alone is used; LAVIS leaves the other half of its BERT out too when it loads a published model.
UNUSED = ("Qformer.cls", ".embeddings.word_embeddings", "Qformer.bert.embeddings.position", "position_ids")


def tokenizer() -> Any:
    marks = {"pad_token": "<pad>", "eos_token": "</s>"}
    made = word_tokenizer("", "</s>", tuple(marks.values()), **marks)
    made.add_special_tokens(marks)
    return made


def assembled() -> Any:
    """A Blip2T5 whose parts are what its constructor would have made, but small."""
    import lavis.models.blip2_models.blip2_t5 as t5
    import lavis.models.blip2_models.Qformer as qformer
    from lavis.models.blip2_models.blip2 import LayerNorm
    from lavis.models.eva_vit import VisionTransformer

    torch.manual_seed(0)
    model = t5.Blip2T5.__new__(t5.Blip2T5)
    torch.nn.Module.__init__(model)
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    shape = {"img_size": SIDE, "patch_size": 14, "embed_dim": WIDTH, "depth": LAYERS, "num_heads": 2}
    model.visual_encoder = VisionTransformer(**shape, use_mean_pooling=False, qkv_bias=True, norm_layer=norm)
    model.ln_vision = LayerNorm(WIDTH)
    config = qformer.BertConfig(
        vocab_size=50, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    config.encoder_width, config.add_cross_attention = WIDTH, True
    config.cross_attention_freq, config.query_length = 1, QUERIES
    model.Qformer = qformer.BertLMHeadModel(config=config)
    model.query_tokens = torch.nn.Parameter(torch.randn(1, QUERIES, WIDTH))
    model.t5_tokenizer = tokenizer()
    text = t5.T5Config(
        vocab_size=len(model.t5_tokenizer),
        d_model=WIDTH,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        pad_token_id=model.t5_tokenizer.pad_token_id,
        eos_token_id=model.t5_tokenizer.eos_token_id,
        decoder_start_token_id=model.t5_tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    text.dense_act_fn = "gelu"  # as LAVIS sets it
    model.t5_model = t5.T5ForConditionalGeneration(text)
    model.t5_proj = torch.nn.Linear(WIDTH, WIDTH)
    model.prompt, model._apply_lemmatizer = "", False
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.1 if name.startswith("visual") else 0.5)
        elif name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.2)
    with torch.no_grad():
        model.t5_model.lm_head.weight[model.t5_tokenizer.eos_token_id] = 0
    return model.eval()


def crops() -> list[Image.Image]:
    """The parts of the photos at BOXES."""
    return [record(name).image.crop(box) for name, boxes in BOXES.items() for box in boxes]


def converted(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    by_name = {}
    for name, weight in weights.items():
        if any(part in name for part in UNUSED) or name.endswith((".q_bias", ".v_bias")):
            continue
        if "Qformer" in name and (".intermediate." in name or ".output." in name.replace("attention.output", "")):
            continue
        for old, new in NAMES:
            name = name.replace(old, new)
        by_name[name] = weight
    for layer in range(LAYERS):
        query, value = (weights[f"visual_encoder.blocks.{layer}.attn.{part}_bias"] for part in "qv")
        bias = torch.cat([query, torch.zeros_like(query), value])
        by_name[f"vision_model.encoder.layers.{layer}.self_attn.qkv.bias"] = bias
    return by_name


def main(file: str) -> None:
    from lavis.processors.blip_processors import BlipImageEvalProcessor

    model, process = assembled(), BlipImageEvalProcessor(image_size=SIDE)
    images = torch.stack([process(crop) for crop in crops()])
    with torch.no_grad():
        said = {p: model.generate({"image": images, "prompt": p}, max_length=NEW_TOKENS) for p in PROMPTS}
    torch.save({"weights": converted(model.state_dict()), "said": said}, file)


if __name__ == "__main__":
    main(sys.argv[1])
