"""Frames become a file that shows them, the same bytes each time."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from labelyard.generate.media.video_writing import ENDINGS, encoded_video
from labelyard.generate.steps.models.diffusers.frames import films


def ramp(
    count: int = 6, height: int = 48, width: int = 64
) -> list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
    """Grey that brightens from frame to frame."""
    return [np.full((height, width, 3), 40 * n, np.uint8) for n in range(count)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_shows_the_frames(ending: str) -> None:
    file = encoded_video(ramp(), 10, ending)
    assert file == encoded_video(ramp(), 10, ending)
    with av.open(io.BytesIO(file)) as container:
        (stream,) = container.streams.video
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        rate = stream.average_rate
    assert rate is not None and float(rate) == 10
    assert [frame.shape for frame in shown] == [(48, 64, 3)] * 6
    assert [round(float(frame.mean()) / 40) for frame in shown] == [0, 1, 2, 3, 4, 5]


def test_an_odd_side_loses_a_row() -> None:
    with av.open(io.BytesIO(encoded_video(ramp(2, 33, 21), 10))) as container:
        (frame, _) = container.decode(video=0)
    assert (frame.width, frame.height) == (20, 32)
    with pytest.raises(ValueError, match="at least one frame"):
        encoded_video([], 10)


def test_frames_come_in_many_forms() -> None:
    import torch
    from PIL import Image

    numbers = np.stack(ramp(3)).astype(np.float32) / 255
    forms = [
        [[Image.fromarray(frame) for frame in ramp(3)]],
        numbers[None],
        [numbers],
        [ramp(3)],
        torch.from_numpy(numbers.transpose(0, 3, 1, 2))[None],
        [np.concatenate([numbers, numbers[..., :1]], axis=-1)],
        [numbers[..., :1]],
    ]
    for form in forms:
        (film,) = films(form)
        assert [frame.dtype for frame in film] == [np.uint8] * 3
        assert np.array_equal(np.stack(film), np.stack(ramp(3)))
