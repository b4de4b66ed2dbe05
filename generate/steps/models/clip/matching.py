"""Which of several names a picture looks like: by CLIP and SigLIP, which see and read into one space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, on_pillow, torch_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

Map = Callable[..., list[Any]]  # a step's own `map`
MOST_TOKENS = 77


class Matching:
    def __init__(self, checkpoint: str, revision: str | None, dtype: str, device: str, prompt: str) -> None:
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        ports: Any = (AutoModel, AutoImageProcessor, AutoTokenizer)
        self.model: Any = load_pretrained(ports[0], checkpoint, device=device, dtype=dtype, revision=revision)
        self._images: Any = load_processor(ports[1], checkpoint, revision, **on_pillow())
        self._tokenizer: Any = load_processor(ports[2], checkpoint, revision)
        self._device, self._dtype, self._prompt = device, torch_dtype(dtype), prompt
        self._known: dict[str, NDArray[np.float32]] = {}  # few different names in a run, each met many times
        text = getattr(self.model.config, "text_config", self.model.config)
        self._longest = min(MOST_TOKENS, int(getattr(text, "max_position_embeddings", MOST_TOKENS)))

    @property
    def several(self) -> bool:
        """Whether a picture may be several things: a score says then yes or no to each name, not which one it is."""
        return hasattr(self.model, "logit_bias")

    def ready(self, image: Image) -> Tensor:
        """A picture as the network wants it."""
        pixels: Tensor = self._images(images=image.convert("RGB"), return_tensors="pt")["pixel_values"][0]
        return pixels

    def seen(self, pixels: Sequence[Tensor]) -> list[NDArray[np.float32]]:
        """What each picture is in the space."""
        import torch

        with torch.inference_mode():
            answer = self.model.get_image_features(pixel_values=torch.stack(list(pixels)).to(self._device, self._dtype))
        return _vectors(answer)

    def read(self, names: Sequence[str], mapped: Map) -> NDArray[np.float32]:
        """What each name is in the space, a row for each."""
        import numpy as np

        new = [name for name in dict.fromkeys(names) if name not in self._known]
        texts = [self._prompt.replace("{label}", name) for name in new]
        self._known.update(zip(new, mapped(self._read, texts), strict=True))
        return np.stack([self._known[name] for name in names])

    def scores(self, picture: NDArray[np.float32], names: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each name, from 0 to 1."""
        import numpy as np

        scale = float(np.exp(self.model.logit_scale.item()))
        logits = (names.astype(np.float64) @ picture.astype(np.float64)) * scale
        if self.several:
            return np.asarray(1 / (1 + np.exp(-(logits + self.model.logit_bias.item()))), dtype=np.float32)
        chances = np.exp(logits - logits.max())
        return np.asarray(chances / chances.sum(), dtype=np.float32)

    def _read(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        import torch

        # Padded to one length, as SigLIP was trained; CLIP looks only backwards from a text's end.
        tokens = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._longest, return_tensors="pt"
        )
        given = {name: tokens[name].to(self._device) for name in ("input_ids", "attention_mask") if name in tokens}
        with torch.inference_mode():
            return _vectors(self.model.get_text_features(**given))


def _vectors(answer: Any) -> list[NDArray[np.float32]]:
    """Of length 1. transformers 5 answers in full, 4 with the vectors alone."""
    import torch

    found = getattr(answer, "pooler_output", answer).float()
    return list(torch.nn.functional.normalize(found, dim=-1).cpu().numpy())
