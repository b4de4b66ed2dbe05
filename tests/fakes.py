"""Steps without models, for tests of what lies around the models. What they find depends on the pixels alone."""

from __future__ import annotations

import hashlib
import importlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.record import Aside, Clip, Instance, MadeImage, Phrase, Record, Tag, Text
from labelyard.generate.step import Checkpoint, Step, transient
from labelyard.generate.steps.ground.asking import Asking
from labelyard.utils import rle


def numbers(record: Record) -> bytes:
    """Sixteen numbers that stand for the picture."""
    return hashlib.blake2b(record.image.tobytes(), digest_size=16).digest()


@dataclass(kw_only=True)
class FakeTags(Step):
    reads = ("image",)
    writes = ("tags",)

    count: int = 2

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.tags = [Tag(f"thing {n % 7}", n / 255) for n in numbers(record)[: self.count]]


@dataclass(kw_only=True)
class SaidTags(Step):
    """The same tags for every picture."""

    reads = ("image",)
    writes = ("tags",)

    words: list[str]

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.tags = [Tag(word, 0.5) for word in self.words]


@dataclass(kw_only=True)
class KnownPlaces(Asking):
    """A detector that knows where each thing is: by its prompt x1, y1, x2, y2 and score."""

    writes = ("instances",)

    checkpoint: str = "none"
    places: dict[str, list[float]]

    def load(self) -> None:
        pass

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return ()

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.instances = [
                Instance((x1, y1, x2, y2), score, one.name)
                for one in self.asked(record)
                if one.prompt in self.places
                for x1, y1, x2, y2, score in [self.places[one.prompt]]
            ]


@dataclass(kw_only=True)
class FakeBoxes(Step):
    """From none to three boxes."""

    reads = ("image", "tags")
    writes = ("instances",)

    box_threshold: float = 0.25

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            found = numbers(record)
            record.instances = [
                Instance(
                    box=(n / 512 * record.width, n / 600 * record.height, 0.9 * record.width, 0.8 * record.height),
                    score=n / 255,
                    label=record.tags[n % len(record.tags)].name,
                )
                for n in found[: found[15] % 4]
                if n / 255 > self.box_threshold
            ]


@dataclass(kw_only=True)
class FakeMasks(Step):
    """The box itself, without its corners."""

    reads = ("image", "instances")
    writes = ("instances.mask",)

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np

        for record in records:
            rows, columns = np.mgrid[: record.height, : record.width] + 0.5
            for instance in record.instances:
                left, top, right, bottom = instance.box
                x = (columns - (left + right) / 2) / (right - left) * 2
                y = (rows - (top + bottom) / 2) / (bottom - top) * 2
                instance.mask = rle.encode(x * x + y * y <= 1)


