"""Captions by LAVIS itself, the package salesforce-lavis: backend=native.

LAVIS fetches its parts from several places of the internet when a model is built, so its caches must have been filled
on a machine that has it; nothing here can do that for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

Describe = Callable[["Sequence[Image]", str, dict[str, Any]], list[str]]
REMEDY = "it needs an environment of its own, see requirements/lavis.txt; or use backend=port"


def load(native_model: str, device: str) -> Describe:
    name, slash, kind = native_model.partition("/")
    if not (name and slash and kind):
        raise FatalError(f"native_model={native_model}: not of the form name/type, such as blip2_t5/pretrain_flant5xxl")
    try:
        from lavis.models import load_model_and_preprocess
    except Exception as error:  # its imports break in many ways beside a newer numpy or transformers
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise FatalError(f"backend=native: lavis can't be imported ({reason}); {REMEDY}") from error
    try:
        model, processors, _ = load_model_and_preprocess(name=name, model_type=kind, is_eval=True, device=device)
    except Exception as error:  # from its registry, its downloads, or torch
        reason = one_line(f"{type(error).__name__}: {error}", 160)
        raise FatalError(
            f"native_model={native_model}: LAVIS can't build it ({reason}); it downloads what it needs, so "
            "build it once on a machine with internet and the same home, or use backend=port"
        ) from error
    return describer(model, processors["eval"], device)


def describer(model: Any, preprocess: Callable[[Image], Any], device: str) -> Describe:
    def describe(images: Sequence[Image], prompt: str, generation: dict[str, Any]) -> list[str]:
        import torch

        batch: dict[str, Any] = {"image": torch.stack([preprocess(image) for image in images]).to(device)}
        if prompt:
            batch["prompt"] = prompt
        with torch.inference_mode():
            texts: list[str] = model.generate(
                batch,
                use_nucleus_sampling=False,
                num_beams=generation["num_beams"],
                max_length=generation["max_new_tokens"],
                min_length=1,
                repetition_penalty=generation["repetition_penalty"],
                length_penalty=generation["length_penalty"],
            )
        return texts

    return describe
