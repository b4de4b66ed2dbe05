"""Boxes for the tags by GroundingDINO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.ground.prompted import Network, PortNetwork, PromptedDetector
from labelyard.generate.steps.models.groundingdino import weight_names as groundingdino_keys
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.weights import (
    kind,
    load_converted,
    load_processor,
    read_state_dict,
)

BACKENDS = ("port", "native")


@dataclass(kw_only=True)
class GroundingDino(PromptedDetector):
    """`checkpoint` is a hub id, a transformers folder, or a file as the authors published it (.pth).

    The file has no vocabulary in it; `tokenizer` says where that comes from then.
    """

    checkpoint: str = "IDEA-Research/grounding-dino-tiny"  # a hub's id, a folder, or the authors' file
    tokenizer: str = "google-bert/bert-base-uncased"  # the vocabulary, where the checkpoint is a single file
    backend: str = "port"  # or 'native', the authors' own package

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backend not in BACKENDS:
            raise ValueError(f"backend={self.backend!r}: unknown; one of {', '.join(BACKENDS)}")

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        if kind(self.checkpoint) == "file":
            return Checkpoint(self.checkpoint, self.revision), Checkpoint(self.tokenizer)
        return super().checkpoints()

    def load_network(self, device: str) -> tuple[Network, Any]:
        from transformers import AutoTokenizer, GroundingDinoForObjectDetection

        if self.backend == "native":
            from labelyard.generate.steps.models.groundingdino.native import NativeNetwork

            network = NativeNetwork(self.checkpoint, self.revision, self.tokenizer, device)
            return network, network.tokenizer
        if kind(self.checkpoint) == "file":
            weights = read_state_dict(str(find_checkpoint(self.checkpoint, self.revision)))
            model = load_converted(
                GroundingDinoForObjectDetection,
                groundingdino_keys.config(weights, self.checkpoint),
                groundingdino_keys.convert(weights, self.checkpoint),
                self.checkpoint,
                device=device,
                dtype=self.dtype,
            )
            tokenizer = load_processor(AutoTokenizer, self.tokenizer)
        else:
            model = self.pretrained(GroundingDinoForObjectDetection)
            tokenizer = self.processor(AutoTokenizer)
        return PortNetwork(model, self.dtype), tokenizer

    def model(self) -> dict[str, Any]:
        return super().model() | {"backend": self.backend}
