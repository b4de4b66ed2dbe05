"""Tiny random detectors that read text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny.vocabulary import SIZE, write_tokenizer

SHAPE = {
    "d_model": 32,
    "num_queries": 20,
    "encoder_layers": 1,
    "encoder_ffn_dim": 64,
    "encoder_attention_heads": 2,
    "decoder_layers": 2,
    "decoder_ffn_dim": 64,
    "decoder_attention_heads": 2,
    "num_feature_levels": 4,
    "max_text_len": 256,
}


def make_groundingdino(folder: Path, seed: int = 0) -> Path:
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    return _save(GroundingDinoForObjectDetection(_seeded(GroundingDinoConfig, seed)), folder)


def make_mm_groundingdino(folder: Path, seed: int = 0) -> Path:
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    return _save(MMGroundingDinoForObjectDetection(_seeded(MMGroundingDinoConfig, seed)), folder)


def _seeded(config_class: Any, seed: int) -> Any:
    import torch
    import transformers

    torch.manual_seed(seed)
    ports: Any = transformers
    swin = ports.SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    bert = ports.BertConfig(
        vocab_size=SIZE,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    return config_class(backbone_config=swin, text_config=bert, **SHAPE)


def _save(model: Any, folder: Path) -> Path:
    make_lively(model)
    write_tokenizer(folder)
    model.save_pretrained(str(folder))
    return folder


def make_lively(model: Any) -> None:
    """Fresh weights are made to be trained: heads of zeros, so that all queries say the same. Spread them."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "bbox_embed" in name:
                weight.normal_(0, 0.12)
            elif "sampling_offsets" in name or "attention_weights" in name:
                weight.normal_(0, 0.3)
            elif "layer_norm" in name and name.endswith("weight"):
                weight.fill_(0.6)
            elif weight.dim() > 1:
                weight.normal_(0, 0.15)
            elif "class_embed" in name:  # MM-GroundingDINO begins by saying no to everything
                weight.zero_()
            elif name.endswith(("vision_param", "text_param")):
                weight.fill_(0.3)


def make_owlv2(folder: Path, seed: int = 0, name: str = "Owlv2") -> Path:
    import torch
    import transformers

    from tests.tiny.text import byte_tokenizer

    ports: Any = transformers
    pad, start, end = "<pad>", "<|startoftext|>", "<|endoftext|>"  # the first of a text must not be token 0
    tokenizer = byte_tokenizer(start, end, (pad, start, end), bos_token=start, eos_token=end, pad_token=pad)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = getattr(ports, f"{name}Config")(
        text_config={**layers, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 16},
        vision_config={**layers, "image_size": 96, "patch_size": 16},
        projection_dim=32,
    )
    torch.manual_seed(seed)
    model = getattr(ports, f"{name}ForObjectDetection")(config)
    with torch.no_grad():
        for place, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.05 if "box_head" in place else 0.3)
            elif "logit" in place:
                weight.fill_(1.0)
    tokenizer.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return folder


KINDS = {0: "cat", 1: "bird_house", 2: "N/A"}


