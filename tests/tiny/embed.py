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


def make_clip_that_sees(folder: Path, seed: int = 0) -> Path:
    """With what frames its pictures: for label=clip and classify=clip."""
    from transformers import CLIPImageProcessor

    side = {"height": 32, "width": 32}
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side).save_pretrained(make_clip(folder, seed))
    return folder


def make_siglip(folder: Path, seed: int = 0) -> Path:
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    end = "</s>"
    tokenizer = byte_tokenizer("", end, (end,), eos_token=end, pad_token=end)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 32, "projection_size": 32, **layers}
    torch.manual_seed(seed)
    config = SiglipConfig(text_config=text, vision_config={"image_size": 32, "patch_size": 16, **layers})
    model = SiglipModel(config)
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        model.logit_bias.fill_(0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder
