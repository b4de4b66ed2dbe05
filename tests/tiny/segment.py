"""Tiny random models that make masks for boxes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

SIDE = 128
# The configurations' own initializer_range of 1e-10 would make every weight a denormal number, and the CPU crawl.
VISION = {
    "hidden_size": 32,
    "output_channels": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 16,
    "mlp_ratio": 2.0,
    "window_size": 4,
    "global_attn_indexes": [1, 3],
    "num_pos_feats": 8,
    "initializer_range": 0.02,
}
DECODER = {
    "hidden_size": 16,
    "mlp_dim": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "iou_head_hidden_dim": 16,
}
PROMPT = {
    "hidden_size": 16,
    "image_size": SIDE,
    "patch_size": 16,
    "image_embedding_size": 8,
    "mask_input_channels": 4,
}


def make_sam(folder: Path, seed: int = 0) -> Path:
    from transformers import SamConfig, SamModel

    return _save(SamModel, SamConfig, DECODER, folder, seed)


def make_sam_hq(folder: Path, seed: int = 0) -> Path:
    from transformers import SamHQConfig, SamHQModel

    return _save(SamHQModel, SamHQConfig, DECODER | {"vit_dim": VISION["hidden_size"]}, folder, seed)


def _save(model_class: Any, config_class: Any, decoder: dict[str, Any], folder: Path, seed: int) -> Path:
    import torch

    torch.manual_seed(seed)
    config = config_class(vision_config=VISION, mask_decoder_config=decoder, prompt_encoder_config=PROMPT)
    model = model_class(config)
    make_lively(model)
    model.save_pretrained(str(folder))
    return folder


def make_lively(model: Any) -> None:
    """Spread the weights, so that a mask depends on its image and its box."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                fan_in = weight[0].numel()
                weight.normal_(0, 1.0 if "embed" in name else 1.5 / fan_in**0.5)


def make_sam2(folder: Path, seed: int = 0) -> Path:
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(seed)
    hiera = ports.Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        image_size=[SIDE, SIDE],
        window_positional_embedding_background_size=[7, 7],
        num_query_pool_stages=3,
        blocks_per_stage=[1, 2, 1, 1],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 8, 4],
        global_attention_blocks=[2],
    )
    vision = ports.Sam2VisionConfig(
        backbone_config=hiera,
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=32,
    )
    config = ports.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": SIDE, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
    )
    model = ports.Sam2Model(config)
    make_lively(model)
    model.save_pretrained(str(folder))
    return folder


def make_edgetam(folder: Path, seed: int = 0, timm: bool = False) -> Path:
    """With timm's own backbone, which is not everywhere, or with one that gives maps of the same kind."""
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(seed)
    published = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    vision = ports.EdgeTamVisionConfig(
        backbone_config=ports.TimmWrapperConfig(architecture="repvit_m1", model_args=published)
        if timm
        else maps_config(),
        backbone_channel_list=[384, 192, 96, 48] if timm else [64, 32, 16, 8],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=32,
    )
    config = ports.EdgeTamConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": SIDE, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
    )
    model = ports.EdgeTamModel(config)
    make_lively(model)
    model.save_pretrained(str(folder))
    return folder


@cache
def maps_config() -> Any:
    """A network of a few convolutions that answers with a list of maps, as timm's do; transformers knows it from here
    on, in this process."""
    import torch
    import transformers
    from transformers.modeling_outputs import BaseModelOutput

    ports: Any = transformers

    class Config(ports.PreTrainedConfig):  # type: ignore[misc]
        model_type = "tiny_maps"

    class Maps(ports.PreTrainedModel):  # type: ignore[misc]
        config_class = Config

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            widths, layers = (3, 8, 16, 32, 64), torch.nn
            self.stages = layers.ModuleList(
                layers.Sequential(
                    layers.Conv2d(before, after, kernel_size=stride, stride=stride),
                    layers.Tanh(),
                    layers.Conv2d(after, after, kernel_size=3, padding=1),
                    layers.Tanh(),
                )
                for stride, before, after in zip((4, 2, 2, 2), widths, widths[1:], strict=False)
            )
            self.post_init()

        def forward(self, pixel_values: Any, **_: Any) -> Any:
            maps = []
            for stage in self.stages:
                pixel_values = stage(pixel_values)
                maps.append(pixel_values)
            answer: Any = maps
            return BaseModelOutput(last_hidden_state=answer)

    ports.AutoConfig.register("tiny_maps", Config, exist_ok=True)
    ports.AutoModel.register(Config, Maps, exist_ok=True)
    return Config()
