"""What steps with weights of their own share: where these are, in what numbers they compute, and what is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from labelyard.generate.compute.batches import AUTO
from labelyard.generate.settings import transient
from labelyard.generate.step import Checkpoint, Step
from labelyard.generate.steps.tools.weights import check_dtype, load_pretrained, load_processor


def batch_of(usual: int) -> Any:
    """The field `batch_size`: a number, or auto, which tries out how many the GPU's memory takes."""
    return transient(usual, least=1, most=100_000, words=(AUTO,))


@dataclass(kw_only=True)
class ModelStep(Step):
    """`load` puts into `self.loaded` what the step works with, and it is gone from there when the step is freed."""

    checkpoint: str  # a hub's id or a folder
    revision: str | None = None  # of a hub's repository: a branch, tag or commit
    dtype: str = "float32"  # of weights and activations: float32, bfloat16 or float16

    def __post_init__(self) -> None:
        check_dtype(self.dtype)
        self.loaded: Any = SimpleNamespace()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (Checkpoint(self.checkpoint, self.revision),)

    def load(self) -> None:
        """Fill `self.loaded`, for `self.device`. Heavy imports belong here."""
        raise NotImplementedError

    def pretrained(self, network: Any, **options: Any) -> Any:
        """The checkpoint as this network of transformers, where the step computes."""
        at: Any = {"device": self.device, "dtype": self.dtype, "revision": self.revision}
        return load_pretrained(network, self.checkpoint, **at, **options)

    def processor(self, kind: Any, **options: Any) -> Any:
        """What the checkpoint has beside its weights: a tokenizer, an image processor, its configuration."""
        return load_processor(kind, self.checkpoint, self.revision, **options)

    def setup(self, device: str) -> None:
        self.device = device
        self.loaded = SimpleNamespace()
        self.load()

    def free(self) -> None:
        self.loaded = SimpleNamespace()

    def model(self) -> dict[str, Any]:
        made = {"name": type(self).__name__, "checkpoint": self.checkpoint, "dtype": self.dtype}
        return made | ({"revision": self.revision} if self.revision else {})
