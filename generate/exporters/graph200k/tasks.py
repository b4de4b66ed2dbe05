"""The lists of images that VisualCloze is trained and tested on, by its groups of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TARGET, REFERENCE = "target", "reference"
INSTANT, REDUX = "InstantStyle", "ReduxStyle"
FOUND = ("canny", "depth", "hed", "normal", "mlsd", "openpose", "sam2_mask", "uniformer")  # that are predicted, too
MASKED = (*FOUND, "mask")
CONDITIONS = (*MASKED, "foreground", "background")
EDITS = ("DepthEdit", "FillEdit")
MOSAIC = "mosaic"
# Made of the target while it is loaded; of these there are no files.
DEGRADED = (
    "blur", "compression", "SRx2", "SRx4", "pixelate", "Defocus", "GaussianBlur", "oversharpen", "GaussianNoise",
    "PoissonNoise", "SPNoise", MOSAIC, "contrast_strengthen", "contrast_weaken", "quantization", "JPEG", "brighten",
    "darken", "LowLight", "saturate_strengthen", "saturate_weaken", "gray", "ColorDistortion", "Inpainting", "rotate90",
    "rotate180", "rotate270", "Barrel", "Pincushion", "Elastic", "Rain", "Frost",
)  # fmt: skip

Images = tuple[str, ...]  # the last one is what is asked for


@dataclass(frozen=True)
class Group:
    name: str
    lists: tuple[Images, ...]
    weight: float = 1


def _to(goal: str, images: Sequence[str], *before: str) -> Iterator[Images]:
    return ((*before, image, goal) for image in images)


STYLES = ((TARGET, INSTANT), (TARGET, REDUX), (REFERENCE, INSTANT))

TRAINING = (
    Group("conditional generation", (*_to(TARGET, CONDITIONS),)),
    Group("conditional generation with reference", (*_to(TARGET, (*MASKED, "background"), REFERENCE),)),
    Group("conditional generation with style", (*_to(INSTANT, MASKED), *_to(REDUX, MASKED))),
    Group("image generation with reference", ((REFERENCE, TARGET),)),
    Group("subject extraction", ((TARGET, REFERENCE),)),
    Group("style transfer", STYLES),
    Group("style transfer with condition", (*_to(INSTANT, MASKED, REFERENCE),)),
    Group("image editing", (*_to(TARGET, EDITS),)),
    Group("image editing with reference", (*_to(TARGET, EDITS, REFERENCE),)),
    Group("dense prediction", tuple((TARGET, image) for image in FOUND)),
    Group("restoration", (*_to(TARGET, DEGRADED),)),
    Group("restoration with reference", (*_to(TARGET, DEGRADED, REFERENCE),)),
)
TEST = (
    Group("conditional generation", (*_to(TARGET, CONDITIONS),)),
    Group("image generation with reference", ((REFERENCE, TARGET),)),
    Group("conditional generation with reference", (*_to(TARGET, ("depth", "openpose"), REFERENCE),)),
    Group("subject extraction", ((TARGET, REFERENCE),), 0.2),
    Group("dense prediction", ((TARGET, "depth"), (TARGET, "openpose"))),
    Group("restoration", (*_to(TARGET, ("GaussianBlur", "Inpainting", "rotate90", "Elastic")),)),
    Group("restoration with reference", (*_to(TARGET, ("Inpainting",), REFERENCE),)),
    Group("image editing with reference", (*_to(TARGET, EDITS, REFERENCE),)),
    Group("style transfer", STYLES),
    Group("style transfer with condition", (*_to(INSTANT, MASKED, REFERENCE),)),
    Group("subject extraction", ((TARGET, REFERENCE),)),
)
