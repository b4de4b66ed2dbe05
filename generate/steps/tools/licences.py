"""Under which licences the models' weights and code are, as far as that is known here.

A checkpoint that this project names is looked up. Of another one the model card is asked (README.md, beside a folder's
weights or in the hub's cache), which `launch/fetch.py` brings along. What neither says is told as not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from labelyard.generate.checkpoint import Checkpoint, Licence

CARD = "README.md"
# As licences are called in cards, and in names of licences that are none of the usual ones.
FORBIDS = re.compile(r"(^|[-_ ])(nc|non-?commercial|research)([-_ ]|$)", re.IGNORECASE)


APACHE = Licence("Apache-2.0")
MIT = Licence("MIT")
BSD = Licence("BSD-3-Clause")
DEPTH_ANYTHING = Licence("CC-BY-NC-4.0", "Apache-2.0", commercial=False)
OPT = Licence(
    "MIT, with the OPT inside under Meta's OPT licence", "BSD-3-Clause", commercial=False, note="research only"
)
MASK2FORMER = Licence("CC-BY-NC-4.0", "MIT", commercial=False, note="by its authors' model zoo")
LLAMA2 = Licence("Llama 2 Community License", "Apache-2.0", note="commercial use below 700 million users a month")
FLUX_DEV = Licence("FLUX.1 [dev] Non-Commercial License", "Apache-2.0", commercial=False, gated=True)
STABILITY = Licence(
    "Stability AI Community License", "Apache-2.0", gated=True, note="commercial use below a revenue of 1 million USD"
)
RAIL = Licence("CreativeML Open RAIL-M", "Apache-2.0", note="with restrictions of use")
RAIL_PLUS = Licence("CreativeML Open RAIL++-M", "Apache-2.0", note="with restrictions of use")
COGVIDEOX = Licence("CogVideoX License", "Apache-2.0", note="commercial use after registration")
LTX = Licence("LTX-Video Open Weights License", "Apache-2.0", note="its terms depend on the version")
QWEN_RESEARCH = Licence("Qwen Research License", "Apache-2.0", commercial=False)
MARIGOLD = Licence("OpenRAIL++-M", "Apache-2.0", note="with restrictions of use; by its authors' repository")
DSINE = Licence("Imperial College London's of DSINE", commercial=False, note="research only, the code too")
OPENPOSE = Licence("CMU's of OpenPose", commercial=False, note="academic or non-profit research only")
GEMMA = Licence("Gemma Terms of Use", "Apache-2.0", gated=True, note="free to use, but for what its policy prohibits")
SAM3 = Licence("SAM License", gated=True, note="free to use; passed on under the same terms, and with uses it forbids")
ROBOFLOW = Licence("Platform Model License 1.0", "Apache-2.0", note="Roboflow's own, which says who may use it")
NVIDIA = Licence("NVIDIA Source Code License", commercial=False)
# By the beginning of a hub's id, or of a path at the hub; the longest that fits counts.
KNOWN: Mapping[str, Licence] = {
    "HuggingFaceTB/SmolVLM": APACHE,
    "IDEA-Research/grounding-dino-": APACHE,
    "Intel/dpt-": APACHE,
    "Lightricks/LTX-Video": LTX,
    "LiheYoung/depth-anything-": APACHE,
    "OpenGVLab/InternVL3_5-": APACHE,
    "PekingU/rtdetr_": APACHE,
    "Qwen/Qwen-Image": APACHE,
    "Qwen/Qwen2-VL-2B-Instruct": APACHE,
    "Qwen/Qwen2-VL-7B-Instruct": APACHE,
    "Qwen/Qwen2.5-0.5B-Instruct": APACHE,
    "Qwen/Qwen2.5-1.5B-Instruct": APACHE,
    "Qwen/Qwen2.5-14B-Instruct": APACHE,
    "Qwen/Qwen2.5-32B-Instruct": APACHE,
    "Qwen/Qwen2.5-3B-Instruct": QWEN_RESEARCH,
    "Qwen/Qwen2.5-7B-Instruct": APACHE,
    "Qwen/Qwen2.5-VL-3B-Instruct": QWEN_RESEARCH,
    "Qwen/Qwen2.5-VL-7B-Instruct": APACHE,
    "Qwen/Qwen3-VL-": APACHE,
    "Roboflow/rf-detr-": APACHE,
    "Roboflow/rf-detr-2xlarge": ROBOFLOW,
    "Roboflow/rf-detr-xlarge": ROBOFLOW,
    "Salesforce/blip-image-captioning-": BSD,
    "Salesforce/blip2-flan-t5-": Licence("MIT", "BSD-3-Clause"),
    "Salesforce/blip2-opt-": OPT,
    "Shakker-Labs/FLUX.1-dev-ControlNet-Depth": replace(FLUX_DEV, gated=False),
    "THUDM/CogVideoX-2b": APACHE,
    "THUDM/CogVideoX-5b": COGVIDEOX,
    "Tongyi-MAI/Z-Image": APACHE,
    "Wan-AI/Wan2": APACHE,
    "ZhengPeng7/BiRefNet": MIT,
    "ali-vilab/i2vgen-xl": MIT,
    "ali-vilab/text-to-video-ms-1.7b": Licence("CC-BY-NC-4.0", "Apache-2.0", commercial=False),
    "black-forest-labs/FLUX.1-Canny-dev": FLUX_DEV,
    "black-forest-labs/FLUX.1-Depth-dev": FLUX_DEV,
    "black-forest-labs/FLUX.1-Fill-dev": FLUX_DEV,
    "black-forest-labs/FLUX.1-Kontext-dev": FLUX_DEV,
    "black-forest-labs/FLUX.1-Redux-dev": FLUX_DEV,
    "black-forest-labs/FLUX.1-dev": FLUX_DEV,
    "black-forest-labs/FLUX.1-schnell": APACHE,
    "black-forest-labs/FLUX.2-klein-4B": APACHE,
    "black-forest-labs/FLUX.2-klein-9B": replace(FLUX_DEV, weights="FLUX Non-Commercial License"),
    "briaai/RMBG-2.0": Licence("CC-BY-NC-4.0", "MIT", commercial=False, gated=True),
    "depth-anything/Depth-Anything-V2-Base": DEPTH_ANYTHING,
    "depth-anything/Depth-Anything-V2-Large": DEPTH_ANYTHING,
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Base": DEPTH_ANYTHING,
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Large": DEPTH_ANYTHING,
    "depth-anything/Depth-Anything-V2-Metric-Indoor-Small": APACHE,
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Base": DEPTH_ANYTHING,
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Large": DEPTH_ANYTHING,
    "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small": APACHE,
    "depth-anything/Depth-Anything-V2-Small": APACHE,
    "diffusers/controlnet-": RAIL_PLUS,
    "diffusers/stable-diffusion-xl-1.0-inpainting-": RAIL_PLUS,
    "emilianJR/epiCRealism": RAIL,
    "facebook/mask2former-": MASK2FORMER,
    "facebook/sam-vit-": APACHE,
    "facebook/sam2": APACHE,
    "facebook/sam3": SAM3,
    "florence-community/Florence-2-": MIT,
    "google-bert/bert-": APACHE,
    "google/gemma-3-": GEMMA,
    "google/owlv2-": APACHE,
    "google/owlvit-": APACHE,
    "google/siglip-": APACHE,
    "google/siglip2-": APACHE,
    "guoyww/animatediff-motion-adapter-": APACHE,
    "h94/IP-Adapter": APACHE,
    "iSEE-Laboratory/llmdet_": APACHE,
    "lavis:blip2_opt/": OPT,
    "lavis:blip2_t5/": Licence("MIT", "BSD-3-Clause"),
    "llava-hf/llava-1.5-": LLAMA2,
    "lllyasviel/Annotators/ControlNetHED.pth": APACHE,
    "lllyasviel/Annotators/body_pose_model.pth": OPENPOSE,
    "lllyasviel/Annotators/mlsd_large_512_fp32.pth": APACHE,
    "lllyasviel/Annotators/upernet_global_small.pth": APACHE,
    "lllyasviel/ControlNet/annotator/ckpts/body_pose_model.pth": OPENPOSE,
    "lllyasviel/ControlNet/annotator/ckpts/upernet_global_small.pth": APACHE,
    "nvidia/segformer-": NVIDIA,
    "omlab/omdet-turbo-": APACHE,
    "openai/clip-vit-": MIT,
    "openmmlab-community/mm_grounding_dino_": APACHE,
    "openmmlab/upernet-": MIT,
    "prs-eth/marigold-normals-lcm-v0-1": APACHE,
    "prs-eth/marigold-normals-v1-1": MARIGOLD,
    "rhymes-ai/Allegro": APACHE,
    "stabilityai/stable-diffusion-3-medium": STABILITY,
    "stabilityai/stable-diffusion-3.5": STABILITY,
    "stabilityai/stable-diffusion-xl-": RAIL_PLUS,
    "stabilityai/stable-video-diffusion-": STABILITY,
    "syscv-community/sam-hq-vit-": APACHE,
    "timbrooks/instruct-pix2pix": MIT,
    "tue-mps/coco_instance_eomt_": MIT,
    "ustc-community/dfine-": APACHE,
    "usyd-community/vitpose-": APACHE,
    "xinyu1205/recognize-anything-plus-model": APACHE,
    "xinyu1205/recognize_anything_model": APACHE,
    "yonigozlan/EdgeTAM-": APACHE,
    "zai-org/CogVideoX-2b": APACHE,
    "zai-org/CogVideoX-5b": COGVIDEOX,
}


class Licensed(Protocol):
    """A step, as far as licences go."""

    def licences(self) -> dict[str, Licence | None]: ...


def licence_of(checkpoint: Checkpoint) -> Licence | None:
    fitting = [start for start in KNOWN if checkpoint.location.startswith(start)]
    return KNOWN[max(fitting, key=len)] if fitting else _of_card(checkpoint)


def told(step: Licensed) -> Iterator[str]:
    """What is known of each of a step's checkpoints."""
    for location, licence in step.licences().items():
        yield f"{location}: {licence or 'licence not known here; its model card says it'}"


