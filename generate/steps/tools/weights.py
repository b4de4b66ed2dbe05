"""Weights, from where the user has them to the device: a file, a transformers folder, or a hub's id.

Whatever is wrong with them is said before any item is touched: which file, why, and what to do. Nothing here
runs code out of a checkpoint: pickles are read by torch's restricted reader, and what needs more is refused.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from labelyard.generate.errors import FatalError
from labelyard.utils.programs import call
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Loaded = TypeVar("Loaded")
FILE_ENDINGS = (".pth", ".pt", ".bin", ".safetensors")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
DTYPES = ("float32", "bfloat16", "float16")
# How transformers and the hub's library say that a package is missing. The last is a hint in other errors, too.
WANTED = (
    re.compile(r"requires? (?:the )?[`'\"]?([\w.-]+)[`'\"]? (?:library|to be installed|package)\b"),
    re.compile(r"need to have ([\w.-]+(?: or [\w.-]+)*) installed"),
    re.compile(r"'?([\w.-]+)'? package is not (?:available|installed)"),
    re.compile(r"pip install (?:-U |--upgrade )?[`'\"]?([\w.-]+)"),
)
WRAPPERS = ("model", "state_dict", "model_state_dict", "module")  # under which trainers keep the weights


def kind(location: str) -> str:
    """'file', 'folder' or 'hub'. What looks like a path is one: a slip must not go to the hub."""
    path = Path(location).expanduser()
    if path.is_dir():
        return "folder"
    if path.is_file() or location.endswith(FILE_ENDINGS):
        return "file"
    if location.startswith((".", "/", "~")) or not HUB_ID.fullmatch(location):
        return "folder"
    return "hub"


def torch_dtype(name: str) -> torch.dtype:
    import torch

    check_dtype(name)
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def check_dtype(name: str) -> None:
    """For a step's `__post_init__`, where torch is not imported yet."""
    if name not in DTYPES:
        raise ValueError(f"dtype={name!r}: unknown; one of {', '.join(DTYPES)}")


