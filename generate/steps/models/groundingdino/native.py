"""GroundingDINO by its authors' own package: `backend=native`. It does not work with transformers 5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.weights import how_to_fetch, kind, read_state_dict
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from torch import Tensor

CONFIGS = {96: "GroundingDINO_SwinT_OGC.py", 128: "GroundingDINO_SwinB_cfg.py"}  # by the width of the first stage
FIRST = "backbone.0.patch_embed.proj.weight"


class NativeNetwork:
    limit = 256

    def __init__(self, location: str, revision: str | None, text_encoder: str, device: str) -> None:
        build, read_config, package = _imported()
        if kind(location) != "file":
            raise FatalError(f"{location}: backend=native reads the authors' file, groundingdino_swint_ogc.pth")
        weights = read_state_dict(str(find_checkpoint(location, revision)))
        width = weights[FIRST].shape[0] if FIRST in weights else None
        if width not in CONFIGS:
            raise FatalError(f"{location}: neither GroundingDINO's Swin-T nor its Swin-B; use backend=port")
        settings = read_config(str(package / "config" / CONFIGS[width]))
        settings.device, settings.text_encoder_type = device, _folder(text_encoder)
        network = build(settings)
        missing = network.load_state_dict(weights, strict=False).missing_keys
        needed = [name for name in missing if not name.startswith("bert.pooler.") and "position_ids" not in name]
        if needed:
            raise FatalError(
                f"{location}: not a whole GroundingDINO checkpoint: {needed[0]} is missing; fetch it again"
            )
        self._network = network.eval().to(device)
        self.tokenizer = network.tokenizer

    def __call__(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        from transformers import BatchEncoding

        # It tokenizes by itself; it is handed the tokens of the prompt instead, in which no tag gets lost.
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids.new_zeros(ids.shape)}
        self._network.tokenizer = lambda captions, **options: BatchEncoding(given)
        answer = self._network(pixels, captions=[""] * len(pixels))
        return answer["pred_logits"].sigmoid(), answer["pred_boxes"]


def _imported() -> tuple[Any, Any, Path]:
    try:
        import groundingdino
        from groundingdino.models import build_model
        from groundingdino.util.slconfig import SLConfig
    except ImportError as error:
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise FatalError(
            f"backend=native: groundingdino can't be imported ({reason}); "
            "pip install -e '.[native]', or use backend=port"
        ) from error
    return build_model, SLConfig.fromfile, Path(groundingdino.__file__).parent


def _folder(text_encoder: str) -> str:
    """The package takes a folder, or one id under its old name only."""
    if kind(text_encoder) != "hub":
        return text_encoder
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(text_encoder, allow_patterns=["*.json", "*.txt", "*.safetensors"])
    except Exception as error:  # whatever the network or the hub raises: the user's next step is the same
        raise FatalError(
            f"{text_encoder}: neither in the hub's cache here nor to be had now; {how_to_fetch()}"
        ) from error
