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


def _wrapped(tokenizer: Any, before: str, after: str, roles: dict[str, str], special: tuple[str, ...]) -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    around = [token for token in (before, after) if token]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(filter(None, (before, "$A", after))),
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys(around)],
    )
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)
    made.add_special_tokens({"additional_special_tokens": [s for s in special if s not in roles.values()]})
    return made
