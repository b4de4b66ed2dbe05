"""Tiny pipelines of diffusers with random weights, as folders: their parts, and those that make pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LETTERS = [chr(code) for code in range(33, 127)]
DOWN, UP = "DownEncoderBlock2D", "UpDecoderBlock2D"


def ports() -> Any:
    import diffusers

    return diffusers


def clip_tokenizer(folder: Path) -> Any:
    """Letter by letter; lower case, as CLIP's is."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(str(folder), model_max_length=77)


def t5_tokenizer() -> Any:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    made = Tokenizer(models.Unigram(pieces, unk_id=2))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    marks = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    ready: Any = transformers
    return ready.T5TokenizerFast(tokenizer_object=made, extra_ids=0, **marks)


def clip_text(tokenizer: Any, projected: bool = False, width: int = 32) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4 if width % 4 == 0 else 1,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        projection_dim=width,
        initializer_range=0.3,  # its default gives every text nearly the same numbers
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def t5_encoder(tokenizer: Any, width: int = 32, kind: str = "T5") -> Any:
    import transformers

    classes: Any = transformers
    config = getattr(classes, f"{kind}Config")(
        vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    return getattr(classes, f"{kind}EncoderModel")(config)


def vae(latents: int = 4, levels: tuple[int, ...] = (8, 8, 16, 16), **more: Any) -> Any:
    """Of four levels, as the real ones: with fewer, attention sees many times as many places."""
    return ports().AutoencoderKL(
        block_out_channels=levels,
        norm_num_groups=4,
        down_block_types=(DOWN,) * len(levels),
        up_block_types=(UP,) * len(levels),
        latent_channels=latents,
        **more,
    )


def flux_vae() -> Any:
    return vae(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06, scaling_factor=1.5)


def flux_transformer(channels: int = 16, out: int | None = None) -> Any:
    return ports().FluxTransformer2DModel(
        patch_size=1,
        in_channels=channels,
        out_channels=out,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )


def flux_parts(folder: Path) -> dict[str, Any]:
    clip, t5 = clip_tokenizer(folder / "words"), t5_tokenizer()
    return {
        "scheduler": ports().FlowMatchEulerDiscreteScheduler(),
        "vae": flux_vae(),
        "text_encoder": clip_text(clip),
        "tokenizer": clip,
        "text_encoder_2": t5_encoder(t5),
        "tokenizer_2": t5,
    }


def saved(folder: Path, pipeline: str, **parts: Any) -> Path:
    made = getattr(ports(), pipeline)(**parts)
    made.save_pretrained(str(folder))
    return folder


def seeded(seed: int = 0) -> None:
    import torch

    torch.manual_seed(seed)


def make_flux(folder: Path) -> Path:
    seeded()
    return saved(folder, "FluxPipeline", transformer=flux_transformer(), **flux_parts(folder))


def make_sd3(folder: Path) -> Path:
    seeded()
    clip, t5 = clip_tokenizer(folder / "words"), t5_tokenizer()
    transformer = ports().SD3Transformer2DModel(
        sample_size=32,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    )
    return saved(
        folder,
        "StableDiffusion3Pipeline",
        transformer=transformer,
        scheduler=ports().FlowMatchEulerDiscreteScheduler(),
        vae=flux_vae(),
        text_encoder=clip_text(clip, projected=True),
        tokenizer=clip,
        text_encoder_2=clip_text(clip, projected=True),
        tokenizer_2=clip,
        text_encoder_3=t5_encoder(t5),
        tokenizer_3=t5,
    )


def make_instruct_pix2pix(folder: Path) -> Path:
    seeded()
    clip = clip_tokenizer(folder / "words")
    network = ports().UNet2DConditionModel(
        block_out_channels=(16, 32),
        norm_num_groups=8,
        attention_head_dim=4,
        layers_per_block=1,
        sample_size=32,
        in_channels=8,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
    )
    scheduler = ports().EulerAncestralDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    none = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return saved(
        folder,
        "StableDiffusionInstructPix2PixPipeline",
        vae=vae(),
        text_encoder=clip_text(clip),
        tokenizer=clip,
        unet=network,
        scheduler=scheduler,
        **none,
    )


def make_kontext(folder: Path) -> Path:
    seeded()
    return saved(folder, "FluxKontextPipeline", transformer=flux_transformer(), **flux_parts(folder))


def make_flux_fill(folder: Path) -> Path:
    """Of 16 numbers of the picture, 16 of what is kept of it, and 4 x 64 of the mask."""
    seeded()
    return saved(folder, "FluxFillPipeline", transformer=flux_transformer(16 * 2 + 256, 16), **flux_parts(folder))


def make_flux_control(folder: Path) -> Path:
    seeded()
    return saved(folder, "FluxControlPipeline", transformer=flux_transformer(32, 16), **flux_parts(folder))


def make_flux_controlnet(folder: Path) -> Path:
    """Beside it, in `control`, the ControlNet."""
    seeded()
    control = ports().FluxControlNetModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )
    awake(control)
    control.save_pretrained(str(folder / "control"))
    return saved(folder, "FluxPipeline", transformer=flux_transformer(), **flux_parts(folder))


