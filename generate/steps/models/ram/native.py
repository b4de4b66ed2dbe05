"""RAM and RAM++ by their authors' own code, the package `ram`: backend=native.

The project's own network (models/ram.py) gives the same logits; this is for those who want the original.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from torch import Tensor

REMEDY = "it needs an environment of its own, see requirements/lavis.txt; or use backend=port"
SIZES = {128: "swin_b", 192: "swin_l"}  # width of the first stage -> the original's name
NOT_FOR_TAGS = ("tag_encoder.", "text_decoder.")
COMPUTED = ("relative_position_index", "attn_mask")


def load(
    option: str, state: dict[str, Tensor], device: str, text_encoder: str, image_size: int
) -> Callable[[Tensor], Tensor]:
    """images -> logits. The original answers with names only, so its last layer is listened to."""
    model = _construct(option, state, text_encoder, image_size)
    try:
        missing = model.load_state_dict(state, strict=False).missing_keys
    except RuntimeError as error:
        raise FatalError(f"the original {option} can't hold this checkpoint: {one_line(str(error))}") from error
    needed = [key for key in missing if not key.startswith(NOT_FOR_TAGS) and not key.endswith(COMPUTED)]
    if needed:
        raise FatalError(f"not a whole {option} checkpoint: {needed[0]} is missing; fetch it again")
    model = model.eval().to(device)
    heard: list[Any] = []
    model.fc.register_forward_hook(lambda layer, given, answer: heard.append(answer))

    def logits(images: Tensor) -> Tensor:
        heard.clear()
        model.generate_tag(images)
        answer: Tensor = heard[0]
        return answer.squeeze(-1)

    return logits


def _construct(option: str, state: dict[str, Tensor], text_encoder: str, image_size: int) -> Any:
    try:
        original = getattr(importlib.import_module("ram.models"), option)
    except ImportError as error:
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise FatalError(f"backend=native: `ram` can't be imported ({reason}); {REMEDY}") from error
    width = state["visual_encoder.patch_embed.proj.weight"].shape[0]
    if width not in SIZES:
        raise FatalError(f"the original {option} knows no Swin of width {width}; use backend=port")
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints every weight that it ties
            return original(image_size=image_size, vit=SIZES[width], text_encoder_type=text_encoder)
    except OSError as error:
        raise FatalError(
            f"text_encoder={text_encoder}: the original RAM wants this tokenizer "
            f"({one_line(str(error), 120)}); give a folder with bert-base-uncased's vocab.txt"
        ) from error
