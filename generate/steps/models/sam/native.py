"""SAM and SAM-HQ by their authors' own packages: `backend=native`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.weights import kind, read_state_dict
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SIZES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}  # by the encoder's width
WIDTH = "image_encoder.patch_embed.proj.bias"


class NativeMasker:
    def __init__(self, location: str, revision: str | None, hq: bool, device: str) -> None:
        package = _imported("segment_anything_hq" if hq else "segment_anything")
        if kind(location) != "file":
            raise FatalError(f"{location}: backend=native reads the authors' file, sam_vit_h_4b8939.pth or its like")
        weights = read_state_dict(str(find_checkpoint(location, revision)))
        size = SIZES.get(len(weights[WIDTH])) if WIDTH in weights else None
        if size is None:
            raise FatalError(f"{location}: not SAM's ViT-B, -L or -H; use backend=port")
        network = package.sam_model_registry[size](checkpoint=None)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            reason = one_line(str(error), 160)
            raise FatalError(f"{location}: not a checkpoint of {package.__name__}'s {size} ({reason})") from error
        self._hq = hq
        self._network = network.eval().to(device)
        self.encoder = self._network.image_encoder
        self._transform = package.SamPredictor(self._network).transform

    def pixels(self, image: Image) -> Tensor:
        import numpy as np
        import torch

        scaled = torch.from_numpy(self._transform.apply_image(np.array(image))).permute(2, 0, 1)
        framed: Tensor = self._network.preprocess(scaled.to(self._network.device))
        return framed

    def encode(self, pixels: Tensor) -> list[Any]:
        encoded = self._network.image_encoder(pixels)
        if not self._hq:
            return [{"image_embeddings": encoded[i : i + 1]} for i in range(len(pixels))]
        embeddings, layers = encoded
        return [
            {
                "image_embeddings": embeddings[i : i + 1],
                "interm_embeddings": [layer[i : i + 1] for layer in layers],
                "hq_token_only": False,
            }
            for i in range(len(pixels))
        ]

    def decode(self, encoded: Any, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        scaled = self._transform.apply_boxes_torch(boxes, size[::-1])
        sparse, dense = self._network.prompt_encoder(points=None, boxes=scaled, masks=None)
        logits, _ = self._network.mask_decoder(
            image_pe=self._network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            **encoded,
        )
        single: Tensor = logits[:, 0]
        return single

    def restore(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = size[::-1]
        inside = self._transform.get_preprocess_shape(height, width, self._transform.target_length)
        restored: Tensor = self._network.postprocess_masks(logits[None], inside, (height, width))[0]
        return restored


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise FatalError(
            f"backend=native: {name} can't be imported ({reason}); pip install -e '.[native]', or use backend=port"
        ) from error
