"""The frames of a film, in whichever form its pipeline gives them: as arrays of height x width x 3 bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def films(found: Any) -> list[list[NDArray[np.uint8]]]:
    """Of each prompt its frames. A pipeline answers with a list of lists of pictures, an array or a tensor of films,
    or with a list of such; numbers are from 0 to 1, or bytes."""
    return [_frames(film) for film in found]


def _frames(film: Any) -> list[NDArray[np.uint8]]:
    import numpy as np

    if hasattr(film, "detach"):  # a tensor: frames x channels x height x width
        film = film.detach().float().cpu().numpy()
    return [_bytes(np.asarray(frame.convert("RGB") if hasattr(frame, "convert") else frame)) for frame in film]


def _bytes(frame: NDArray[Any]) -> NDArray[np.uint8]:
    import numpy as np

    if frame.ndim == 2:
        frame = frame[..., None]
    if frame.shape[-1] not in (1, 3, 4) and frame.shape[0] in (1, 3, 4):  # channels first
        frame = frame.transpose(1, 2, 0)
    if frame.dtype != np.uint8:
        frame = (np.nan_to_num(frame.astype(np.float32)).clip(0, 1) * 255).round().astype(np.uint8)
    frame = frame.repeat(3, axis=-1) if frame.shape[-1] == 1 else frame[..., :3]
    return np.ascontiguousarray(frame)
