"""How large published weights are, as far as that is known here, so that it is told before they are fetched.

What a step fetches of a repository counts: one form of the weights, and none of its other models. All are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping

from labelyard.generate.checkpoint import Checkpoint

MB, GB = 10**6, 10**9
FLUX = 34 * GB  # its transformer, two text encoders and VAE, in bfloat16
# By a hub's id, or a path at the hub.
KNOWN: Mapping[str, int] = {
    "PekingU/rtdetr_r50vd_coco_o365": 172 * MB,
    "Qwen/Qwen2.5-VL-7B-Instruct": 16_600 * MB,
    "ZhengPeng7/BiRefNet/model.safetensors": 444 * MB,
    "black-forest-labs/FLUX.1-Depth-dev": FLUX,
    "black-forest-labs/FLUX.1-Fill-dev": FLUX,
    "black-forest-labs/FLUX.1-Kontext-dev": FLUX,
    "black-forest-labs/FLUX.1-dev": FLUX,
    "briaai/RMBG-2.0/model.safetensors": 885 * MB,
    "depth-anything/Depth-Anything-V2-Large-hf": 1_340 * MB,
    "facebook/sam2.1-hiera-large": 898 * MB,
    "h94/IP-Adapter": 4_390 * MB,  # the adapter for SDXL, and the encoder that it asks
    "lllyasviel/Annotators/ControlNetHED.pth": 29 * MB,
    "lllyasviel/Annotators/body_pose_model.pth": 209 * MB,
    "lllyasviel/Annotators/mlsd_large_512_fp32.pth": 6 * MB,
    "lllyasviel/Annotators/upernet_global_small.pth": 206 * MB,
}


def about(checkpoint: Checkpoint) -> str | None:
    """'about 16.6 GB'; None where it is not known, or some of it is not fetched."""
    size = None if checkpoint.parts and checkpoint.parts.without else KNOWN.get(checkpoint.location)
    if size is None:
        return None
    return f"about {size / GB:.3g} GB" if size >= GB else f"about {size / MB:.0f} MB"