def make_dfine(folder: Path, seed: int = 0) -> Path:
    """For ground=detr."""
    import torch
    import transformers

    ports: Any = transformers
    backbone = ports.HGNetV2Config(
        **{f"stage_{name}_channels": [8] * 4 for name in ("in", "mid", "out")},
        **{f"stage_{name}": [1] * 4 for name in ("num_blocks", "numb_of_layers")},
        stem_channels=[3, 4, 8],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False] * 4,
        stage_kernel_size=[3] * 4,
        hidden_sizes=[8] * 4,
        depths=[1] * 4,
        embedding_size=8,
        out_features=["stage2", "stage3", "stage4"],
    )
    heads = {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
    config = ports.DFineConfig(
        backbone_config=backbone,
        encoder_in_channels=[8] * 3,
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_layers=1,
        d_model=16,
        num_queries=12,
        decoder_in_channels=[16] * 3,
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_n_points=[2] * 3,
        num_denoising=0,
        id2label=KINDS,
        **heads,
    )
    torch.manual_seed(seed)
    model = ports.DFineForObjectDetection(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.3)
            elif "class_embed" in name or "score_head" in name:
                weight.zero_()
    model.save_pretrained(str(folder))
    return _framing(folder, "RTDetrImageProcessor", {"height": 64, "width": 64})


def make_mask2former(folder: Path, seed: int = 0) -> Path:
    import torch
    import transformers

    ports: Any = transformers
    swin = ports.SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    sides = dict.fromkeys(("feature_size", "mask_feature_size", "hidden_dim"), 32)  # of 32 groups
    config = ports.Mask2FormerConfig(
        backbone_config=swin,
        encoder_feedforward_dim=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=32,
        num_queries=8,
        id2label=KINDS,
        **sides,
    )
    torch.manual_seed(seed)
    model = ports.Mask2FormerForUniversalSegmentation(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.15)
    model.save_pretrained(str(folder))
    return _framing(folder, "Mask2FormerImageProcessor", {"shortest_edge": 48, "longest_edge": 64}, size_divisor=32)


def _framing(folder: Path, kind: str, size: dict[str, int], **others: Any) -> Path:
    import json

    settings = {"image_processor_type": kind, "size": size, **others}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def make_owlvit(folder: Path, seed: int = 0) -> Path:
    return make_owlv2(folder, seed, name="OwlViT")


def make_rfdetr(folder: Path, seed: int = 0, segments: bool = True, kinds: dict[int, str] = KINDS) -> Path:
    import torch
    import transformers

    ports: Any = transformers
    backbone = {
        "model_type": "rf_detr_dinov2",
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "image_size": 32,
        "patch_size": 8,
        "num_windows": 2,
        "out_features": ["stage1", "stage2"],
    }
    config = ports.RfDetrConfig(
        backbone_config=backbone,
        d_model=32,
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        decoder_n_points=2,
        num_queries=8,
        group_detr=1,
        c2f_num_blocks=1,
        id2label=kinds,
    )
    torch.manual_seed(seed)
    model = getattr(ports, f"RfDetrFor{'InstanceSegmentation' if segments else 'ObjectDetection'}")(config)
    _shaken(model, 0.2)
    model.save_pretrained(str(folder))
    return _framing(folder, "DetrImageProcessor", {"height": 48, "width": 64})


def make_omdet(folder: Path, seed: int = 0) -> Path:
    import torch
    import transformers

    from tests.tiny.text import byte_tokenizer

    ports: Any = transformers
    # A name is what stands at its end, which is found as the largest number: here the alphabet's last letter.
    pad, start, end = "<pad>", "<|startoftext|>", "\u0143"
    tokenizer = byte_tokenizer(start, end, (pad, start), bos_token=start, eos_token=end, pad_token=pad)
    swin = ports.SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    config = ports.OmDetTurboConfig(
        backbone_config=swin,
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 77,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": len(tokenizer) - 1,
        },
        apply_layernorm_after_vision_backbone=False,
        image_size=64,
        text_projection_in_dim=32,
        text_projection_out_dim=32,
        task_encoder_hidden_dim=32,
        class_embed_dim=32,
        num_queries=12,
        encoder_hidden_dim=16,
        vision_features_channels=[16, 16, 16],
        encoder_in_channels=[16, 32, 64],
        encoder_attention_heads=2,
        encoder_dim_feedforward=32,
        decoder_hidden_dim=16,
        decoder_num_heads=2,
        decoder_num_layers=2,
        decoder_dim_feedforward=32,
        decoder_num_points=2,
        disable_custom_kernels=True,
    )
    torch.manual_seed(seed)
    model = ports.OmDetTurboForObjectDetection(config)
    _shaken(model, 0.3)
    tokenizer.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return _framing(folder, "DetrImageProcessor", {"height": 64, "width": 64}, do_pad=False)


def _shaken(model: Any, deviation: float) -> None:
    """Fresh weights are made to be trained: all queries would say the same."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, deviation)
            elif "class_embed" in name:
                weight.zero_()
