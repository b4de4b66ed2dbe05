"""A tiny language model with random weights that reads any text, byte by byte, and has a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny.caption import LAYERS, make_qwen
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


def make_sayer(folder: Path, answer: str, kind: str = "Qwen2_5_VL") -> Path:
    """A tiny model that looks at pictures and whatever it sees and is asked says this: `answer` is a word of its own,
    and what stands at the end of a question outshouts all else on the way to the next word."""
    import torch
    import transformers
    from transformers import AddedToken, AutoTokenizer

    make_qwen(folder, kind)
    model: Any = getattr(transformers, f"{kind}ForConditionalGeneration").from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([AddedToken(answer, normalized=False)])
    model.resize_token_embeddings(len(tokenizer))
    said, last = tokenizer.convert_tokens_to_ids(answer), tokenizer.encode(" ASSISTANT:")[-1]
    ends = tokenizer.eos_token_id
    with torch.no_grad():
        heard, says = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        for place, (word, next_word) in enumerate(((last, said), (said, ends))):
            heard[word] = 0
            heard[word, place] = 10_000
            says[:, place] = 0
            says[next_word] = 0
            says[next_word, place] = 1000
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