def awake(control: Any) -> None:
    """A ControlNet begins with layers of zeros, and says nothing before it is trained."""
    import torch

    for weight in control.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.3)


def make_redux(folder: Path) -> Path:
    """FLUX, and beside it in `prior` what sees the style."""
    from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

    seeded()
    saved(folder, "FluxPipeline", transformer=flux_transformer(), **flux_parts(folder))
    sees = SiglipVisionModel(
        SiglipVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
        )
    )
    embedder = ports().pipelines.flux.modeling_flux.ReduxImageEncoder(redux_dim=16, txt_in_features=32)
    none = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    size = {"height": 32, "width": 32}
    parts = {"image_encoder": sees, "feature_extractor": SiglipImageProcessor(size=size), "image_embedder": embedder}
    saved(folder / "prior", "FluxPriorReduxPipeline", **parts, **none)
    return folder


def make_sdxl(folder: Path) -> Path:
    """SDXL; beside it in `control` a ControlNet, and in `adapter` an IP-Adapter, laid out as at the hub."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    seeded()
    clip = clip_tokenizer(folder / "words")
    network: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 2,
        "in_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "attention_head_dim": (2, 2),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "transformer_layers_per_block": 1,
        "projection_class_embeddings_input_dim": 6 * 8 + 32,
        "cross_attention_dim": 64,
        "norm_num_groups": 4,
    }
    unet = ports().UNet2DConditionModel(
        **network, sample_size=8, out_channels=4, up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")
    )
    control = ports().ControlNetModel(**network, conditioning_embedding_out_channels=(8, 8, 16, 16))
    awake(control)
    control.save_pretrained(str(folder / "control"))
    sees = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16,
            projection_dim=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=224,
            intermediate_size=32,
            patch_size=56,
        )
    )
    inside = folder / "adapter" / "sdxl_models"
    sees.save_pretrained(str(inside / "image_encoder"))
    weights = {"image_proj.proj.weight": torch.randn(4 * 64, 16), "image_proj.proj.bias": torch.zeros(4 * 64)}
    weights |= {"image_proj.norm.weight": torch.ones(64), "image_proj.norm.bias": torch.zeros(64)}
    crossings = [name for name in unet.attn_processors if "attn2" in name]
    for number, name in enumerate(crossings):
        wide = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape
        for part in ("k", "v"):
            weights[f"ip_adapter.{2 * number + 1}.to_{part}_ip.weight"] = torch.randn(*wide)
    save_file(weights, str(inside / "ip.safetensors"))
    scheduler = ports().EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    return saved(
        folder,
        "StableDiffusionXLPipeline",
        vae=vae(),
        text_encoder=clip_text(clip),
        tokenizer=clip,
        text_encoder_2=clip_text(clip, projected=True),
        tokenizer_2=clip,
        unet=unet,
        scheduler=scheduler,
    )


KLEIN = {"max_sequence_length": 32, "text_encoder_out_layers": [1, 2]}


def make_klein(folder: Path) -> Path:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from tests.tiny.text import byte_tokenizer

    seeded()
    words = byte_tokenizer("", "", ("<pad>", "<end>"), pad_token="<pad>", eos_token="<end>")
    words.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    says = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
            intermediate_size=64,
            max_position_embeddings=64,
            initializer_range=0.3,
        )
    )
    transformer = ports().Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=64,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    decoder = ports().AutoencoderKLFlux2(
        block_out_channels=(8, 8, 16, 16), layers_per_block=1, latent_channels=4, norm_num_groups=4
    )
    scheduler = ports().FlowMatchEulerDiscreteScheduler()
    parts = {"scheduler": scheduler, "vae": decoder, "text_encoder": says, "tokenizer": words}
    return saved(folder, "Flux2KleinPipeline", transformer=transformer, is_distilled=True, **parts)
