"""Tiny videos, whose frames show their numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

RATE = 10
CODECS = {"mp4": ("libx264", "yuv420p"), "webm": ("libvpx-vp9", "yuv420p"), "gif": ("gif", "rgb8")}


def shade(number: int) -> int:
    return 20 + 10 * number


def video(ending: str = "mp4", frames: int = 20, size: tuple[int, int] = (64, 48), quarter_turn: bool = False) -> bytes:
    """The frame `number` is of the grey `shade(number)`; its upper left quarter is white."""
    import av

    codec, pixels = CODECS[ending]
    with _written(ending) as (path, container):
        stream: Any = container.add_stream(codec, rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if ending != "gif":
            stream.options = {"crf": "10"}
        for number in range(frames):
            picture = Image.new("RGB", size, (shade(number),) * 3)
            picture.paste((255, 255, 255), (0, 0, size[0] // 2, size[1] // 2))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
        container.close()
        data = path.read_bytes()
    return turned(data) if quarter_turn else data


@contextmanager
def _written(ending: str) -> Iterator[tuple[Path, Any]]:
    """As most are: an mp4's index stands before its pictures, so that half a file is not nothing."""
    import av

    options = {"movflags": "faststart"} if ending == "mp4" else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{ending}")
        with av.open(str(path), "w", options=options) as container:
            yield path, container


def turned(mp4: bytes) -> bytes:
    """To be shown a quarter turn with the clock, as a phone held upright says it."""
    at = mp4.index(b"tkhd") + 4 + 4 + 4 + 4 + 4 + 4 + 4 + 8 + 2 + 2 + 2 + 2
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    return mp4[:at] + b"".join(n.to_bytes(4, "big", signed=True) for n in matrix) + mp4[at + 36 :]


def without_frames() -> bytes:
    """A whole file, with a track that holds nothing."""
    with _written("mp4") as (path, container):
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
        container.close()
        return path.read_bytes()


def sound() -> bytes:
    import av
    import numpy as np

    with _written("mp4") as (path, container):
        stream: Any = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.close()
        return path.read_bytes()
