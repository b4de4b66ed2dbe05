"""The published GroundingDINO files (groundingdino_swint_ogc.pth, groundingdino_swinb_cogcoor.pth) in the port's names.

The authors' names on the left, the hub's on the right. The configuration is read off the shapes of the weights.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError

if TYPE_CHECKING:
    from torch import Tensor

SWIN = "model.backbone.conv_encoder.model."
BLOCK = r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\."
PORT_BLOCK = SWIN + r"encoder.layers.\1.blocks.\2."
ENCODER = r"transformer\.encoder\.layers\.(\d+)\."
TEXT = r"transformer\.encoder\.text_layers\.(\d+)\."
FUSION = r"transformer\.encoder\.fusion_layers\.(\d+)\."
DECODER = r"transformer\.decoder\.layers\.(\d+)\."
DEFORMABLE_PORT = r"model.encoder.layers.\1.deformable_layer."
TEXT_PORT = r"model.encoder.layers.\1.text_enhancer_layer."
FUSION_PORT = r"model.encoder.layers.\1.fusion_layer."
DECODER_PORT = r"model.decoder.layers.\1."
# The port has them not: the text encoder's pooler and positions, and training's label embedding.
UNUSED = re.compile(r"bert\.pooler\.|bert\.embeddings\.position_ids$|label_enc\.")
RULES = [
    (r"backbone\.0\.patch_embed\.proj\.", SWIN + "embeddings.patch_embeddings.projection."),
    (r"backbone\.0\.patch_embed\.norm\.", SWIN + "embeddings.norm."),
    (BLOCK + r"norm1\.", PORT_BLOCK + "layernorm_before."),
    (BLOCK + r"norm2\.", PORT_BLOCK + "layernorm_after."),
    (BLOCK + r"attn\.relative_position_", PORT_BLOCK + "attention.self.relative_position_"),
    (BLOCK + r"attn\.qkv\.", PORT_BLOCK + "attention.self.{}."),
    (BLOCK + r"attn\.proj\.", PORT_BLOCK + "attention.output.dense."),
    (BLOCK + r"mlp\.fc1\.", PORT_BLOCK + "intermediate.dense."),
    (BLOCK + r"mlp\.fc2\.", PORT_BLOCK + "output.dense."),
    (r"backbone\.0\.layers\.(\d+)\.downsample\.", SWIN + r"encoder.layers.\1.downsample."),
    (r"backbone\.0\.norm1\.", SWIN + "hidden_states_norms.stage2."),
    (r"backbone\.0\.norm2\.", SWIN + "hidden_states_norms.stage3."),
    (r"backbone\.0\.norm3\.", SWIN + "hidden_states_norms.stage4."),
    (r"bert\.", "model.text_backbone."),
    (r"feat_map\.", "model.text_projection."),
    (r"input_proj\.", "model.input_proj_vision."),
    (ENCODER + r"self_attn\.", DEFORMABLE_PORT + "self_attn."),
    (ENCODER + r"norm1\.", DEFORMABLE_PORT + "self_attn_layer_norm."),
    (ENCODER + r"norm2\.", DEFORMABLE_PORT + "final_layer_norm."),
    (ENCODER + r"linear([12])\.", DEFORMABLE_PORT + r"fc\2."),
    (TEXT + r"self_attn\.in_proj_", TEXT_PORT + "self_attn.{}."),
    (TEXT + r"self_attn\.out_proj\.", TEXT_PORT + "self_attn.out_proj."),
    (TEXT + r"norm1\.", TEXT_PORT + "layer_norm_before."),
    (TEXT + r"norm2\.", TEXT_PORT + "layer_norm_after."),
    (TEXT + r"linear([12])\.", TEXT_PORT + r"fc\2."),
    (FUSION + r"gamma_v", FUSION_PORT + "vision_param"),
    (FUSION + r"gamma_l", FUSION_PORT + "text_param"),
    (FUSION + r"layer_norm_v\.", FUSION_PORT + "layer_norm_vision."),
    (FUSION + r"layer_norm_l\.", FUSION_PORT + "layer_norm_text."),
    (FUSION + r"attn\.(values_|out_|)v_proj\.", FUSION_PORT + r"attn.\2vision_proj."),
    (FUSION + r"attn\.(values_|out_|)l_proj\.", FUSION_PORT + r"attn.\2text_proj."),
    (DECODER + r"cross_attn\.", DECODER_PORT + "encoder_attn."),
    (DECODER + r"norm1\.", DECODER_PORT + "encoder_attn_layer_norm."),
    (DECODER + r"ca_text\.in_proj_", DECODER_PORT + "encoder_attn_text.{}."),
    (DECODER + r"ca_text\.out_proj\.", DECODER_PORT + "encoder_attn_text.out_proj."),
    (DECODER + r"catext_norm\.", DECODER_PORT + "encoder_attn_text_layer_norm."),
    (DECODER + r"self_attn\.in_proj_", DECODER_PORT + "self_attn.{}."),
    (DECODER + r"self_attn\.out_proj\.", DECODER_PORT + "self_attn.out_proj."),
    (DECODER + r"norm2\.", DECODER_PORT + "self_attn_layer_norm."),
    (DECODER + r"norm3\.", DECODER_PORT + "final_layer_norm."),
    (DECODER + r"linear([12])\.", DECODER_PORT + r"fc\2."),
    (r"transformer\.decoder\.norm\.", "model.decoder.layer_norm."),
    (r"transformer\.decoder\.ref_point_head\.", "model.decoder.reference_points_head."),
    (r"transformer\.decoder\.bbox_embed\.", "model.decoder.bbox_embed."),
    (r"transformer\.enc_out_bbox_embed\.", "model.encoder_output_bbox_embed."),
    (r"transformer\.(enc_output|enc_output_norm)\.", r"model.\1."),
    (r"transformer\.level_embed", "model.level_embed"),
    (r"transformer\.tgt_embed\.", "model.query_position_embeddings."),
    (r"bbox_embed\.", "bbox_embed."),
]
PATTERNS = [(re.compile(theirs), port) for theirs, port in RULES]


def convert(weights: dict[str, Tensor], location: str) -> dict[str, Tensor]:
    """The same tensors under the hub's names; a matrix that holds query, key and value becomes three."""
    converted: dict[str, Tensor] = {}
    for name, value in weights.items():
        if UNUSED.match(name):
            continue
        port = _renamed(name, location)
        if "{}" in port:
            for part, chunk in zip(("query", "key", "value"), value.chunk(3), strict=True):
                converted[port.format(part)] = chunk
        else:
            converted[port] = value
    return converted


