"""Frames to a video file, in memory, by PyAV; the same frames give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.generate.media.video import LACKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Without macroblock trees: x264 computes them from memory that nobody has written on CPUs with AVX-512, and the same
# frames give other bytes each time.
H264 = {"crf": "18", "preset": "medium", "x264-params": "mbtree=0"}
# Codec, pixel format and options by the file's ending. One thread: their number, which a machine decides, is seen in
# what comes out.
CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp4": ("libx264", "yuv420p", H264),
    "mov": ("libx264", "yuv420p", H264),
    "webm": ("libvpx-vp9", "yuv420p", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4"}),
    "avi": ("mpeg4", "yuv420p", {"qscale": "3"}),
}
ENDINGS = (*CODECS, "gif")


def encoded_video(frames: Sequence[NDArray[np.uint8]], fps: float, ending: str = "mp4") -> bytes:
    """`frames`: height x width x 3, all of one size. An odd side loses its last row: the codecs can't have it."""
    if not frames:
        raise ValueError("a video has at least one frame")
    return _gif(frames, fps) if ending == "gif" else _by_av(frames, fps, ending)


def _by_av(frames: Sequence[NDArray[np.uint8]], fps: float, ending: str) -> bytes:
    try:
        import av
    except ImportError:
        raise FatalError(LACKING) from None
    import numpy as np

    codec, pixels, options = CODECS[ending]
    height, width = (side - side % 2 for side in frames[0].shape[:2])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=ending, options={"fflags": "+bitexact"}) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream: Any = container.add_stream(codec, rate=rate, options={**options, "flags": "+bitexact"})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.thread_count = 1
        for frame in frames:
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _gif(frames: Sequence[NDArray[np.uint8]], fps: float) -> bytes:
    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in frames)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0)
    return buffer.getvalue()
