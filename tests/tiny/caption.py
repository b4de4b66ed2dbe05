"""Tiny captioners with random weights, as folders of transformers: a few words, and not the same to every picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.tiny.text import byte_tokenizer, for_florence2, word_tokenizer

QUERIES = 4
CHAT = """{% for message in messages %}{{ message.role | upper }}: {% for part in message.content %}
{%- if part.type == "image" %}<image> {% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}
{%- if add_generation_prompt %} ASSISTANT:{% endif %}"""
LAYERS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def make_blip2(folder: Path, seed: int = 0) -> Path:
    """With T5, an encoder-decoder, as the original's."""
    from transformers import T5Config

    marks = {"pad_token": "<pad>", "eos_token": "</s>"}
    tokenizer = word_tokenizer("", "</s>", ("<pad>", "</s>", "<image>"), **marks)
    t5: Any = T5Config
    text = t5(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    return _blip2(folder, text, tokenizer, seed)


def make_blip2_opt(folder: Path, seed: int = 0) -> Path:
    """With OPT, a decoder, which repeats what it was given."""
    from transformers import OPTConfig

    marks = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "</s>"}
    tokenizer = word_tokenizer("</s>", "", ("<pad>", "</s>", "<image>"), **marks)
    text = OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        ffn_dim=64,
        num_attention_heads=2,
        max_position_embeddings=128,
        word_embed_proj_dim=32,
        init_std=0.3,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return _blip2(folder, text, tokenizer, seed)


def make_blip(folder: Path, seed: int = 0) -> Path:
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessor

    marks = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "bos_token": "[DEC]"}
    tokenizer = word_tokenizer("[CLS]", "[SEP]", tuple(marks.values()), **marks)
    text = {
        **LAYERS,
        "vocab_size": len(tokenizer),
        "encoder_hidden_size": 32,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {**LAYERS, "image_size": 32, "patch_size": 8, "initializer_range": 0.3}  # its default makes denormals
    torch.manual_seed(seed)
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    model.save_pretrained(folder)
    BlipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _blip2(folder: Path, text: Any, tokenizer: Any, seed: int) -> Path:
    import torch
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, BlipImageProcessor

    config = Blip2Config(
        vision_config={**LAYERS, "image_size": 28, "patch_size": 14, "initializer_range": 0.3},
        qformer_config={
            **LAYERS,
            "vocab_size": 50,
            "encoder_hidden_size": 32,
            "cross_attention_frequency": 1,
            "initializer_range": 0.5,
        },
        text_config=text.to_dict(),
        num_query_tokens=QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        initializer_range=0.3,
    )
    torch.manual_seed(seed)
    model = Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens)
    for name, weight in model.named_parameters():  # else every picture gets the same words
        if weight.dim() > 1 and name.startswith(("qformer", "language")):
            torch.nn.init.normal_(weight, std=0.5)
    with torch.no_grad():
        model.language_model.lm_head.weight[tokenizer.eos_token_id] = 0  # or it says nothing at all
    model.save_pretrained(folder)
    images = BlipImageProcessor(size={"height": 28, "width": 28})
    Blip2Processor(images, tokenizer, num_query_tokens=QUERIES).save_pretrained(folder)
    return folder


def make_llava(folder: Path, seed: int = 0) -> Path:
    """For caption=vlm: CLIP's vision tower before a Llama, with a chat template."""
    import torch
    from transformers import CLIPImageProcessor, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    marks = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>"}
    tokenizer = word_tokenizer("<s>", "", ("<pad>", "<s>", "</s>", "<image>", "USER:", "ASSISTANT:"), **marks)
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": 1, "eos_token_id": tokenizer.eos_token_id}
    text = {"model_type": "llama", **LAYERS, "num_key_value_heads": 2, "vocab_size": len(tokenizer), **ids}
    vision = {"model_type": "clip_vision_model", **LAYERS, "image_size": 28, "patch_size": 14, "projection_dim": 32}
    config = LlavaConfig(
        text_config={**text, "initializer_range": 0.5},
        vision_config={**vision, "initializer_factor": 20.0},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    size = {"height": 28, "width": 28}
    LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=size),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    ).save_pretrained(folder)
    return folder


