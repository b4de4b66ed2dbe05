"""A tiny CLIP, both towers, as a folder of transformers."""

from __future__ import annotations

from pathlib import Path

from tests.tiny.text import byte_tokenizer

WIDTH = 32
PROJECTED = 24  # another width, so that nobody takes the projected vector for the pooled one
LONGEST = 77


def make_clip(folder: Path, seed: int = 0, width: int = WIDTH) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPModel

    start, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer = byte_tokenizer(start, end, (start, end), bos_token=start, eos_token=end, pad_token=end)
    tokens = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    layers = {"intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"vocab_size": len(tokenizer), "hidden_size": width, "max_position_embeddings": LONGEST, **layers, **tokens}
    vision = {"hidden_size": 32, "image_size": 32, "patch_size": 16, **layers}
    torch.manual_seed(seed)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=PROJECTED, initializer_factor=5.0)
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
