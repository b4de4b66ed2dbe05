"""Videos, by PyAV: looked through when an item is loaded, their frames decoded when a step asks for them.

A video stays where it lies; in memory are the frames that were asked for, and no others.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from labelyard.generate.errors import FatalError, ItemError, PassingError
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

Result = TypeVar("Result")
# Nothing that names other files, or a network.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,avi,mpeg,mpegts,flv,asf"
LACKING = "videos need the package av. Try: pip install -e '.[video]'"
SHORT = 0.1  # seconds that may be missing at the end of a whole video


@dataclass(frozen=True)
class Part:
    """A file, or so many bytes of a larger one."""

    path: Path
    offset: int = 0
    size: int | None = None
    file: IO[bytes] | None = field(default=None, compare=False)  # which it is, where it has no name (it was fetched)
    name: str = ""  # by which people know it, if not by its path

    def __str__(self) -> str:
        return self.name or str(self.path)

    def open(self) -> int:
        """A descriptor, the caller's own."""
        if self.file is not None:
            return os.dup(self.file.fileno())
        return os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


@dataclass(frozen=True)
class Limits:
    pixels: int
    seconds: float


@dataclass(frozen=True)
class Video:
    """`facts` says what it is; `frames` shows it, turned upright."""

    part: Part
    item_id: str
    count: int  # packets of pictures: a few may be there for others' sake, and never be shown
    facts: Mapping[str, Any] = field(default_factory=dict)
    patience: float = 120.0  # seconds

    @property
    def seconds(self) -> float:
        return float(self.facts["seconds"])

    def frames(
        self, count: int | None = None, *, per_second: float | None = None, most: int | None = None
    ) -> list[Image]:
        """`count` of them, as many frames apart from the first to the last (all, if there are fewer); or so many
        `per_second`, of a long one fewer, so that there are at most `most`."""
        if (count is None) == (per_second is None):
            raise TypeError("give count or per_second")
        if count is not None:
            return _within(self.patience, lambda: self._by_number(spread(self.count, count)), self.part)
        assert per_second is not None
        apart = max(1 / per_second, self.seconds / most if most else 0.0)
        return _within(self.patience, lambda: self._by_time(apart, most), self.part)

    def _by_number(self, wanted: Sequence[int]) -> list[Image]:
        found, there = self._picked(set(wanted))
        if len(found) < len(wanted):  # some packets are never shown: now it is known how many are
            if there == 0:
                raise ItemError(f"no frame can be decoded: {self.part}", self.item_id)
            found, _ = self._picked(set(spread(there, len(wanted))))
        return found

    def _picked(self, wanted: set[int]) -> tuple[list[Image], int]:
        found: list[Image] = []
        number = 0
        for number, frame in enumerate(self._decoded(), 1):
            if number - 1 in wanted:
                found.append(upright(frame))
                if len(found) == len(wanted):
                    break
        return found, number

    def _by_time(self, apart: float, most: int | None) -> list[Image]:
        found: list[Image] = []
        first: float | None = None
        for frame in self._decoded():
            time = float(frame.time or 0.0)
            first = time if first is None else first
            if time - first >= len(found) * apart - 1e-6:
                found.append(upright(frame))
                if len(found) == most:
                    break
        if not found:
            raise ItemError(f"no frame can be decoded: {self.part}", self.item_id)
        return found

    def _decoded(self) -> Iterator[VideoFrame]:
        with opened(self.part, self.item_id) as (container, stream):
            yield from container.decode(stream)


def check_installed() -> None:
    """Before anything is written."""
    if find_spec("av") is None:
        raise UserError(LACKING)


