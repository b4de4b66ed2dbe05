"""A tiny language model with random weights that reads any text, byte by byte, and has a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny.caption import LAYERS
from tests.tiny.text import byte_tokenizer

CHAT = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def make_talker(folder: Path, seed: int = 0, template: str | None = CHAT, width: int = 32) -> Path:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    marks = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer = byte_tokenizer("", "", marks, pad_token="<|endoftext|>", eos_token="<|im_end|>")
    layers: dict[str, Any] = {**LAYERS, "hidden_size": width, "num_key_value_heads": 2, "max_position_embeddings": 4096}
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        **layers,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    model: Any = Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder
