"""Users' own generators: from a text to another text, to an image, or to a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.record import Clip, MadeImage, Record
from labelyard.generate.settings import setting, transient
from labelyard.generate.steps.dataflow.own_class import OwnClass, TextOfOwnClass
from labelyard.generate.steps.dataflow.places import Places


@dataclass(kw_only=True)
class TextGenerator(TextOfOwnClass):
    reads = ("caption",)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        return [record.caption for record in records]


@dataclass(kw_only=True)
class ImageGenerator(OwnClass):
    reads = ("caption",)

    batch_size: int = transient(1, least=1, most=1_000_000)

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"images.{self.name}",)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        return [record.caption for record in records]

    def wrong(self, answer: Any) -> str | None:
        from PIL.Image import Image

        return None if isinstance(answer, Image) else f"{type(answer).__name__}, and an image (of PIL) belongs there"

    def take(self, record: Record, answer: Any) -> None:
        kept = answer if answer.mode in ("RGB", "L", "RGBA") else answer.convert("RGB")
        record.images[self.name] = MadeImage(kept, {"prompt": record.caption})


@dataclass(kw_only=True)
class VideoGenerator(OwnClass):
    """The class gets rows: their columns, with `text` and, where there is one, `image_path`."""

    batch_size: int = transient(1, least=1, most=1_000_000)
    with_image: bool = False  # it begins at the row's image
    fps: float = setting(10.0, above=0, most=1000)  # of frames that come back

    @property
    def reads(self) -> tuple[str, ...]:
        return ("caption", "image") if self.with_image else ("caption",)

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"clips.{self.name}",)

    def given_to(self, records: Sequence[Record]) -> list[Any]:
        self._places = Places(self.root)
        return [self._row(record) for record in records]

    def _row(self, record: Record) -> dict[str, Any]:
        row = {**record.item.given, "text": record.caption, "dataflow_text": record.caption}
        if record.has_image:
            row |= dict.fromkeys(("image_path", "dataflow_image"), self._places.image(record))
        return row

    def wrong(self, answer: Any) -> str | None:
        if isinstance(answer, str | Path):
            return None if Path(answer).is_file() else f"{answer!r:.80}, which is no file"
        return None if hasattr(answer, "__len__") and len(answer) else f"{type(answer).__name__}, not frames or a file"

    def take(self, record: Record, answer: Any) -> None:
        if isinstance(answer, str | Path):
            path = Path(answer)
            record.clips[self.name] = Clip(data=path.read_bytes(), ending=path.suffix.lstrip(".").lower() or "mp4")
            return
        from labelyard.generate.media.video_writing import encoded_video
        from labelyard.generate.steps.models.diffusers.frames import films

        (frames,) = films([answer])
        meta = {"prompt": record.caption, "fps": self.fps, "frames": len(frames)}
        record.clips[self.name] = Clip(data=encoded_video(frames, self.fps), meta=meta)
