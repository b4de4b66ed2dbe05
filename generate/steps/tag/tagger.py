"""What the steps `ram`, `ram_plus` and `tag2text` share: files in, tags above their thresholds out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record, Tag
from labelyard.generate.settings import LONGEST_SIDE, allowing, setting
from labelyard.generate.step import PublishedFile
from labelyard.generate.steps.tools.published import find_checkpoint, find_list
from labelyard.generate.steps.tools.torch_compile import check_compile, compile_in_place
from labelyard.generate.steps.tools.weights import read_state_dict, torch_dtype
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

BACKENDS = ("port", "native")
INTERPOLATIONS = ("bicubic", "bilinear")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
COMMIT = "7cb804a8609e9f4b1a50b7f31436d2df40bb9481"
DATA = f"https://raw.githubusercontent.com/xinyu1205/recognize-anything/{COMMIT}/ram/data/"
RAM_TAGS = PublishedFile(
    "ram_tag_list.txt",
    DATA + "ram_tag_list.txt",
    "5d96d2f7225527480ad773aaac76b6e5c08a18adf6eae9ca7d2ab923d5e7bd8b",
)
RAM_THRESHOLDS = PublishedFile(
    "ram_tag_list_threshold.txt",
    DATA + "ram_tag_list_threshold.txt",
    "b6f81d0de1bc7f9c251af512c413eae976c77dbfbadf700d4e3d90510f4c6447",
)
TAG2TEXT_TAGS = PublishedFile(
    "tag2text_ori_tag_list.txt",
    DATA + "tag2text_ori_tag_list.txt",
    "7d05c7cb88ed46a2aee1434776964f6bdbda0c0f4233c8633e109084382d3a45",
)


@dataclass(kw_only=True)
class Tagger(ModelStep):
    """Tags of the whole image, in the order of the tag list; the score is the sigmoid as computed.

    `threshold_list` is a file with one number for each tag; `threshold`, where it is given, is one for all.
    """

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("tags",)
    network: ClassVar[str] = "ram"  # as models/ram.py tells checkpoints apart
    published_tags: ClassVar[PublishedFile] = RAM_TAGS
    published_thresholds: ClassVar[PublishedFile | None] = RAM_THRESHOLDS

    checkpoint: str = "xinyu1205/recognize_anything_model/ram_swin_large_14m.pth"  # a file, here or at the hub
    backend: str = "port"  # port, or native: the authors' own package
    tag_list: str | None = None  # a file with a tag on each line; null: the published list
    threshold_list: str | None = None  # a file with a number on each line; null: the published list
    threshold: float | None = setting(None, least=0, most=1)  # one for all tags; null: the list's
    tag_thresholds: dict[str, float] = field(  # by name, over the others
        default_factory=dict, metadata=allowing(least=0, most=1)
    )
    skip_tags: list[str] = field(default_factory=list)  # tags that are never given
    descriptions: int = setting(1, least=1, most=100_000)  # label embeddings for each tag
    image_size: int = setting(384, least=1, most=LONGEST_SIDE)  # pixels of the square to which an image is resized
    interpolation: str = "bicubic"  # of that resizing: bicubic or bilinear
    compile: bool = False  # the picture's encoder by torch.compile: a minute at the start, other last digits
    text_encoder: str = "bert-base-uncased"  # the native backend builds a tokenizer that tagging never uses
    # images at once on a GPU; auto finds how many by its memory
    batch_size: int | str = batch_of(16)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("backend", self.backend, BACKENDS)
        _check("interpolation", self.interpolation, INTERPOLATIONS)
        if self.backend == "native" and self.dtype != "float32":
            raise ValueError(f"dtype={self.dtype!r}: backend=native computes in float32 only")
        check_compile(self.compile, self.backend)
        if self.threshold is not None and self.threshold_list is not None:
            raise ValueError("give either threshold, one number for all tags, or threshold_list, not both")

    def lists(self) -> tuple[PublishedFile, ...]:
        tags = () if self.tag_list else (self.published_tags,)
        by_list = self.threshold is None and self.threshold_list is None
        return (*tags, self.published_thresholds) if by_list and self.published_thresholds else tags

    def load(self) -> None:
        from labelyard.generate.steps.models.ram import network as ram

        path = find_checkpoint(self.checkpoint, self.revision)
        state = ram.published_names(read_state_dict(str(path)))
        self._check_network(ram.which(state))
        self.loaded.tags = read_lines(find_list(self.published_tags, self.tag_list, path, "tag_list"))
        self._check_tag_count(ram, state)
        self.loaded.thresholds = self._read_thresholds(path)
        self._check_names()
        unit = ram.smallest_image(state)
        if self.image_size % unit:
            raise FatalError(f"image_size={self.image_size}: this checkpoint needs a multiple of {unit}")
        self.loaded.dtype = torch_dtype(self.dtype)
        self.loaded.logits = self._network(state)

    def __call__(self, records: Sequence[Record]) -> None:
        for record, tags in zip(records, self.map(self._tag, records, prepare=self._pixels), strict=True):
            record.tags = tags

    def model(self) -> dict[str, Any]:
        made: dict[str, Any] = {"name": self.network, "checkpoint": self.checkpoint, "backend": self.backend}
        if self.revision is not None:
            made["revision"] = self.revision
        made |= {"image_size": self.image_size, "dtype": self.dtype}
        return made | ({"compile": True} if self.compile else {})

    def _network(self, state: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
        if self.backend == "native":
            from labelyard.generate.steps.models.ram import native as ram_native

            return ram_native.load(self.network, state, self.device, self.text_encoder, self.image_size)
        from labelyard.generate.steps.models.ram import network as ram

        try:
            network = ram.build(state, self.descriptions).to(self.device, self.loaded.dtype)
        except (KeyError, RuntimeError) as error:
            raise FatalError(
                f"{self.checkpoint}: not a whole {self.network} checkpoint: {one_line(str(error))}; "
                "fetch it again, or give another"
            ) from error
        if self.compile:
            compile_in_place(network.visual_encoder)
        return network

    def _pixels(self, record: Record) -> Tensor:
        return as_tensor(record.image, self.image_size, self.interpolation)

    def _tag(self, images: Sequence[Tensor]) -> list[list[Tag]]:
        import torch

        with torch.inference_mode():
            logits = self.loaded.logits(torch.stack(list(images)).to(self.device, self.loaded.dtype))
        return [self._name(scores) for scores in logits.float().sigmoid().cpu().tolist()]

    def _name(self, scores: Sequence[float]) -> list[Tag]:
        """A name that stands in the list twice (two senses of a word) is one tag, with the better score."""
        found: dict[str, float] = {}
        for name, score, threshold in zip(self.loaded.tags, scores, self.loaded.thresholds, strict=True):
            if score > threshold and name not in self.skip_tags:
                found[name] = max(score, found.get(name, score))
        return [Tag(name, score) for name, score in found.items()]

    def _check_network(self, found: str | None) -> None:
        if found == self.network:
            return
        if found is None:
            raise FatalError(
                f"{self.checkpoint}: not a {self.network} checkpoint: no label embeddings in it; "
                "give the published file"
            )
        raise FatalError(f"{self.checkpoint}: is of {found}, not of {self.network}; choose the option {found}")

    def _check_tag_count(self, ram: Any, state: dict[str, Tensor]) -> None:
        try:
            count = ram.tag_count(state, self.descriptions)
        except ValueError as error:
            raise FatalError(f"{self.checkpoint}: {error}; see descriptions") from None
        if count != len(self.loaded.tags):
            raise FatalError(
                f"{self.checkpoint}: knows {count} tags, but the tag list has {len(self.loaded.tags)}; "
                "give the list that belongs to it as tag_list"
            )

    def _read_thresholds(self, checkpoint: Path) -> list[float]:
        if self.threshold is not None or (self.threshold_list is None and self.published_thresholds is None):
            values = [0.5 if self.threshold is None else self.threshold] * len(self.loaded.tags)
        else:
            published = self.published_thresholds or RAM_THRESHOLDS
            path = find_list(published, self.threshold_list, checkpoint, "threshold_list")
            values = read_numbers(path)
            if len(values) != len(self.loaded.tags):
                raise FatalError(f"{path}: {len(values)} thresholds for {len(self.loaded.tags)} tags; give as many")
        return [self.tag_thresholds.get(name, value) for name, value in zip(self.loaded.tags, values, strict=True)]

    def _check_names(self) -> None:
        for option in ("tag_thresholds", "skip_tags"):
            for name in getattr(self, option):
                if name not in self.loaded.tags:
                    raise FatalError(f"{option}: {name!r} is not in the tag list; check its spelling")


def as_tensor(image: Image, size: int, interpolation: str) -> Tensor:
    """The whole image squeezed into a square, as in training: [3, size, size], ImageNet's scale."""
    import numpy as np
    import torch
    from PIL import Image as pillow

    filters = {"bicubic": pillow.Resampling.BICUBIC, "bilinear": pillow.Resampling.BILINEAR}
    square = image.resize((size, size), filters[interpolation])
    pixels = np.asarray(square, dtype=np.float32) / 255
    scaled = (pixels - np.array(IMAGENET_MEAN, dtype=np.float32)) / np.array(IMAGENET_STD, dtype=np.float32)
    return torch.from_numpy(scaled.transpose(2, 0, 1).copy())


def read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"{path}: can't be read ({error}); give a UTF-8 text, one entry a line") from None


def read_numbers(path: Path) -> list[float]:
    numbers = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            numbers.append(float(line))
        except ValueError:
            raise FatalError(f"{path}:{number}: {line!r} is no number; give one for each tag") from None
    return numbers


def _check(option: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise ValueError(f"{option}={value!r}: unknown; one of {', '.join(valid)}")