@dataclass(kw_only=True)
class FakeCaptions(Step):
    reads = ("image", "instances")
    writes = ("instances.caption",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            for instance in record.instances:
                instance.caption = f"a {instance.label} in a picture"
                instance.caption_source = "template"


@dataclass(kw_only=True)
class FakeEmbeddings(Step):
    reads = ("instances.caption",)
    writes = ("instances.label_embedding", "instances.caption_embedding")

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np

        def vector(text: str) -> np.ndarray:
            seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")
            return np.random.default_rng(seed).standard_normal((1, 768)).astype(np.float32)

        for record in records:
            for instance in record.instances:
                instance.label_embedding = vector(instance.label)
                if instance.caption is not None:
                    instance.caption_embedding = vector(instance.caption)


@dataclass(kw_only=True)
class Trouble(Step):
    """Does nothing, or whatever a test asks for, to the images whose location contains a given text."""

    reads = ("image",)

    seconds: float = transient(0.0)  # of work for every image
    until: str = transient("")  # a file that each of this process's images waits for, the first `after` excepted
    after: int = transient(0)
    abort: str = transient("")  # the process ends as by a crash in C
    leave: str = transient("")  # a C library ends the process, with a code that workers use themselves
    fail: str = transient("")  # an ordinary exception
    reject: str = transient("")  # an ItemError
    break_gpu: str = transient("")  # as CUDA does: from then on every call of this process fails
    fits: int = transient(0)  # images at a time that the "GPU" has memory for
    quote_variable: str = transient("")  # of the environment, which the first item's exception quotes
    setup_fails: bool = transient(False)
    needs: str = transient("")  # a library that a node may lack

    def setup(self, device: str) -> None:
        if self.needs:
            importlib.import_module(self.needs)
        if self.setup_fails:
            raise FatalError("trouble.setup_fails=true: as asked; say trouble.setup_fails=false")

    def __call__(self, records: Sequence[Record]) -> None:
        if self.fits and len(records) > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if self.quote_variable and any(record.item.index == 0 for record in records):
            raise RuntimeError(f"401 for key {os.environ[self.quote_variable]}")
        for record in records:
            self._seen = getattr(self, "_seen", 0) + 1
            while self.until and self._seen > self.after and not os.path.exists(self.until):
                time.sleep(0.01)
            time.sleep(self.seconds)
            name = record.item.image
            if self.abort and self.abort in name:
                os.abort()
            if self.leave and self.leave in name:
                os._exit(1)
            self._broken = getattr(self, "_broken", False) or bool(self.break_gpu and self.break_gpu in name)
            if self._broken:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            if self.fail and self.fail in name:
                raise RuntimeError(f"no way to handle {name}")
            if self.reject and self.reject in name:
                raise ItemError("rejected, as asked", record.item.id)


@dataclass(kw_only=True)
class FakeEdges(Step):
    """An image beside the record: the picture's differences to its right neighbour."""

    reads = ("image",)
    writes = ("images.edges",)

    def __call__(self, records: Sequence[Record]) -> None:
        from PIL import ImageChops

        for record in records:
            grey = record.image.convert("L")
            record.images["edges"] = MadeImage(ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)))


@dataclass(kw_only=True)
class FakeFilm(Step):
    """A file beside the record that is called a video. Nobody looks into it."""

    reads = ("image",)
    writes = ("clips.film",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.clips["film"] = Clip(data=b"film of " + numbers(record), meta={"fps": 10})


@dataclass(kw_only=True)
class FakeRewrite(Step):
    """Looks at no picture."""

    reads = ("caption",)
    writes = ("texts.rewrite",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.texts["rewrite"] = Text(record.caption[::-1], "template")


@dataclass(kw_only=True)
class FakeTexts(Step):
    """A sentence that names every instance, a finding about the picture, and the tags once more, aside."""

    reads = ("tags", "instances")
    writes = ("texts.said", "found.said", "aside.said")

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            words, phrases = "here:", []
            for number, instance in enumerate(record.instances):
                phrases.append(Phrase(len(words) + 1, len(words) + 1 + len(instance.label), (number,)))
                words += f" {instance.label}"
            record.texts["said"] = Text(words, "template", tuple(phrases))
            record.found["said"] = {"instances": len(record.instances)}
            record.aside["said"] = Aside(tags=list(record.tags))


@dataclass(kw_only=True)
class NamedThings(Step):
    """A text that names every instance in its place."""

    reads = ("instances",)
    writes = ("texts.told",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            words, phrases = "", []
            for number, instance in enumerate(record.instances):
                start = len(words) + (2 if words else 0)
                words += f"{', ' if words else ''}a {instance.label}"
                phrases.append(Phrase(start, len(words), (number,)))
            record.texts["told"] = Text(words, "template", tuple(phrases))


@dataclass(kw_only=True)
class FakeWatch(Step):
    """What a video shows, in three of its frames."""

    reads = ("video",)
    writes = ("found.watched",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            frames = record.video.frames(3)
            record.found["watched"] = [hashlib.blake2b(frame.tobytes(), digest_size=8).hexdigest() for frame in frames]
