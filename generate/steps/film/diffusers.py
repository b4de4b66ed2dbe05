"""`film=diffusers` and its presets: a film of each text, or of a picture, by any pipeline of diffusers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Optional

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.media.video import LACKING as NO_AV
from labelyard.generate.media.video_writing import ENDINGS, encoded_video
from labelyard.generate.record import Clip, Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.diffusers.calls import refused
from labelyard.generate.steps.models.diffusers.frames import films
from labelyard.generate.steps.models.diffusers.sizes import covering
from labelyard.generate.steps.models.diffusers.step import DiffusersStep, Part, Refused, not_refused
from labelyard.generate.steps.tools.own_image import check_image, image_of
from labelyard.generate.steps.tools.own_text import check_text, text_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(frozen=True)
class Scene:
    """One film that is to be made."""

    item: str
    prompt: str
    seed: int
    image: Image | None = field(default=None, compare=False)


@dataclass(kw_only=True)
class DiffusersFilm(DiffusersStep):
    # what is filmed: caption, or texts.NAME; null: the picture alone
    text: Optional[str] = "caption"  # noqa: UP045
    # where it begins: image, or images.NAME; null: of the text alone
    image: Optional[str] = None  # noqa: UP045
    # pixels; null: the model's default
    width: Optional[int] = setting(None, least=16, most=16_384)  # noqa: UP045
    # pixels; null: the model's default
    height: Optional[int] = setting(None, least=16, most=16_384)  # noqa: UP045
    # null: the model's default
    frames: Optional[int] = setting(None, least=1, most=10_000)  # noqa: UP045
    fps: float = setting(10.0, above=0, most=1000)  # frames per second of the file
    repeats: int = setting(1, least=1, most=1000)  # films of an item: NAME, NAME_2, NAME_3, …
    format: str = setting("mp4", words=ENDINGS)  # of the file
    # a folder or hub's id of a MotionAdapter, for AnimateDiff
    motion_adapter: Optional[str] = None  # noqa: UP045

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.text is None and self.image is None:
            raise ValueError("text=null and image=null: give at least one of them; use text=caption")
        if self.text is not None:
            check_text(self.text)
        if self.image is not None:
            check_image(self.image)

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(name for name in (self.text, self.image) if name is not None)

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(f"clips.{name}" for name in self.names())

    def names(self) -> list[str]:
        name = self.name or "film"
        return [name if n == 1 else f"{name}_{n}" for n in range(1, self.repeats + 1)]

    def lacking(self) -> str | None:
        return super().lacking() or (None if find_spec("av") else NO_AV)

    def given(self) -> dict[str, Any]:
        adapter = Checkpoint(self.motion_adapter) if self.motion_adapter else None
        return super().given() | ({"motion_adapter": Part("MotionAdapter", adapter)} if adapter else {})

    def __call__(self, records: Sequence[Record]) -> None:
        scenes = [self._scenes(record) for record in records]
        made = iter(self.each_once(self._film, [scene for some in scenes for scene in some]))
        for record, some in zip(records, scenes, strict=True):
            clips = {}
            for name, scene in zip(self.names(), some, strict=True):
                frames = not_refused(next(made), record)
                meta: dict[str, Any] = {"fps": self.fps, "frames": len(frames), **_size(frames), "seed": scene.seed}
                meta |= {"prompt": scene.prompt} if self.text is not None else {}
                clips[name] = Clip(
                    data=encoded_video(frames, self.fps, self.format),
                    ending=self.format,
                    meta={**meta, **self.told()},
                )
            record.clips = {**record.clips, **clips}
        self.forget()

    def _scenes(self, record: Record) -> list[Scene]:
        prompt = text_of(record, self.text) if self.text is not None else ""
        image = image_of(record, self.image) if self.image is not None else None
        if image is not None and self.width is not None and self.height is not None:
            image = covering(image, (self.width, self.height))
        return [Scene(record.item.id, prompt, self.seed_for(record, number), image) for number in range(self.repeats)]

    def _film(self, scenes: Sequence[Scene]) -> list[list[NDArray[np.uint8]] | Refused]:
        """One by one: many of these pipelines take a single picture, and one film fills a GPU."""
        return [self._one(scene) for scene in scenes]

    def _one(self, scene: Scene) -> list[NDArray[np.uint8]] | Refused:
        given = {
            "prompt": scene.prompt if self.text is not None else None,
            "image": scene.image,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
        }
        found = self.answered([scene.seed], given)
        if refused(found, 1)[0]:
            return Refused()
        (frames,) = films(found.frames)
        if not frames or all(frame.min() == frame.max() for frame in frames):
            raise ItemError(
                "the pipeline gave frames of one colour; some (Allegro) do so where a film is smaller than a tile",
                scene.item,
            )
        size = _size(frames)
        for name, asked in (("width", self.width), ("height", self.height)):
            if asked is not None and asked != size[name]:
                raise FatalError(f"{name}={asked}: this pipeline makes {size[name]} of it; give a multiple of 16 or 32")
        return frames

    def model(self) -> dict[str, Any]:
        return super().model() | ({"motion_adapter": self.motion_adapter} if self.motion_adapter else {})


def _size(frames: Sequence[NDArray[np.uint8]]) -> dict[str, int]:
    return {"width": frames[0].shape[1], "height": frames[0].shape[0]}
