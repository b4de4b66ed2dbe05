"""What a language model is asked, and what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Request:
    """The answer depends on nothing else, and so not on what is asked beside it."""

    text: str
    system: str = ""
    images: tuple[Image, ...] = ()
    seed: int = 0  # of the draw, where the answer is drawn: see generate/seeds.py
    item: str = ""  # whose it is, for what goes wrong
    schema: Mapping[str, Any] | None = None  # of the JSON that the answer has to be (structured.py)
    options: tuple[str, ...] = ()  # that the answer has to name one of
    # of each image the bytes of its file, where they are at hand and show exactly that: a server gets those
    files: tuple[bytes | None, ...] = ()
    frames: bool = False  # whether the images are those of a video, in order

    @property
    def has_form(self) -> bool:
        """Whether not every answer will do."""
        return self.schema is not None or bool(self.options)

    def digest(self) -> bytes:
        """What tells it from any other."""
        told = (self.item, self.system, self.text, self.seed, len(self.images), self.frames, self.schema, self.options)
        found = hashlib.blake2b(json.dumps(told, default=dict).encode(), digest_size=16)
        for image in self.images:
            found.update(b"%s %d %d;" % (image.mode.encode(), *image.size))
            found.update(image.tobytes())
        return found.digest()


@dataclass(frozen=True)
class Answer:
    text: str
    finish: str = "stop"  # or "length", where it was cut off at the most tokens that were allowed
    prompt_tokens: int = 0
    answer_tokens: int = 0
    value: Any = field(
        default=None, compare=False
    )  # what the text says as JSON, or which of the options, if that was asked for