def _renamed(name: str, location: str) -> str:
    for pattern, port in PATTERNS:
        found = pattern.match(name)
        if found:
            return found.expand(port) + name[found.end() :]
    raise FatalError(
        f"{location}: not a GroundingDINO checkpoint: it holds `{name}`; give groundingdino_swint_ogc.pth, "
        "groundingdino_swinb_cogcoor.pth, or a hub id such as IDEA-Research/grounding-dino-tiny"
    )


def config(weights: dict[str, Tensor], location: str) -> Any:
    """The port's configuration for these (unconverted) weights; heads, not to be seen in shapes, as published."""
    import transformers

    ports: Any = transformers

    def shape(name: str) -> tuple[int, ...]:
        if name not in weights:
            raise FatalError(f"{location}: not a GroundingDINO checkpoint: `{name}` is missing; give one of that model")
        return tuple(weights[name].shape)

    stages = _count(weights, r"backbone\.0\.layers\.(\d+)\.")
    tables = [shape(f"backbone.0.layers.{s}.blocks.0.attn.relative_position_bias_table") for s in range(stages)]
    heads = 8
    levels, width = shape("transformer.level_embed")
    text_width = shape("bert.embeddings.word_embeddings.weight")[1]
    points = shape("transformer.encoder.layers.0.self_attn.sampling_offsets.bias")[0] // (2 * heads * levels)
    swin = ports.SwinConfig(
        image_size=384 if tables[0][0] == (2 * 12 - 1) ** 2 else 224,
        embed_dim=shape("backbone.0.patch_embed.proj.weight")[0],
        depths=[_count(weights, rf"backbone\.0\.layers\.{s}\.blocks\.(\d+)\.") for s in range(stages)],
        num_heads=[table[1] for table in tables],
        window_size=(round(tables[0][0] ** 0.5) + 1) // 2,
        out_indices=[2, 3, 4],
    )
    bert = ports.BertConfig(
        vocab_size=shape("bert.embeddings.word_embeddings.weight")[0],
        hidden_size=text_width,
        num_hidden_layers=_count(weights, r"bert\.encoder\.layer\.(\d+)\."),
        num_attention_heads=max(1, text_width // 64),
        intermediate_size=shape("bert.encoder.layer.0.intermediate.dense.bias")[0],
        max_position_embeddings=shape("bert.embeddings.position_embeddings.weight")[0],
    )
    return ports.GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=width,
        num_queries=shape("transformer.tgt_embed.weight")[0],
        num_feature_levels=levels,
        encoder_layers=_count(weights, r"transformer\.encoder\.layers\.(\d+)\."),
        decoder_layers=_count(weights, r"transformer\.decoder\.layers\.(\d+)\."),
        encoder_ffn_dim=shape("transformer.encoder.layers.0.linear1.bias")[0],
        decoder_ffn_dim=shape("transformer.decoder.layers.0.linear1.bias")[0],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_n_points=points,
        decoder_n_points=points,
    )


def _count(weights: dict[str, Tensor], pattern: str) -> int:
    numbers = (re.match(pattern, name) for name in weights)
    return 1 + max((int(found[1]) for found in numbers if found), default=-1)
