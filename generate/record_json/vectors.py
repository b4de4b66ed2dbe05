"""Embeddings as text: float32, little-endian, base64. The trainer takes nothing else."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def encode_embedding(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def decode_embedding(text: str | None) -> NDArray[np.float32] | None:
    if text is None:
        return None
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4").reshape(1, -1).astype(np.float32)
