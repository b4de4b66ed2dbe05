"""A tiny random SAM 3 that reads letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_sam3(folder: Path, seed: int = 0) -> Path:
    import torch
    import transformers

    from tests.tiny.text import byte_tokenizer

    ports: Any = transformers
    pad, start, end = "<pad>", "<|startoftext|>", "<|endoftext|>"
    tokenizer = byte_tokenizer(start, end, (pad, start, end), bos_token=start, eos_token=end, pad_token=pad)
    width, layers = 32, {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    side, patch = 56, 14
    cells = side // patch
    config = ports.Sam3Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam3_vit_model",
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": side,
                "patch_size": patch,
                "window_size": 2,
                "global_attn_indexes": [1],
                "pretrain_image_size": side,
            },
            "fpn_hidden_size": width,
            "backbone_feature_sizes": [[4 * cells, 4 * cells], [2 * cells, 2 * cells], [cells, cells]],
        },
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "projection_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        geometry_encoder_config=dict(layers),
        detr_encoder_config=dict(layers),
        detr_decoder_config={**layers, "num_queries": 12},
        mask_decoder_config={"hidden_size": width, "num_upsampling_stages": 2, "num_attention_heads": 2},
    )
    torch.manual_seed(seed)
    model = ports.Sam3Model(config)
    with torch.no_grad():
        for weight in model.parameters():  # fresh weights are made to be trained: all queries would say the same
            if weight.dim() > 1:
                weight.normal_(0, 0.25)
    tokenizer.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return folder


def make_whole_sam3(folder: Path, seed: int = 0) -> Path:
    """Both parts in one checkpoint, as it was published: the one that is asked with names, and the one with boxes."""
    import torch
    import transformers
    from safetensors.torch import save_file

    from tests.tiny.segment import make_lively

    ports: Any = transformers
    names = ports.Sam3Config.from_pretrained(str(make_sam3(folder, seed)))
    boxes = ports.Sam3TrackerVideoConfig(
        vision_config=names.vision_config.to_dict(),
        prompt_encoder_config={"hidden_size": 32, "image_size": 56, "patch_size": 14, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
        image_size=56,
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=64,
    )
    config = ports.Sam3VideoConfig(detector_config=names.to_dict(), tracker_config=boxes.to_dict())
    torch.manual_seed(seed)
    model = ports.Sam3VideoModel(config)
    make_lively(model)
    model.config.save_pretrained(str(folder))
    # save_pretrained would name the tracker's weights twice over, as the published file does not
    save_file({name: weight.clone() for name, weight in model.state_dict().items()}, folder / "model.safetensors")
    return folder
