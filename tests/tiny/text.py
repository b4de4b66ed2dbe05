"""Tiny tokenizers, made in place: a few words, or single bytes."""

from __future__ import annotations

from typing import Any

from tests.tiny.vocabulary import WORDS


def word_tokenizer(before: str, after: str, special: tuple[str, ...], **roles: str) -> Any:
    """Whole words, what it doesn't know is <unk>. `before` and `after` surround every text."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = dict.fromkeys(["<unk>", *special, *WORDS])
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return _wrapped(tokenizer, before, after, {"unk_token": "<unk>", **roles}, special)


def byte_tokenizer(before: str, after: str, special: tuple[str, ...], **roles: str) -> Any:
    """A token for each byte: it reads any text, and a sentence is long."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return _wrapped(tokenizer, before, after, roles, special)


def for_florence2(tokenizer: Any) -> Any:
    """Florence-2's processor asks it for its image token, and in transformers 4 lets it be only Bart's."""
    import transformers

    old = transformers.__version__.startswith("4.")
    made: Any = transformers.BartTokenizerFast if old else transformers.PreTrainedTokenizerFast
    roles = {role: getattr(tokenizer, role) for role in ("unk_token", "bos_token", "eos_token", "pad_token")}
    backend = tokenizer.backend_tokenizer
    return made(tokenizer_object=backend, extra_special_tokens={"image_token": "<image>"}, **roles)


def _wrapped(tokenizer: Any, before: str, after: str, roles: dict[str, str], special: tuple[str, ...]) -> Any:
    from tokenizers import processors
    from transformers import AddedToken, PreTrainedTokenizerFast

    around = [token for token in (before, after) if token]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(filter(None, (before, "$A", after))),
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys(around)],
    )
    inputs = ["input_ids", "attention_mask"]
    made: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **roles)
    made.add_tokens([AddedToken(token, special=True) for token in special])
    return made