def read_state_dict(path: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint file by name, mapped from the disk: they take memory when used."""
    file = Path(path).expanduser()
    _check_file(file)
    content = _read_safetensors(file) if file.suffix == ".safetensors" else _read_pickle(file)
    return _only_tensors(content, file)


def how_to_fetch() -> str:
    return f"bring it with `{call('fetch')}` and this run's options from the internet, or give a local folder"


def load_pretrained(
    model_class: type[Loaded],
    location: str,
    *,
    device: str,
    dtype: str,
    revision: str | None = None,
    **options: Any,
) -> Loaded:
    """A transformers model from a folder or the hub's cache, on the device and ready to answer.

    A weight that the checkpoint lacks is an error here: transformers would fill it with noise and only warn.
    """
    _refuse_file(location, model_class)
    source = str(Path(location).expanduser()) if kind(location) == "folder" else location
    return _from_pretrained(model_class, source, location, device, dtype, revision=revision, **options)


def load_converted(
    model_class: type[Loaded],
    config: Any,
    weights: dict[str, Tensor],
    location: str,
    *,
    device: str,
    dtype: str,
) -> Loaded:
    """A transformers model of this configuration with weights whose names are the hub's by conversion."""
    return _from_pretrained(model_class, None, location, device, dtype, config=config, state_dict=weights)


def load_processor(processor_class: type[Loaded], location: str, revision: str | None = None, **options: Any) -> Loaded:
    """A tokenizer, image processor or configuration from a folder or the hub's cache."""
    _refuse_file(location, processor_class)
    source = str(Path(location).expanduser()) if kind(location) == "folder" else location
    loader: Any = processor_class
    try:
        with quiet():
            loaded: Loaded = loader.from_pretrained(source, revision=revision, **options)
    except Exception as error:  # a damaged file raises whatever its parser likes
        raise explained(location, processor_class, error) from error
    return loaded


def on_pillow() -> dict[str, Any]:
    """For an image processor: on Pillow, whether or not torchvision is there, since the two round differently."""
    import transformers

    return {"backend": "pil"} if int(transformers.__version__.split(".")[0]) >= 5 else {"use_fast": False}


def _from_pretrained(
    model_class: type[Loaded], source: str | None, location: str, device: str, dtype: str, **options: Any
) -> Loaded:
    import torch
    from transformers.utils import is_accelerate_available

    # With accelerate each tensor goes from the file straight to the GPU, without it through RAM, once.
    direct = device != "cpu" and is_accelerate_available()
    spread = options.pop("spread", False)  # over all GPUs of the worker
    if direct:
        options["device_map"] = "auto" if spread else {"": torch.device(device)}
    loader: Any = model_class
    try:
        with quiet():
            model, report = loader.from_pretrained(
                source,
                dtype=torch_dtype(dtype),
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
    except Exception as error:  # a damaged checkpoint raises whatever its reader likes
        raise explained(location, model_class, error) from error
    _check_report(report, model_class, location)
    loaded: Loaded = model.eval() if direct else model.to(device).eval()
    return loaded


@contextmanager
def quiet() -> Iterator[None]:
    """No tables and bars in a worker's log: what matters of them becomes one error."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _check_report(report: dict[str, Any], model_class: type, location: str) -> None:
    wrong = sorted(str(m[0] if isinstance(m, tuple) else m) for m in report.get("mismatched_keys", ()))
    missing = sorted(report.get("missing_keys", ())) + wrong
    if missing:
        raise FatalError(
            f"{location}: not a checkpoint of {model_class.__name__}: {len(missing)} weights are missing or "
            f"of another shape, such as {missing[0]}; give one of that model"
        )


def _refuse_file(location: str, loaded_class: type) -> None:
    if kind(location) == "file":
        raise FatalError(
            f"{location}: {loaded_class.__name__} is not read from a single file; give a hub id, or the "
            "folder with its config.json"
        )
    if kind(location) == "folder" and not Path(location).expanduser().is_dir():
        raise FatalError(f"{location}: there is no such folder; check the path, or {how_to_fetch()}")


def explained(location: str, loaded_class: type, error: Exception) -> FatalError:
    """The error of a loader in the user's terms."""
    text = one_line(f"{type(error).__name__}: {error}", 200)
    package = missing_package(error)
    if package:
        return FatalError(f"{location}: {loaded_class.__name__} needs {package} ({text})")
    if kind(location) == "hub" and isinstance(error, OSError):
        return FatalError(f"{location}: neither in the hub's cache here nor to be had now; {how_to_fetch()} ({text})")
    if kind(location) == "folder":
        files = [file for file in sorted(Path(location).expanduser().iterdir()) if file.is_file()]
        for pointer in filter(_is_pointer, files):
            return FatalError(_pointer_text(pointer))
    for cause in _causes(error):
        if isinstance(cause, pickle.UnpicklingError):
            return FatalError(_code_text(location, cause))
    return FatalError(
        f"{location}: can't be loaded as {loaded_class.__name__}: damaged, or of another model ({text}); "
        "fetch it again, or give another checkpoint"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def missing_package(error: BaseException) -> str | None:
    """Which package a loader wants that is not installed, and how to have it; None where the error is another one.

    transformers says it in many ways, and not always by an ImportError.
    """
    for cause in _causes(error):
        certain = isinstance(cause, ImportError)
        matches = (pattern.search(str(cause)) for pattern in (WANTED if certain else WANTED[:-1]))
        found = next((match[1] for match in matches if match), None)
        name = cause.name.partition(".")[0] if isinstance(cause, ModuleNotFoundError) and cause.name else found
        if name:
            return f"{name}, which is not installed here; run: pip install {name.partition(' ')[0].lower()}"
        if certain:
            return "a package that can't be imported here"
    return None


def _check_file(file: Path) -> None:
    if file.is_dir():
        raise FatalError(f"{file}: a folder, where a weights file ({', '.join(FILE_ENDINGS)}) is needed")
    if not file.exists():
        raise FatalError(f"{file}: there is no such file; check the path, or {how_to_fetch()}")
    try:
        with file.open("rb") as opened:
            head = opened.read(64)
    except OSError as error:
        raise FatalError(f"{file}: can't be read ({error.strerror}); check its permissions") from error
    if not head:
        raise FatalError(f"{file}: the file is empty; fetch it again")
    if _is_pointer(file):
        raise FatalError(_pointer_text(file))
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise FatalError(f"{file}: a web page instead of weights, as failed downloads leave; fetch it again")


def _is_pointer(file: Path) -> bool:
    if file.stat().st_size > 1024:
        return False
    with file.open("rb") as opened:
        return opened.read(64).startswith(b"version https://git-lfs")


def _pointer_text(file: Path) -> str:
    return f"{file}: a git-lfs pointer, not the weights themselves; run `git lfs pull` in its folder"


def _code_text(location: Path | str, error: BaseException) -> str:
    wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
    detail = str(error).split("WeightsUnpickler error:")[-1]
    what = f"it wants `{wanted[1]}`" if wanted else one_line(detail, 160)
    return (
        f"{location}: refused: it holds more than plain weights ({what}), and loading that could run code "
        "from it; use the published file, or save its state dict alone with torch.save or safetensors"
    )


def _read_safetensors(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, OSError, ValueError) as error:
        raise FatalError(_damaged_text(file, error)) from error


def _read_pickle(file: Path) -> Any:
    import torch

    with file.open("rb") as opened:
        head = opened.read(4)
    mappable = head == b"PK\x03\x04"  # files of before torch 1.6 can only be read
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=mappable)
    except pickle.UnpicklingError as error:
        pickled = mappable or head.startswith(b"\x80")
        if pickled and re.search(r"GLOBAL|Unsupported", str(error)):
            raise FatalError(_code_text(file, error)) from error
        raise FatalError(_damaged_text(file, error)) from error
    except Exception as error:  # a damaged file raises whatever its reader likes
        raise FatalError(_damaged_text(file, error)) from error


def _damaged_text(file: Path, error: Exception) -> str:
    size = file.stat().st_size
    cause = one_line(f"{type(error).__name__}: {error}", 160)
    return f"{file}: not a whole checkpoint: {size} bytes, truncated or no checkpoint ({cause}); fetch it again"


def _only_tensors(content: Any, file: Path) -> dict[str, Tensor]:
    import torch

    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    named = content.items() if isinstance(content, dict) else ()
    tensors = {str(name): value for name, value in named if isinstance(value, torch.Tensor)}
    if not tensors:
        raise FatalError(f"{file}: no weights in it, only a {type(content).__name__}; give a model's state dict")
    if all(name.startswith("module.") for name in tensors):  # as DistributedDataParallel names them
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors
