"""The captioners and generators of Dataflow-Gen by their names, and which step does the work of each here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Role:
    """What a type of step reads of a row, and what it makes."""

    reads: str
    makes: str
    own: str  # the option of `dataflow` for a class of the user's


ROLES = {
    "ImageCaptioner": Role("image", "text", "image_captioner"),
    "ImageGenerator": Role("text", "image", "image_generator"),
    "TextGenerator": Role("text", "text", "text_generator"),
    "VideoCaptioner": Role("video", "text", "video_captioner"),
    "VideoGenerator": Role("text", "video", "video_generator"),
}


@dataclass(frozen=True)
class Known:
    kind: str  # of step, as in conf/
    option: str
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the step, where nothing is said of them
    api: bool = False  # a service is asked
    reads: tuple[str, ...] = ()  # of a row; empty: what its type says

    @property
    def draws(self) -> bool:
        return self.kind in ("draw", "film")


# As upstream's captioners draw their words.
DRAWN = {"temperature": 0.6, "top_p": 0.9, "top_k": 50, "repetition_penalty": 1.2}
QUESTION = "What is the content of this image?"
OF_VIDEOS = "Please describe the video in detail."
GPT = {"checkpoint": "openai:gpt-4o", "backend": "openai", "temperature": 0.2, "prompt": QUESTION}


def _captioner(checkpoint: str, **more: Any) -> Known:
    return Known("describe", "vlm", {"checkpoint": checkpoint, "prompt": QUESTION, **DRAWN, **more})


def _of_videos(checkpoint: str, **more: Any) -> Known:
    return _captioner(checkpoint, prompt=OF_VIDEOS, of=["video"], **more)


def _painter(checkpoint: str, pipeline: str, steps: int) -> Known:
    size = {"width": 1024, "height": 1024}
    how = {"steps": steps, "guidance": 4.5, "options": {"max_sequence_length": 512}, "format": "png"}
    return Known("draw", "diffusers", {"checkpoint": checkpoint, "pipeline": pipeline, **size, **how})


NAMES: dict[str, dict[str, Known]] = {
    "ImageCaptioner": {
        "BLIPCaptioner": _captioner("Salesforce/blip2-opt-2.7b"),
        "LLaVACaptioner": _captioner("llava-hf/llava-1.5-7b-hf"),
        "LLaVANeXTCaptioner": _captioner("llava-hf/llava-v1.6-mistral-7b-hf"),
        "LLaVAOneVisionCaptioner": _captioner("llava-hf/llava-onevision-qwen2-7b-ov-hf"),
        "MLLamaCaptioner": _captioner("meta-llama/Llama-3.2-11B-Vision-Instruct"),
        "Phi3VCaptioner": _captioner("microsoft/Phi-3-vision-128k-instruct"),
        "QwenVLCaptioner": _captioner("Qwen/Qwen2-VL-7B-Instruct"),
        "VLMCaptioner": _captioner("Qwen/Qwen2.5-VL-7B-Instruct"),
        "GPTCaptioner": Known("describe", "vlm", GPT, api=True),
        "ImageAPICaptioner": Known("describe", "vlm", GPT, api=True),
    },
    "TextGenerator": {
        "LocalModelGenerator": Known("rewrite", "llm", {"temperature": 1.0}),
        "APIGenerator": Known("rewrite", "llm", {**GPT, "temperature": 1.0, "prompt": ""}, api=True),
        "GPTTextGenerator": Known("rewrite", "llm", {**GPT, "prompt": ""}, api=True),
    },
    "VideoCaptioner": {
        "Qwen2VLCaptioner": _of_videos("Qwen/Qwen2-VL-7B-Instruct", frames=64),
        "LLaVAOVCaptioner": _of_videos("llava-hf/llava-onevision-qwen2-7b-ov-hf", frames=16),
        "LlavaNextVideoCaptioner": _of_videos("llava-hf/LLaVA-NeXT-Video-7B-hf", frames=32, per_second=1.0),
    },
    "ImageGenerator": {
        "FLUXGenerator": _painter("black-forest-labs/FLUX.1-dev", "FluxPipeline", 50),
        "StableDiffusionGenerator": _painter("stabilityai/stable-diffusion-3.5-large", "StableDiffusion3Pipeline", 28),
        "DiffusersGenerator": Known("draw", "diffusers", {"format": "png"}),
        "ImageAPIGenerator": Known("draw", "api", {"width": 1024, "height": 1024, "format": "png"}, api=True),
    },
    "VideoGenerator": {
        "AllegroGenerator": Known("film", "allegro"),
        "AnimateDiffGenerator": Known("film", "animatediff"),
        "CogVideoXT2VGenerator": Known("film", "cogvideox"),
        "CogVideoXGenerator": Known("film", "cogvideox_i2v", reads=("text", "image")),
        "I2VGenXLGenerator": Known("film", "i2vgen_xl", reads=("text", "image")),
        "ModelScopeT2VGenerator": Known("film", "modelscope"),
        "SVDGenerator": Known("film", "svd", reads=("image",)),
        "DiffusersVideoGenerator": Known("film", "diffusers"),
    },
}
# Names that documents, examples and code have for one class.
ALIASES = {
    "LLaVANeXTVideoCaptioner": "LlavaNextVideoCaptioner",
    "LLaVAOneVisionVideoCaptioner": "LLaVAOVCaptioner",
    "QwenVLVideoCaptioner": "Qwen2VLCaptioner",
    "StableDiffusion3Generator": "StableDiffusionGenerator",
    "Allegro": "AllegroGenerator",
    "AnimateDiff": "AnimateDiffGenerator",
    "CogVideoXT2V": "CogVideoXT2VGenerator",
    "CogVideoX": "CogVideoXGenerator",
    "I2VGenXL": "I2VGenXLGenerator",
    "ModelScopeT2V": "ModelScopeT2VGenerator",
    "SVD": "SVDGenerator",
}
