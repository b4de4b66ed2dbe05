"""Where a pipeline and the transformers that is installed have grown apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def repair(pipe: Any) -> None:
    """transformers 5 has no `text_model` inside of a CLIPTextModel any more; I2VGenXL takes the last layer from it."""
    encoder: Any = getattr(pipe, "text_encoder", None)
    if type(encoder).__name__ == "CLIPTextModel" and not hasattr(encoder, "text_model"):
        encoder.text_model = SimpleNamespace(final_layer_norm=encoder.final_layer_norm)
