"""Pipelines of diffusers, by the name of their class, from a folder or the hub's cache to the device.

Whatever is wrong is said before any item is touched. Nothing is fetched here, and no code of a checkpoint is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.diffusers.repairs import repair
from labelyard.generate.steps.tools.model_cache import snapshot
from labelyard.generate.steps.tools.parts import INDEX
from labelyard.generate.steps.tools.weights import explained, how_to_fetch, kind, quiet, torch_dtype
from labelyard.utils.errors import nearest

LACKING = "diffusers: not installed; run: pip install -e '.[draw]'"
SINGLE = (
    "a single file; give the folder of a pipeline, with its model_index.json. diffusers' own "
    "scripts/convert_original_stable_diffusion_to_diffusers.py makes one of a file like this"
)


Adapt = Callable[[Any], Any]


@dataclass(frozen=True)
class Wanted:
    """A pipeline, and how it is to be loaded."""

    checkpoint: Checkpoint
    pipeline: str | None  # a class of diffusers; None: the one that the checkpoint names
    dtype: str
    device: str
    in_float32: Sequence[str] = ()  # parts that are kept in it
    scheduler: str | None = None  # a class of diffusers, instead of the checkpoint's
    scheduler_options: Mapping[str, Any] = field(default_factory=dict)
    offload: str = "none"
    tiling: bool = False


def load_pipeline(wanted: Wanted, given: Mapping[str, Any], adapt: Adapt = lambda pipe: pipe) -> Any:
    """`given`: parts that are there already, by name; None for one that is left out. `adapt` may add to it, before it
    goes to the device."""
    library = diffusers()
    folder = folder_of(wanted.checkpoint)
    if not (folder / INDEX).is_file():
        raise FatalError(f"{wanted.checkpoint.location}: no pipeline: it has no {INDEX}; {how_to_fetch()}")
    made_by = named(wanted.pipeline, "pipeline", library.DiffusionPipeline) if wanted.pipeline else None
    loader = made_by or library.DiffusionPipeline
    parts = wanted.checkpoint.parts
    variant = {"variant": parts.variant} if parts is not None and parts.variant else {}
    try:
        with quiet():
            pipe = loader.from_pretrained(str(folder), dtype=_dtypes(wanted), **variant, **given)
    except Exception as error:  # a damaged checkpoint raises whatever its reader likes
        raise explained(wanted.checkpoint.location, loader, error) from error
    pipe.set_progress_bar_config(disable=True)
    if wanted.scheduler or wanted.scheduler_options:
        kind_of = named(wanted.scheduler, "scheduler", library.SchedulerMixin) if wanted.scheduler else None
        pipe.scheduler = (kind_of or type(pipe.scheduler)).from_config(
            pipe.scheduler.config, **wanted.scheduler_options
        )
    repair(pipe)
    if wanted.tiling and hasattr(getattr(pipe, "vae", None), "enable_tiling"):
        pipe.vae.enable_tiling()
    return placed(adapt(pipe), wanted.device, wanted.offload)


def load_part(name: str, checkpoint: Checkpoint, dtype: str) -> Any:
    """One model of diffusers, alone in its folder."""
    loader = named(name, "part", diffusers().ModelMixin)
    try:
        with quiet():
            return loader.from_pretrained(str(folder_of(checkpoint)), dtype=torch_dtype(dtype))
    except Exception as error:
        raise explained(checkpoint.location, loader, error) from error


def placed(pipe: Any, device: str, offload: str) -> Any:
    """On the device: as a whole, or by parts when their turn comes, for GPUs too small for it all."""
    if device == "cpu" or offload == "none":
        return pipe.to(device)
    if offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)
    return pipe


def diffusers() -> Any:
    try:
        with quiet():
            import diffusers
    except ImportError as error:
        if error.name == "diffusers":
            raise FatalError(LACKING) from None
        raise FatalError(f"diffusers can't be imported ({error}); run: pip install -e '.[draw]'") from error
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    return diffusers


def named(name: str, setting: str, base: type) -> Any:
    """A class of diffusers."""
    library = diffusers()
    found = getattr(library, name, None)
    if not (isinstance(found, type) and issubclass(found, base)):
        likely = nearest(name, [n for n in dir(library) if n.endswith(("Pipeline", "Scheduler"))])
        raise FatalError(
            f"{setting}={name}: no such class in diffusers {library.__version__}"
            + (f"; did you mean {likely}?" if likely else "")
        )
    return found


def folder_of(checkpoint: Checkpoint) -> Path:
    location = checkpoint.location
    if kind(location) == "file":
        raise FatalError(f"{location}: {SINGLE}")
    if kind(location) == "hub":
        cached = snapshot(checkpoint)
        if cached is None:
            raise FatalError(f"{location}: not in the hub's cache here; {how_to_fetch()}")
        return cached
    path = Path(location).expanduser()
    if not path.is_dir():
        raise FatalError(f"{location}: there is no such folder; check the path, or {how_to_fetch()}")
    return path


def _dtypes(wanted: Wanted) -> Any:
    import torch

    usual = torch_dtype(wanted.dtype)
    if not wanted.in_float32:
        return usual
    return {"default": usual, **dict.fromkeys(wanted.in_float32, torch.float32)}
