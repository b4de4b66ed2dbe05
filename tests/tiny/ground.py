"""Tiny random detectors that read text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny.vocabulary import SIZE, write_tokenizer

SHAPE = {
    "d_model": 32,
    "num_queries": 20,
    "encoder_layers": 1,
    "encoder_ffn_dim": 64,
    "encoder_attention_heads": 2,
    "decoder_layers": 2,
    "decoder_ffn_dim": 64,
    "decoder_attention_heads": 2,
    "num_feature_levels": 4,
    "max_text_len": 256,
}


def make_groundingdino(folder: Path, seed: int = 0) -> Path:
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    return _save(GroundingDinoForObjectDetection(_seeded(GroundingDinoConfig, seed)), folder)


def make_mm_groundingdino(folder: Path, seed: int = 0) -> Path:
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    return _save(MMGroundingDinoForObjectDetection(_seeded(MMGroundingDinoConfig, seed)), folder)


def _seeded(config_class: Any, seed: int) -> Any:
    import torch
    import transformers

    torch.manual_seed(seed)
    ports: Any = transformers
    swin = ports.SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    bert = ports.BertConfig(
        vocab_size=SIZE,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    return config_class(backbone_config=swin, text_config=bert, **SHAPE)


def _save(model: Any, folder: Path) -> Path:
    make_lively(model)
    write_tokenizer(folder)
    model.save_pretrained(str(folder))
    return folder


def make_lively(model: Any) -> None:
    """Fresh weights are made to be trained: heads of zeros, so that all queries say the same. Spread them."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "bbox_embed" in name:
                weight.normal_(0, 0.12)
            elif "sampling_offsets" in name or "attention_weights" in name:
                weight.normal_(0, 0.3)
            elif "layer_norm" in name and name.endswith("weight"):
                weight.fill_(0.6)
            elif weight.dim() > 1:
                weight.normal_(0, 0.15)
            elif "class_embed" in name:  # MM-GroundingDINO begins by saying no to everything
                weight.zero_()
            elif name.endswith(("vision_param", "text_param")):
                weight.fill_(0.3)


def make_owlv2(folder: Path, seed: int = 0) -> Path:
    import torch
    import transformers

    from tests.tiny.text import byte_tokenizer

    ports: Any = transformers
    pad, start, end = "<pad>", "<|startoftext|>", "<|endoftext|>"  # the first of a text must not be token 0
    tokenizer = byte_tokenizer(start, end, (pad, start, end), bos_token=start, eos_token=end, pad_token=pad)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = ports.Owlv2Config(
        text_config={**layers, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 16},
        vision_config={**layers, "image_size": 96, "patch_size": 16},
        projection_dim=32,
    )
    torch.manual_seed(seed)
    model = ports.Owlv2ForObjectDetection(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.05 if "box_head" in name else 0.3)
            elif "logit" in name:
                weight.fill_(1.0)
    tokenizer.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return folder
