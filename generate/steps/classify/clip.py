"""`classify=clip`: what the things are whose boxes are there already, of a list of names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.clip.matching import Matching
from labelyard.generate.steps.tools.crops import area, cut

OWN = "instances"
LVIS = Path(__file__).with_name("lvis.txt")


@dataclass(frozen=True)
class Region:
    record: Record
    instance: Instance


@dataclass(kw_only=True)
class ClipClasses(ModelStep):
    """Each gets the name that it looks most like, and that name's score; what looks like none is left out."""

    writes: ClassVar[tuple[str, ...]] = ("instances",)

    checkpoint: str = "openai/clip-vit-large-patch14-336"  # a hub's id or a folder: CLIP, SigLIP, SigLIP 2
    of: str = "sa1b"  # whose boxes: what is kept aside under this name; instances: the record's own
    names: str | None = None  # a UTF-8 text with a name on each line; null: LVIS's 1203
    prompt: str = "a photo of a {label}"  # in which a name is read
    min_part: float = setting(0.01, least=0, most=1)  # of the image, that a box must be larger than
    score_threshold: float = setting(0.1, least=0, most=1)  # of the best name, which has to be better than that
    # crops at once on a GPU, of all images in flight; or auto
    batch_size: int | str = batch_of(32)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{label}" not in self.prompt:
            raise ValueError(f"prompt={self.prompt!r}: needs {{label}} where the name goes")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", OWN if self.of == OWN else f"aside.{self.of}")

    def load(self) -> None:
        self.loaded.names = read_names(self.names)
        self.loaded.matching = Matching(self.checkpoint, self.revision, self.dtype, self.device, self.prompt)
        self.loaded.read = self.loaded.matching.read(self.loaded.names, self.map)

    def __call__(self, records: Sequence[Record]) -> None:
        regions = [Region(record, one) for record in records for one in self._boxes(record)]
        matching: Matching = self.loaded.matching
        seen = self.map(matching.seen, regions, prepare=self._ready)
        found: dict[int, list[Instance]] = {id(record): [] for record in records}
        for region, picture in zip(regions, seen, strict=True):
            scores = matching.scores(picture, self.loaded.read)
            best = int(scores.argmax())
            if scores[best] > self.score_threshold:
                named = Instance(region.instance.box, float(scores[best]), self.loaded.names[best])
                found[id(region.record)].append(named)
        for record in records:
            record.instances = found[id(record)]

    def _ready(self, region: Region) -> Any:
        return self.loaded.matching.ready(cut(region.record.image, region.instance.box))

    def _boxes(self, record: Record) -> list[Instance]:
        aside = record.aside.get(self.of)
        there = record.instances if self.of == OWN else ((aside.instances or []) if aside else [])
        return [one for one in there if area(one.box) > self.min_part * record.width * record.height]

    def model(self) -> dict[str, Any]:
        names = "\n".join(getattr(self.loaded, "names", None) or read_names(self.names))
        digest = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
        return super().model() | {"name": "CLIP classes", "prompt": self.prompt, "names": digest}


def read_names(file: str | None) -> list[str]:
    """Each once."""
    path = LVIS if file is None else Path(file).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"names={file}: can't be read ({error}); give a UTF-8 text, one name a line") from None
    names = list(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")))
    if not names:
        raise FatalError(f"names={file}: there is no name in it; give a UTF-8 text, one name a line")
    return names
