"""`rewrite=llm`: a text from what the row says, by a language model."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.steps.models.chat.telling import Telling


@dataclass(kw_only=True)
class Rewrite(Telling):
    """The model sees no picture, but what the prompt quotes: captions, earlier texts, columns."""

    checkpoint: str = "Qwen/Qwen2.5-7B-Instruct"
    prompt: str = "Say this in other words, in one plain sentence: {caption}"
