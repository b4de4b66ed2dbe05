"""Tiny random models that estimate depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_depth_anything(folder: Path, seed: int = 0, metric: bool = False) -> Path:
    import transformers

    ports: Any = transformers
    backbone = ports.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=70,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = ports.DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type="metric" if metric else "relative",
        max_depth=20 if metric else 1,
    )
    frame = {"size": {"height": 70, "width": 70}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}
    return _save(ports.DepthAnythingForDepthEstimation, config, frame, folder, seed)


def make_dpt(folder: Path, seed: int = 0) -> Path:
    import transformers

    ports: Any = transformers
    config = ports.DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    frame = {"size": {"height": 64, "width": 64}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return _save(ports.DPTForDepthEstimation, config, frame, folder, seed)


def _save(model_class: Any, config: Any, frame: dict[str, Any], folder: Path, seed: int) -> Path:
    import json

    import torch

    torch.manual_seed(seed)
    model = model_class(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 1.0 / weight[0].numel() ** 0.5)
        for weight in list(model.head.parameters())[-1:]:
            weight.fill_(0.5)  # what ends in a ReLU must not begin dead
    model.save_pretrained(str(folder))
    settings = {"image_processor_type": "DPTImageProcessor", "do_normalize": True, **frame}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
