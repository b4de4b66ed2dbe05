"""A call of a pipeline: settings under the names that its class has for them, and what it answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.utils.errors import nearest
from labelyard.utils.text import one_line

# What a setting is called by the pipelines.
NAMES = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "image_guidance": "image_guidance_scale",
    "negative": "negative_prompt",
    "frames": "num_frames",
}
# Said by the step itself.
OURS = {"self", "generator", "latents", "output_type", "return_dict", "num_images_per_prompt", "num_videos_per_prompt"}
FRAMED = ("divisible", "multiple of")  # in what pipelines say of a size that they can't make


def takes(pipe: Any, name: str) -> bool:
    return name in inspect.signature(type(pipe).__call__).parameters


def arguments(pipe: Any, settings: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """`settings`: by the step's own words, what is None or an empty text left out; `options`: by the pipeline's."""
    known = inspect.signature(type(pipe).__call__).parameters
    found: dict[str, Any] = {}
    for setting, value in settings.items():
        name = NAMES.get(setting, setting)
        if value is None or value == "":
            continue
        if name not in known:
            raise FatalError(f"{setting}={_shown(value)}: {type(pipe).__name__} takes no {name}; use {setting}=null")
        found[name] = value
    for name, value in options.items():
        if name not in known or name in OURS:
            others = sorted(set(known) - OURS - set(found))
            likely = nearest(name, others)
            raise FatalError(
                f"options={{{name}: …}}: {type(pipe).__name__} takes no such argument"
                + (f"; did you mean {likely}?" if likely else f"; it takes {', '.join(others)}")
            )
        found[name] = value
    return found


def _shown(value: Any) -> str:
    return one_line(str(value), 60)


def generators(seeds: Sequence[int]) -> Any:
    """One for each picture, on the CPU: what is drawn is the same on every device, and in every company."""
    import torch

    made = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    return made if len(made) > 1 else made[0]


def answer(pipe: Any, seeds: Sequence[int], given: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Called without gradients. A size that no picture of this pipeline can have is the settings' fault."""
    import torch

    try:
        with torch.no_grad(), _drawn_from(seeds[0]):
            return pipe(**arguments(pipe, given, options), generator=generators(seeds))
    except ValueError as error:
        if any(words in str(error) for words in FRAMED):
            sizes = [f"{name}={given[name]}" for name in ("width", "height", "frames") if given.get(name)]
            raise FatalError(f"{', '.join(sizes) or 'size'}: {one_line(str(error), 200)}") from error
        raise


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Some pipelines (I2VGenXL, of a picture's latents) draw from torch's own generators whatever they are given."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def refused(found: Any, count: int) -> list[bool]:
    """Which of the pictures the pipeline's own safety checker has blackened."""
    flags = getattr(found, "nsfw_content_detected", None)
    return [bool(flag) for flag in flags] if flags else [False] * count
