"""`degrade=visualcloze`: the 32 degradations that VisualCloze restores photos from, as pictures of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from labelyard.generate.compute.threads import each
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.generate.steps.degrade.own import frosted, miscoloured, mosaic, scratched, textures, turned
from labelyard.generate.steps.degrade.transforms import MILD, WEAKER, transform
from labelyard.generate.steps.tools.packaged import missing
from labelyard.utils.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8]

FROST = "Frost"
OWN: dict[str, Callable[[Pixels, Random], Pixels]] = {
    "mosaic": lambda pixels, draw: mosaic(pixels),
    "Inpainting": scratched,
    "ColorDistortion": miscoloured,
}
TURNS = {"rotate90": 1, "rotate180": 2, "rotate270": 3}
# In the order of VisualCloze's list. Draws go by the place in it: new names come at its end.
NAMES = (
    "blur", "compression", "SRx2", "SRx4", "pixelate", "Defocus", "GaussianBlur", "oversharpen", "GaussianNoise",
    "PoissonNoise", "SPNoise", "mosaic", "contrast_strengthen", "contrast_weaken", "quantization", "JPEG", "brighten",
    "darken", "LowLight", "saturate_strengthen", "saturate_weaken", "gray", "ColorDistortion", "Inpainting",
    *TURNS, "Barrel", "Pincushion", "Elastic", "Rain", FROST,
)  # fmt: skip


@dataclass(kw_only=True)
class VisualCloze(Step):
    """`images.deg_NAME` for each name. Equal to VisualCloze's in name and strength, not in pixels: its own code makes
    them anew each time that it loads a photo, and needs no files of them."""

    reads: ClassVar[tuple[str, ...]] = ("image",)

    # of VisualCloze's 32; null: all, Frost only with a frost_folder
    names: Optional[list[str]] = None  # noqa: UP045  (OmegaConf reads it on Python 3.10 too)
    seed: int = 0  # another one makes other draws
    least_severity: int = setting(1, least=1, most=5)  # of those that come in five
    most_severity: int = setting(5, least=1, most=5)  # likewise
    # with pictures of ice, for Frost
    frost_folder: Optional[str] = None  # noqa: UP045  (likewise)
    keep_given: bool = False  # a record that has all of these pictures already is passed by
    ending: str = setting("png", words=("png", "jpg"))  # of the pictures' files

    def __post_init__(self) -> None:
        for name in self.names or ():
            if name not in NAMES:
                likely = nearest(name, NAMES)
                hint = f" Did you mean {likely}?" if likely else ""
                raise UserError(f"names: there is no degradation '{name}'.{hint} There are {', '.join(NAMES)}")
        if self.least_severity > self.most_severity:
            raise UserError(f"least_severity={self.least_severity} is more than most_severity={self.most_severity}")
        if self.frost_folder is None and FROST in (self.names or ()):
            raise UserError("frost_folder=null: give a folder with pictures of ice, or leave Frost out of names")
        if self.frost_folder is not None and not (Path(self.frost_folder).is_dir() and textures(self.frost_folder)):
            raise UserError(f"frost_folder={self.frost_folder}: no folder with pictures")

    @property
    def chosen(self) -> tuple[str, ...]:
        return tuple(self.names or (name for name in NAMES if name != FROST or self.frost_folder is not None))

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(f"images.deg_{name}" for name in self.chosen)

    @property
    def lazy(self) -> bool:
        return self.keep_given

    def has_work_for(self, record: Record) -> bool:
        return not self.keep_given or any(f"deg_{name}" not in record.images for name in self.chosen)

    def setup(self, device: str) -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the internet for a newer one else
        try:
            import albumentations
        except ImportError as error:
            raise missing("albumentations", error, "run: pip install -e '.[degrade]'") from error
        self._version = albumentations.__version__

    def __call__(self, records: Sequence[Record]) -> None:
        wanted = [(record, name) for record in records for name in self.chosen]
        made = each(lambda one: self._degraded(*one), wanted)
        for (record, name), image in zip(wanted, made, strict=True):
            record.images[f"deg_{name}"] = image

    def _degraded(self, record: Record, name: str) -> MadeImage:
        import numpy as np
        from PIL import Image as Pillow

        seed = seed_of(record.item.id, self.name, NAMES.index(name), self.seed)
        draw = Random(seed)
        most = min(self.most_severity, WEAKER) if name in MILD else self.most_severity
        severity = draw.randint(min(self.least_severity, most), most)
        pixels = self._pixels(np.asarray(record.image), name, severity, draw)
        image: Image = Pillow.fromarray(pixels)
        meta = {"degradation": name, "severity": severity, "seed": seed}
        return MadeImage(image, meta, ending=self.ending)

    def _pixels(self, pixels: Pixels, name: str, severity: int, draw: Random) -> Pixels:
        if name in TURNS:
            return turned(pixels, TURNS[name])
        if name in OWN:
            return OWN[name](pixels, draw)
        if name == FROST:
            assert self.frost_folder is not None
            return frosted(pixels, draw, self.frost_folder)
        import albumentations

        one = transform(name, severity, draw, min(pixels.shape[:2]))
        found: Pixels = albumentations.Compose([one], seed=draw.getrandbits(32))(image=pixels)["image"]
        return found

    def model(self) -> dict[str, Any]:
        return {"name": "albumentations", "checkpoint": None, "version": self._version}
