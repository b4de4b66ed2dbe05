"""The published SAM and SAM-HQ files (sam_vit_h_4b8939.pth, sam_hq_vit_h.pth, their l and b sizes) in the ports' names.

The authors' names on the left, the hub's on the right. The configuration is read off the shapes of the weights.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError

if TYPE_CHECKING:
    from torch import Tensor

POSITIONS = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
PORT_POSITIONS = ("shared_image_embedding.positional_embedding", "prompt_encoder.shared_embedding.positional_embedding")
HQ_TOKEN = "mask_decoder.hf_token.weight"
# Heads of three layers: the port gives the first, those between and the last names of their own.
HEAD = r"mask_decoder\.(iou_prediction_head|output_hypernetworks_mlps\.\d+|hf_mlp)\.layers\.(\d)\."
HEAD_PORT = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}
RULES = [
    (r"^image_encoder\.", "vision_encoder."),
    (r"^vision_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^vision_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^vision_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^vision_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^vision_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^vision_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^mask_decoder\.hf_token\.", "mask_decoder.hq_token."),
    (r"^mask_decoder\.hf_mlp\.", "mask_decoder.hq_mask_mlp."),
    (r"^mask_decoder\.compress_vit_feat\.0\.", "mask_decoder.compress_vit_conv1."),
    (r"^mask_decoder\.compress_vit_feat\.1\.", "mask_decoder.compress_vit_norm."),
    (r"^mask_decoder\.compress_vit_feat\.3\.", "mask_decoder.compress_vit_conv2."),
    (r"^mask_decoder\.embedding_encoder\.0\.", "mask_decoder.encoder_conv1."),
    (r"^mask_decoder\.embedding_encoder\.1\.", "mask_decoder.encoder_norm."),
    (r"^mask_decoder\.embedding_encoder\.3\.", "mask_decoder.encoder_conv2."),
    (r"^mask_decoder\.embedding_maskfeature\.0\.", "mask_decoder.mask_conv1."),
    (r"^mask_decoder\.embedding_maskfeature\.1\.", "mask_decoder.mask_norm."),
    (r"^mask_decoder\.embedding_maskfeature\.3\.", "mask_decoder.mask_conv2."),
    (r"\.norm(\d|_final_attn)\.", r".layer_norm\1."),
]
PATTERNS = [(re.compile(theirs), port) for theirs, port in RULES]


def is_hq(weights: dict[str, Tensor]) -> bool:
    return HQ_TOKEN in weights


def convert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the hub's names; the table of positions is there twice."""
    converted: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name in ("pixel_mean", "pixel_std"):
            continue
        for port in PORT_POSITIONS if name == POSITIONS else (_renamed(name),):
            converted[port] = value
    return converted


def _renamed(name: str) -> str:
    name = re.sub(HEAD, lambda found: f"mask_decoder.{found[1]}.{HEAD_PORT[found[2]]}.", name)
    for pattern, port in PATTERNS:
        name = pattern.sub(port, name)
    return name


def config(weights: dict[str, Tensor], location: str, hq: bool) -> Any:
    """The port's configuration for these (unconverted) weights; the decoder's heads, not to be seen, as published."""
    import transformers

    _check(weights, location, hq)
    ports: Any = transformers

    def shape(name: str) -> tuple[int, ...]:
        return tuple(weights[name].shape)

    width, _, patch, _ = shape("image_encoder.patch_embed.proj.weight")
    grid = shape("image_encoder.pos_embed")[1]
    layers = 1 + max(int(found[1]) for found in _matches(weights, r"image_encoder\.blocks\.(\d+)\."))
    reach = [shape(f"image_encoder.blocks.{layer}.attn.rel_pos_h") for layer in range(layers)]
    windows = [(length + 1) // 2 for length, _ in reach]
    positions = shape(POSITIONS)[1]
    channels = shape("image_encoder.neck.0.weight")[0]
    decoder_mlp, decoder_width = shape("mask_decoder.transformer.layers.0.mlp.lin1.weight")
    vision = {
        "hidden_size": width,
        "output_channels": channels,
        "num_hidden_layers": layers,
        "num_attention_heads": width // reach[0][1],
        "image_size": grid * patch,
        "patch_size": patch,
        "mlp_dim": shape("image_encoder.blocks.0.mlp.lin1.weight")[0],
        "window_size": min(windows),
        "global_attn_indexes": [layer for layer, window in enumerate(windows) if window == grid],
        "num_pos_feats": positions,
    }
    prompt = {
        "hidden_size": channels,
        "image_size": grid * patch,
        "patch_size": patch,
        "image_embedding_size": grid,
        "mask_input_channels": shape("prompt_encoder.mask_downscaling.3.weight")[0],
    }
    decoder = {
        "hidden_size": decoder_width,
        "mlp_dim": decoder_mlp,
        "iou_head_hidden_dim": shape("mask_decoder.iou_prediction_head.layers.0.weight")[0],
    }
    if hq:
        return ports.SamHQConfig(
            vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder | {"vit_dim": width}
        )
    return ports.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)


def _check(weights: dict[str, Tensor], location: str, hq: bool) -> None:
    if POSITIONS not in weights or "image_encoder.pos_embed" not in weights:
        raise FatalError(
            f"{location}: not a SAM checkpoint: it holds `{next(iter(weights))}` and no `{POSITIONS}`; "
            "give sam_vit_h_4b8939.pth or sam_hq_vit_h.pth (or their l or b size), or a hub id"
        )
    if is_hq(weights) and not hq:
        raise FatalError(f"{location}: a checkpoint of SAM-HQ, not of SAM; choose the option sam_hq")
    if hq and not is_hq(weights):
        raise FatalError(f"{location}: a checkpoint of SAM, not of SAM-HQ; choose the option sam")


def _matches(weights: dict[str, Tensor], pattern: str) -> list[re.Match[str]]:
    found = (re.match(pattern, name) for name in weights)
    return [match for match in found if match]
