"""A video that was made, in the format that its row asks for."""

from __future__ import annotations

from pathlib import Path


def convert_video(made: Path, target: Path, ending: str) -> None:
    """Decoded and encoded anew, every frame of it."""
    import numpy as np

    from labelyard.generate.media.video import Limits, Part, look_through
    from labelyard.generate.media.video_writing import encoded_video

    video = look_through(Part(made), Limits(10**9, 1e9), 3600.0, "")
    frames = [np.asarray(frame.convert("RGB")) for frame in video.frames(video.count)]
    target.write_bytes(encoded_video(frames, float(video.facts["fps"] or 10.0), ending.lstrip(".")))