def spread(there: int, count: int) -> list[int]:
    """Numbers from the first to the last, as far apart from each other as there are enough of them."""
    count = min(there, count)
    return [0] if count == 1 else [n * (there - 1) // (count - 1) for n in range(count)]


def look_through(part: Part, limits: Limits, patience: float, item_id: str) -> Video:
    """Read it to its end, decoding the first frame alone: what is cut off or too large is seen now."""
    count, end, shown = 0, 0.0, None
    with opened(part, item_id) as (container, stream):
        _check_size(stream.codec_context.width, stream.codec_context.height, limits, part, item_id)
        told = None if container.duration is None else container.duration / 1_000_000
        _check_length(told or 0.0, limits, part, item_id)
        start = (container.start_time or 0) / 1_000_000
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - start)
                _check_length(end, limits, part, item_id)
            if packet.stream.index != stream.index:
                continue
            if packet.size:
                count += not packet.is_discard
            if shown is None:
                shown = next(iter(stream.codec_context.decode(packet if packet.size else None)), None)
        fps, known = stream.average_rate, stream.frames
        kind, codec = container.format.name, stream.codec_context.name
    if shown is None:
        raise ItemError(f"no frame can be decoded: {part}", item_id)
    exact = told if "matroska" in kind else None  # others say their frames, or guess their length
    if count < known or (exact is not None and end < exact - SHORT):
        of = f"{count} of {known} frames" if count < known else f"{end:.1f} of {exact:.1f} s"
        raise ItemError(f"cut off: {of} are there: {part}", item_id)
    first = upright(shown)
    _check_size(first.width, first.height, limits, part, item_id)
    turned = {"rotation": shown.rotation} if shown.rotation else {}
    facts = {
        "format": kind.partition(",")[0],
        "codec": codec,
        "width": first.width,
        "height": first.height,
        "seconds": round(end, 3),
        "frames": count,
        "fps": round(float(fps), 3) if fps else None,
        **turned,
    }
    return Video(part, item_id, count, facts, patience)


def _check_size(width: int, height: int, limits: Limits, part: Part, item_id: str) -> None:
    if width * height > limits.pixels:
        raise ItemError(
            f"too large: frames of {width}x{height}, more than load.max_pixels={limits.pixels}: {part}", item_id
        )


def _check_length(seconds: float, limits: Limits, part: Part, item_id: str) -> None:
    if seconds > limits.seconds:
        raise ItemError(f"too long: {seconds:.0f} s, more than load.max_seconds={limits.seconds:g}: {part}", item_id)


def upright(frame: VideoFrame) -> Image:
    """As a player shows it. The rotation is counted against the clock."""
    from PIL.Image import Transpose

    image: Image = frame.to_image()
    turns = {90: Transpose.ROTATE_90, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_270}
    turn = turns.get(round(frame.rotation / 90) * 90 % 360)
    return image if turn is None else image.transpose(turn)


@contextmanager
def opened(part: Part, item_id: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video that is no cover picture."""
    try:
        import av
    except ImportError:
        raise FatalError(LACKING) from None
    file = _File(part)
    try:
        with av.open(file, options={"format_whitelist": FORMATS}) as container:
            streams = [s for s in container.streams.video if not _is_cover(s)]
            if not streams:
                raise ItemError(f"no video in it: {part}", item_id)
            yield container, streams[0]
    except av.FFmpegError as error:
        if isinstance(error, OSError) and not isinstance(error, ValueError):
            raise  # of the file system
        raise ItemError(f"not a video, or a damaged one: {error.strerror}: {part}", item_id) from None
    finally:
        file.close()


def _is_cover(stream: VideoStream) -> bool:
    return "attached_pic" in str(stream.disposition)


class _File:
    """What av reads from. By a descriptor, not by a name: FFmpeg takes many names for something else than a file."""

    def __init__(self, part: Part) -> None:
        self._descriptor = part.open()
        self._offset = part.offset
        self._size = os.fstat(self._descriptor).st_size if part.size is None else part.size
        self._at = 0

    def read(self, size: int) -> bytes:
        size = min(size, self._size - self._at)
        data = os.pread(self._descriptor, size, self._offset + self._at) if size > 0 else b""
        self._at += len(data)
        return data

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + to)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _within(seconds: float, call: Callable[[], Result], part: Part) -> Result:
    """In a thread of its own: a dead network mount answers no call, and whoever waited for it would wait for ever."""
    answer: Future[Result] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="video", daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TookTooLong as error:
        if answer.done():
            raise
        raise PassingError(f"no answer within {seconds:g} s: {part}") from error
