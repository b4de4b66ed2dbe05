"""Boxes for the tags by LLMDet: MM-GroundingDINO's network, trained beside a language model that writes captions."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.mm_groundingdino import MMGroundingDino


@dataclass(kw_only=True)
class LLMDet(MMGroundingDino):
    """Its authors found it best with some eighty names in a prompt."""

    checkpoint: str = "iSEE-Laboratory/llmdet_tiny"
    tags_per_prompt: int | None = setting(80, least=1)  # at most, in a full one; null: as many as it holds