def warnings(steps: Mapping[str, Licensed]) -> list[str]:
    """Where a licence bites: a line for each checkpoint whose weights may not be used commercially."""
    return [
        f"{name}: {location} may not be used commercially ({licence})"
        for name, step in steps.items()
        for location, licence in step.licences().items()
        if licence is not None and not licence.commercial
    ]


def _of_card(checkpoint: Checkpoint) -> Licence | None:
    path = _card(checkpoint)
    try:
        text = path.read_text(encoding="utf-8") if path is not None else ""
    except (OSError, UnicodeDecodeError):
        return None
    return licence_in(text)


def _card(checkpoint: Checkpoint) -> Path | None:
    from labelyard.generate.steps.tools.published import cached_hub_file, hub_file
    from labelyard.generate.steps.tools.weights import kind

    named = hub_file(checkpoint.location)
    if named or kind(checkpoint.location) == "hub":
        return cached_hub_file(named[0] if named else checkpoint.location, CARD, checkpoint.revision)
    path = Path(checkpoint.location).expanduser()
    return (path if path.is_dir() else path.parent) / CARD


def licence_in(card: str) -> Licence | None:
    """Of a model card: its head is YAML, with `license`, and `license_name` where that is `other`."""
    import yaml

    parts = card.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        head = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return None
    found = head.get("license") if isinstance(head, dict) else None
    name = found[0] if isinstance(found, list) and found else found
    if name == "other":
        name = head.get("license_name") or name
    if not isinstance(name, str) or not name:
        return None
    gated = any(key.startswith("extra_gated") for key in head if isinstance(key, str))
    return Licence(name, commercial=not FORBIDS.search(name), gated=gated, note="says its model card")
