"""Tiny random models that find people and their joints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def make_rtdetr(folder: Path, seed: int = 0) -> Path:
    """It finds people everywhere, and here and there something else."""
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(seed)
    backbone = ports.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"], out_indices=[2, 3, 4],
    )  # fmt: skip
    config = ports.RTDetrConfig(
        backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[8, 8, 8], feat_strides=[8, 16, 32],
        encoder_layers=1, encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=4, decoder_layers=1,
        decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_attention_heads=2, num_denoising=0,
        num_feature_levels=3, decoder_n_points=2, hidden_expansion=1.0, id2label={0: "person", 1: "cat"},
        label2id={"person": 0, "cat": 1},
    )  # fmt: skip
    ports.RTDetrForObjectDetection(config).save_pretrained(str(folder))
    frame = {"image_processor_type": "RTDetrImageProcessor", "size": {"height": 64, "width": 64}}
    (folder / "preprocessor_config.json").write_text(json.dumps(frame), encoding="utf-8")
    return folder


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
