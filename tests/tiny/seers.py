"""Tiny chat models that see, of the families that captions have a preset for: as folders of transformers, whose files
name the same processors as the published ones do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.tiny.text import byte_tokenizer

WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
TEXT = {**WIDE, "num_key_value_heads": 2, "head_dim": 16, "initializer_range": 0.5, "max_position_embeddings": 4096}
SIDE = 28
CHAT = """{% for message in messages %}{{ message.role | upper }}: {% for part in message.content %}
{%- if part.type == "image" %}<image> {% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}
{%- if add_generation_prompt %} ASSISTANT:{% endif %}"""


def make_gemma3(folder: Path, seed: int = 0) -> Path:
    """Its image tokens see each other both ways, which its processor tells it by token_type_ids."""
    marks = {"boi_token": "<start>", "eoi_token": "<end>", "image_token": "<soft>"}
    tokenizer = _tokenizer(marks)
    text = {**TEXT, **_ids(tokenizer), "sliding_window": 64, "query_pre_attn_scalar": 16, "tie_word_embeddings": False}
    others = {
        "vision_config": {"model_type": "siglip_vision_model", **WIDE, "image_size": SIDE, "patch_size": 7},
        "mm_tokens_per_image": 4,
        "tie_word_embeddings": False,
        "boi_token_index": tokenizer.convert_tokens_to_ids("<start>"),
        "eoi_token_index": tokenizer.convert_tokens_to_ids("<end>"),
        "image_token_index": tokenizer.convert_tokens_to_ids("<soft>"),
    }
    pictures = {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": SIDE, "width": SIDE}}
    processor = {"processor_class": "Gemma3Processor", "image_seq_length": 4}
    return _save(folder, "Gemma3", text, others, tokenizer, pictures, processor, "<start>", seed)


def make_internvl(folder: Path, seed: int = 0) -> Path:
    """It watches films as well, and cuts large pictures into tiles."""
    marks = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    tokenizer = _tokenizer({**marks, "video_token": "<video>"})
    others = {
        "vision_config": {
            **WIDE, "image_size": [SIDE, SIDE], "patch_size": [7, 7], "initializer_range": 0.5,
            "layer_scale_init_value": 1.0,
        },
        "image_token_id": tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        "image_seq_length": 4,
    }  # fmt: skip
    pictures = {
        "image_processor_type": "GotOcr2ImageProcessorFast",
        "size": {"height": SIDE, "width": SIDE},
        "crop_to_patches": False,
        "min_patches": 1,
        "max_patches": 12,
    }
    processor = {"processor_class": "InternVLProcessor", "image_seq_length": 4}
    text = {**TEXT, **_ids(tokenizer), "model_type": "qwen3"}
    return _save(folder, "InternVL", text, others, tokenizer, pictures, processor, "<IMG_CONTEXT>", seed)


def make_smolvlm(folder: Path, seed: int = 0) -> Path:
    """The first SmolVLM, which is an Idefics3: a picture is enlarged, and seen whole and in tiles."""
    marks = {"fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>"}
    rows = {f"tile_{row}_{column}": f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)}
    tokenizer = _tokenizer({"image_token": "<image>", "end_of_utterance_token": "<end_of_utterance>", **marks, **rows})
    others = {
        "vision_config": {**WIDE, "image_size": SIDE, "patch_size": 7, "initializer_range": 0.5},
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "scale_factor": 2,
    }
    pictures = {
        "image_processor_type": "Idefics3ImageProcessor",
        "do_image_splitting": True,
        "max_image_size": {"longest_edge": SIDE},
        "size": {"longest_edge": 2 * SIDE},
    }
    processor = {"processor_class": "Idefics3Processor", "image_seq_len": 4}
    text = {**TEXT, **_ids(tokenizer), "model_type": "llama"}
    return _save(folder, "Idefics3", text, others, tokenizer, pictures, processor, "<image>", seed)


SEERS: Mapping[str, Callable[[Path], Path]] = {
    "gemma": make_gemma3,
    "internvl": make_internvl,
    "smolvlm": make_smolvlm,
}


def _tokenizer(marks: Mapping[str, str]) -> Any:
    import transformers

    roles = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}
    made = byte_tokenizer("<bos>", "", (*roles.values(), *marks.values()), **roles)
    if transformers.__version__.startswith("4."):
        made.extra_special_tokens = dict(marks)
        return made
    kept: Any = transformers.PreTrainedTokenizerFast
    return kept(tokenizer_object=made.backend_tokenizer, extra_special_tokens=dict(marks), **roles)


def _ids(tokenizer: Any) -> dict[str, Any]:
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    return {**ids, "vocab_size": len(tokenizer)}


def _save(
    folder: Path,
    kind: str,
    text: Mapping[str, Any],
    others: Mapping[str, Any],
    tokenizer: Any,
    pictures: Mapping[str, Any],
    processor: Mapping[str, Any],
    image: str,
    seed: int,
) -> Path:
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(seed)
    config = getattr(ports, f"{kind}Config")(text_config=dict(text), **others)
    model = getattr(ports, f"{kind}ForConditionalGeneration")(config)
    with torch.no_grad():
        for weight in model.parameters():  # fresh weights are made to be trained: all pictures would look the same
            if weight.dim() > 1:
                weight.normal_(0, 0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    means = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    kinds = {"processor_class": processor["processor_class"]}
    (folder / "preprocessor_config.json").write_text(json.dumps({**pictures, **means, **kinds}))
    (folder / "processor_config.json").write_text(json.dumps(dict(processor)))
    (folder / "chat_template.jinja").write_text("{{ bos_token }}" + CHAT.replace("<image>", image))
    return folder
