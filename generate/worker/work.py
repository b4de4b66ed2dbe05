"""How a worker goes about it: the settings `work.*`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.errors import FatalError
from labelyard.generate.settings import MOST_THREADS, transient


@dataclass(kw_only=True)
class Work:
    """How a worker goes about it. None of this changes what comes out."""

    batch: int = transient(16, least=1, most=100_000)  # images in flight together
    # or staged: one step after another over many images, one model loaded at a time
    schedule: str = transient("fused", words=("fused", "staged"))
    # images in flight together when staged; each is in memory, decoded
    staged_batch: int = transient(256, least=1, most=100_000)
    device: str = transient("auto")  # auto, cpu or cuda
    write_threads: int = transient(4, least=1, most=MOST_THREADS)  # records written behind the steps, so many at a time
    max_attempts: int = transient(
        3, least=1, most=10_000
    )  # workers that an item may take down before it is quarantined
    # above that, after the first hundred, something else is wrong
    max_failure_rate: float = transient(0.5, least=0, most=1)
    # seconds after which an image that does not come is given up
    read_timeout: float = transient(120.0, above=0, most=1_000_000)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", self.device):
            raise ValueError(f"work.device={self.device}: give auto, cpu or cuda")

    @property
    def staged(self) -> bool:
        return self.schedule == "staged"

    @property
    def in_flight(self) -> int:
        return self.staged_batch if self.staged else self.batch


def pick_device(asked: str) -> str:
    """'cuda' if there is a GPU for this process. Torch is not even imported where there can be none."""
    if asked != "auto":
        return asked
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not Path("/dev/nvidiactl").exists():
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        raise FatalError(
            "this machine has an NVIDIA GPU, but torch can't use it: "
            f"torch {torch.__version__} was built for CUDA {torch.version.cuda}. "
            "Install a torch that fits the driver, or say work.device=cpu"
        )
    return "cuda"
