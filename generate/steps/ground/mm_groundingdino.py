"""Boxes for the tags by MM-GroundingDINO, trained on more and open data by the makers of MMDetection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelyard.generate.steps.ground.prompted import Network, PortNetwork, PromptedDetector


@dataclass(kw_only=True)
class MMGroundingDino(PromptedDetector):
    """`checkpoint` is a hub id or a transformers folder."""

    checkpoint: str = "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det"
    separator: str = "."

    def load_network(self, device: str) -> tuple[Network, Any]:
        from transformers import AutoTokenizer, MMGroundingDinoForObjectDetection

        model = self.pretrained(MMGroundingDinoForObjectDetection)
        tokenizer = self.processor(AutoTokenizer)
        return PortNetwork(model, self.dtype), tokenizer
