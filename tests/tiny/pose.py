"""Tiny random models that find people and their joints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def make_vitpose(folder: Path, seed: int = 0) -> Path:
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(seed)
    backbone = ports.VitPoseBackboneConfig(
        image_size=[32, 32], patch_size=[8, 8], hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_experts=2, part_features=8, out_indices=[1],
    )  # fmt: skip
    model = ports.VitPoseForPoseEstimation(
        ports.VitPoseConfig(backbone_config=backbone, num_labels=17, scale_factor=4, use_simple_decoder=True)
    )
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 1.0 / weight[0].numel() ** 0.5)
    model.save_pretrained(str(folder))
    frame = {"image_processor_type": "VitPoseImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(frame), encoding="utf-8")
    return folder
