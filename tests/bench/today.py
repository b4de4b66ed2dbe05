"""The networks of the pipeline `instances2026`: at the published sizes, and tiny ones under the same names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.published import Published, grown_ram, make_clip

STEPS = ("tag", "ground", "segment", "verify", "caption", "embed")
KINDS = "labelyard.generate.steps"
# Qwen3-VL's sizes: of the language model and of what sees
QWEN = {
    "2b": {"hidden_size": 2048, "num_hidden_layers": 28, "num_attention_heads": 16, "intermediate_size": 6144},
    "4b": {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "intermediate_size": 9728},
}
SEES = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "num_position_embeddings": 2304}
PICTURES = {"shortest_edge": 256**2, "longest_edge": 4096**2}  # pixels
MODELS = tuple(f"qwen3-vl-{size}" for size in QWEN)
# What tiny networks want that differ from the published ones in more than their size.
SMALL: dict[str, dict[str, Any]] = {
    "tag": {"image_size": 64, "descriptions": 3},
    "ground": {"short_side": 160, "long_side": 266},
    "verify": {},
    "caption": {"max_new_tokens": 6, "side": 64},
}


def networks(caption: str = "qwen3-vl-4b") -> dict[str, Published]:
    vlm = {"num_beams": 1}
    return {
        "tag": Published("ram-plus-swin-l", make_ram_plus, f"{KINDS}.tag.ram_plus.RAMPlus", "ram_plus.pth"),
        "ground": Published("llmdet-base", make_llmdet, f"{KINDS}.ground.llmdet.LLMDet"),
        "segment": Published("sam2.1-hiera-l", make_sam2, f"{KINDS}.segment.sam2.Sam2"),
        "verify": Published("siglip2-so400m-384", make_siglip, f"{KINDS}.verify.siglip.SiglipOpinion"),
        "caption": Published(
            caption, lambda folder: make_qwen(folder, caption), f"{KINDS}.caption.vlm.VLM", settings=vlm
        ),
        "embed": Published("clip-vit-l", make_clip, f"{KINDS}.embed.clip.CLIP"),
    }


def others() -> dict[str, Published]:
    """Of SAM 3's random weights hardly anything is sure enough to be cut out."""
    sam3 = {
        f"{count} names": Published("sam3", make_sam3, f"{KINDS}.ground.sam3.Sam3", tags=count) for count in (1, 4, 16)
    }
    return {**sam3, "segment": Published("edgetam", make_edgetam, f"{KINDS}.segment.edgetam.EdgeTam")}


def make_tiny(folder: Path, caption: str = "qwen3-vl-4b") -> None:
    """Weights for a look whether all of it runs, where `networks` looks for theirs."""
    from tests.tiny.caption import make_qwen as tiny_qwen
    from tests.tiny.embed import make_clip as tiny_clip
    from tests.tiny.embed import make_siglip as tiny_siglip
    from tests.tiny.ground import make_mm_groundingdino
    from tests.tiny.segment import make_sam2 as tiny_sam2
    from tests.tiny.tag import make_ram_plus as tiny_ram_plus

    names = {step: network.name for step, network in networks(caption).items()}
    tiny_ram_plus(folder / names["tag"])
    make_mm_groundingdino(folder / names["ground"])
    tiny_sam2(folder / names["segment"])
    tiny_siglip(folder / names["verify"])
    tiny_qwen(folder / names["caption"], "Qwen3VL")
    tiny_clip(folder / names["embed"], width=768)


def make_ram_plus(folder: Path) -> None:
    from tests.tiny import tag

    tag.DESCRIPTIONS = 51
    tag.make_ram_plus(folder, grown_ram())


def make_llmdet(folder: Path) -> None:
    import transformers

    from tests.tiny.ground import make_lively
    from tests.tiny.vocabulary import write_tokenizer

    ports: Any = transformers
    swin = ports.SwinConfig(
        image_size=384,
        window_size=12,
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        out_features=["stage2", "stage3", "stage4"],
    )
    model = ports.MMGroundingDinoForObjectDetection(ports.MMGroundingDinoConfig(backbone_config=swin))
    make_lively(model)
    write_tokenizer(folder)
    model.save_pretrained(str(folder))


def make_sam2(folder: Path) -> None:
    import transformers

    ports: Any = transformers
    hiera = ports.Sam2HieraDetConfig(
        hidden_size=144,
        num_attention_heads=2,
        blocks_per_stage=[2, 6, 36, 4],
        embed_dim_per_stage=[144, 288, 576, 1152],
        num_attention_heads_per_stage=[2, 4, 8, 16],
        window_size_per_stage=[8, 4, 16, 8],
        global_attention_blocks=[23, 33, 43],
    )
    vision = ports.Sam2VisionConfig(backbone_config=hiera, backbone_channel_list=[1152, 576, 288, 144])
    ports.Sam2Model(ports.Sam2Config(vision_config=vision)).save_pretrained(str(folder))


def make_sam3(folder: Path) -> None:
    import transformers

    from tests.tiny.text import byte_tokenizer

    ports: Any = transformers
    pad, start, end = "<pad>", "<|startoftext|>", "<|endoftext|>"
    tokenizer = byte_tokenizer(start, end, (pad, start, end), bos_token=start, eos_token=end, pad_token=pad)
    ports.Sam3Model(ports.Sam3Config()).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def make_edgetam(folder: Path) -> None:
    import transformers

    ports: Any = transformers
    seen = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    backbone = ports.TimmWrapperConfig(architecture="repvit_m1", model_args=seen)
    vision = ports.EdgeTamVisionConfig(backbone_config=backbone)
    ports.EdgeTamModel(ports.EdgeTamConfig(vision_config=vision)).save_pretrained(str(folder))


def make_siglip(folder: Path) -> None:
    import transformers

    from tests.tiny.text import byte_tokenizer

    ports: Any = transformers
    tokenizer = byte_tokenizer("", "</s>", ("</s>",), eos_token="</s>", pad_token="</s>")
    layers = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}
    text = {"vocab_size": 256_000, "max_position_embeddings": 64, "projection_size": 1152, **layers}
    config = ports.SiglipConfig(text_config=text, vision_config={"image_size": 384, "patch_size": 14, **layers})
    ports.SiglipModel(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    ports.SiglipImageProcessor(size={"height": 384, "width": 384}).save_pretrained(str(folder))


def make_qwen(folder: Path, name: str) -> None:
    import torch

    from tests.tiny.caption import make_qwen as make

    size = QWEN[name.rpartition("-")[2]]
    text = {**size, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "initializer_range": 0.02}
    rope = {"rope_type": "default", "mrope_section": [24, 20, 20], "rope_theta": 5_000_000.0}
    vision = {**SEES, "out_hidden_size": size["hidden_size"], "deepstack_visual_indexes": [5, 11, 17]}
    torch.set_default_dtype(torch.bfloat16)
    try:
        grown = {**text, "rope_scaling": rope, "rope_parameters": rope}
        make(folder, "Qwen3VL", text=grown, vision=vision, pictures=PICTURES, spread=0.02, tie_word_embeddings=True)
    finally:
        torch.set_default_dtype(torch.float32)