QWENS = ("Qwen2VL", "Qwen2_5_VL", "Qwen3VL")  # by the names of their classes


def make_qwen(
    folder: Path,
    kind: str,
    seed: int = 0,
    text: Mapping[str, Any] | None = None,
    vision: Mapping[str, Any] | None = None,
    pictures: Mapping[str, int] | None = None,
    spread: float = 0.5,
    **others: Any,
) -> Path:
    """For caption=vlm: it watches films as well, and gets as many tokens as a picture has squares of pixels. It need
    not stay tiny: what is given goes before its own sizes."""
    import json

    import torch
    import transformers

    ports: Any = transformers
    marks = ("<pad>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tokenizer = byte_tokenizer("", "", marks, pad_token="<pad>", eos_token="<|im_end|>")
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(mark)
        for name, mark in zip(("pad", "eos", "vision_start", "vision_end", "image", "video"), marks, strict=True)
    }
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    words = {
        "vocab_size": len(tokenizer),
        **LAYERS,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "rope_scaling": rope,
        "rope_parameters": rope,
        "initializer_range": 0.5,
        "pad_token_id": ids["pad_token_id"],
        "bos_token_id": ids["pad_token_id"],
        "eos_token_id": ids["eos_token_id"],
        **(text or {}),
    }
    patch = 16 if kind == "Qwen3VL" else 14
    sees: dict[str, Any] = {
        "depth": 2,
        "num_heads": 2,
        "patch_size": patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    width: dict[str, Any] = (
        {"embed_dim": 32, "hidden_size": 32} if kind == "Qwen2VL" else {"hidden_size": 32, "out_hidden_size": 32}
    )
    sees |= {**width, "intermediate_size": 64, "initializer_range": 0.5}
    sees |= {"fullatt_block_indexes": [1]} if kind == "Qwen2_5_VL" else {}
    sees |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 64} if kind == "Qwen3VL" else {}
    config = getattr(ports, f"{kind}Config")(
        text_config=words, vision_config={**sees, **(vision or {})}, **ids, **others
    )
    torch.manual_seed(seed)
    model = getattr(ports, f"{kind}ForConditionalGeneration")(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=spread)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images = {
        "image_processor_type": f"Qwen2VLImageProcessor{'' if kind == 'Qwen2VL' else 'Fast'}",
        "processor_class": f"{kind}Processor",
        "size": dict(pictures or {"shortest_edge": (2 * patch) ** 2, "longest_edge": (4 * patch) ** 2}),
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    image = "<|vision_start|><|image_pad|><|vision_end|>"
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": CHAT.replace("<image>", image)}))
    return folder


def make_florence2(folder: Path, seed: int = 0) -> Path:
    import torch
    from transformers import (
        BartConfig,
        CLIPImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    marks = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>"}
    tokenizer = for_florence2(word_tokenizer("<s>", "</s>", ("<s>", "<pad>", "</s>", "<image>"), **marks))
    text = BartConfig(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
    )
    vision = {
        "depths": [1, 1],
        "patch_size": [7, 3],
        "patch_stride": [4, 2],
        "patch_padding": [3, 1],
        "patch_prenorm": [False, True],
        "embed_dim": [16, 32],
        "num_heads": [2, 2],
        "num_groups": [2, 2],
        "window_size": 4,
        "projection_dim": 32,
    }
    config = Florence2Config(
        text_config=text.to_dict(),
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(seed)
    model = Florence2ForConditionalGeneration(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    images: Any = CLIPImageProcessor(size={"height": 32, "width": 32}, do_center_crop=False)
    images.image_seq_length = 17  # 4 x 4 patches behind their mean
    Florence2Processor(images, tokenizer).save_pretrained(folder)
    return folder
