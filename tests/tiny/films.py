"""Tiny pipelines that make films."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny.pipelines import clip_text, clip_tokenizer, ports, saved, seeded, t5_encoder, t5_tokenizer, vae

NOISE = {"beta_start": 0.00085, "beta_end": 0.012}


def ddim(**more: Any) -> Any:
    return ports().DDIMScheduler(
        beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, **NOISE, **more
    )


def vision(width: int = 32, size: int = 224, patch: int = 56) -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=size,
            intermediate_size=37,
            patch_size=patch,
        )
    )


def crops(size: int = 224) -> Any:
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(crop_size={"height": size, "width": size}, size={"shortest_edge": size})


def unet(width: int = 8) -> dict[str, Any]:
    return {
        "block_out_channels": (width, width),
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "cross_attention_dim": 32,
        "norm_num_groups": 2,
    }


def make_modelscope(folder: Path) -> Path:
    seeded()
    clip = clip_tokenizer(folder / "words")
    network = ports().UNet3DConditionModel(
        **unet(),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        attention_head_dim=4,
    )
    parts = {"vae": vae(), "text_encoder": clip_text(clip), "tokenizer": clip}
    return saved(folder, "TextToVideoSDPipeline", unet=network, scheduler=ddim(), **parts)


def make_animatediff(folder: Path) -> Path:
    """Pictures' pipeline, and beside it in `motion` what sets it in motion."""
    seeded()
    clip = clip_tokenizer(folder / "words")
    network = ports().UNet2DConditionModel(
        **unet(),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    motion = ports().MotionAdapter(
        block_out_channels=(8, 8), motion_layers_per_block=2, motion_norm_num_groups=2, motion_num_attention_heads=4
    )
    motion.save_pretrained(str(folder / "motion"))
    none = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    parts = {"vae": vae(), "text_encoder": clip_text(clip), "tokenizer": clip, "unet": network}
    return saved(folder, "StableDiffusionPipeline", scheduler=ddim(), **parts, **none)


def make_i2vgen_xl(folder: Path) -> Path:
    seeded()
    clip = clip_tokenizer(folder / "words")
    network = ports().I2VGenXLUNet(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=4,
        attention_head_dim=4,
        num_attention_heads=None,
        norm_num_groups=2,
    )
    return saved(
        folder,
        "I2VGenXLPipeline",
        vae=vae(levels=(8,), sample_size=32),
        text_encoder=clip_text(clip, width=4),
        tokenizer=clip,
        image_encoder=vision(4, 32, 8),
        feature_extractor=crops(32),
        unet=network,
        scheduler=ddim(),
    )


def make_svd(folder: Path) -> Path:
    seeded()
    network = ports().UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        sample_size=8,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=32,
        num_attention_heads=4,
        projection_class_embeddings_input_dim=96,
        addition_time_embed_dim=32,
    )
    decoder = ports().AutoencoderKLTemporalDecoder(
        block_out_channels=(32, 32), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4
    )
    scheduler = ports().EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        interpolation_type="linear",
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        steps_offset=1,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
        **NOISE,
    )
    parts = {"vae": decoder, "image_encoder": vision(), "unet": network, "scheduler": scheduler}
    return saved(folder, "StableVideoDiffusionPipeline", feature_extractor=crops(), **parts)


def make_allegro(folder: Path) -> Path:
    seeded()
    t5 = t5_tokenizer()
    transformer = ports().AllegroTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        cross_attention_dim=24,
        sample_width=8,
        sample_height=8,
        sample_frames=8,
        caption_channels=24,
    )
    decoder = ports().AutoencoderKLAllegro(
        down_block_types=("AllegroDownBlock3D",) * 4,
        up_block_types=("AllegroUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
        sample_size=128,  # of a tile; what is smaller becomes grey
    )
    parts = {"tokenizer": t5, "text_encoder": t5_encoder(t5, 24), "vae": decoder, "transformer": transformer}
    return saved(folder, "AllegroPipeline", scheduler=ports().DDIMScheduler(), **parts)


def make_cogvideox(folder: Path, of_image: bool = False) -> Path:
    seeded()
    t5 = t5_tokenizer()
    heads = (2, 16) if of_image else (4, 8)
    positions = {"use_rotary_positional_embeddings": True, "use_learned_positional_embeddings": True}
    transformer = ports().CogVideoXTransformer3DModel(
        num_attention_heads=heads[0],
        attention_head_dim=heads[1],
        in_channels=8 if of_image else 4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=32,
        num_layers=1,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        patch_size=2,
        temporal_compression_ratio=4,
        max_text_seq_length=16,
        **(positions if of_image else {}),
    )
    decoder = ports().AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )
    parts = {"tokenizer": t5, "text_encoder": t5_encoder(t5), "vae": decoder, "transformer": transformer}
    name = "CogVideoXImageToVideoPipeline" if of_image else "CogVideoXPipeline"
    return saved(folder, name, scheduler=ports().CogVideoXDDIMScheduler(), **parts)


def make_cogvideox_i2v(folder: Path) -> Path:
    return make_cogvideox(folder, of_image=True)


def make_wan(folder: Path, of_image: bool = False) -> Path:
    seeded()
    t5 = t5_tokenizer()
    transformer = ports().WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=36 if of_image else 16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
        **({"image_dim": 4} if of_image else {}),
    )
    decoder = ports().AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    parts = {"tokenizer": t5, "text_encoder": t5_encoder(t5, kind="UMT5"), "vae": decoder, "transformer": transformer}
    parts |= {"scheduler": ports().FlowMatchEulerDiscreteScheduler(shift=7.0)}
    if of_image:
        parts |= {"image_encoder": vision(4, 32, 8), "image_processor": crops(32)}
    return saved(folder, "WanImageToVideoPipeline" if of_image else "WanPipeline", **parts)


def make_wan_i2v(folder: Path) -> Path:
    return make_wan(folder, of_image=True)


def make_ltx(folder: Path, pipeline: str = "LTXPipeline") -> Path:
    seeded()
    t5 = t5_tokenizer()
    transformer = ports().LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=32,
    )
    decoder = ports().AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(False, False, False, False, False),
        upsample_residual=(False, False, False, False),
        upsample_factor=(1, 1, 1, 1),
        timestep_conditioning=False,
        patch_size=1,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    parts = {"tokenizer": t5, "text_encoder": t5_encoder(t5), "vae": decoder, "transformer": transformer}
    return saved(folder, pipeline, scheduler=ports().FlowMatchEulerDiscreteScheduler(), **parts)


def make_ltx_i2v(folder: Path) -> Path:
    return make_ltx(folder, "LTXImageToVideoPipeline")
