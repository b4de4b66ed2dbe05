"""Steps that ask a service: which one is meant by a model's name, and where it is asked from."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from labelyard.launch.dataflow_gen.catalogue import Known
from labelyard.launch.dataflow_gen.request import Request, StepAsked
from labelyard.launch.dataflow_gen.translate import Translated
from labelyard.utils.errors import UserError

PAINTERS = ("openai:", "huggingface:", "bfl:")  # ahead of a model's name: who can be asked for pictures
# What upstream's class takes for a model of another service, if it is in the name; and where those are.
OF_BFL, AT_BFL = "flux", ("bfl.ml", "bfl.ai")
OF_MODELSLAB, AT_MODELSLAB = "stable-diffusion", ("modelslab.com",)


def complete(request: Request, known: Known, asked: StepAsked, found: Translated) -> None:
    if known.kind == "draw":
        _name_painter(request, asked, found)
    elif found.step["backend"] == "openai" and not _says_where(found.step):
        found.step["checkpoint"] = f"openai:{found.step['checkpoint']}"
    _alone(request, found)


def _says_where(step: dict[str, Any]) -> bool:
    return ":" in str(step["checkpoint"]) or "base_url" in step


def _name_painter(request: Request, asked: StepAsked, found: Translated) -> None:
    step = found.step
    model = str(step.setdefault("checkpoint", "openai:gpt-image-1"))
    address = str(step.get("base_url") or "")
    host = urlsplit(address).hostname or ""
    if host.endswith(AT_BFL) and ":" not in model:
        step["checkpoint"] = model = f"bfl:{model}"
        step["base_url"] = address = f"https://{host}/v1"
    if not _says_where(step) and OF_MODELSLAB not in model.lower():
        step["checkpoint"] = model = f"bfl:{model}" if OF_BFL in model.lower() else f"openai:{model}"
    if host.endswith(AT_MODELSLAB):
        raise _unknown(request, asked, found, "base_url", address)
    if not address and not model.startswith(PAINTERS):
        raise _unknown(request, asked, found, "checkpoint", model)
    extra = step.get("extra", {})
    if model.startswith(("huggingface:", "bfl:")) and extra.pop("quality", None) is not None:
        found.said.append("quality is left out: that service has no word for it")


def _unknown(request: Request, asked: StepAsked, found: Translated, setting: str, value: str) -> UserError:
    key = found.yaml_of.get(setting, setting)
    names = ", ".join(f"{name}NAME" for name in PAINTERS)
    return UserError(
        f"{request.at(asked, 'config', key)}: {key} is {value!r}, and that service is not known here. Known are "
        f"{names}, and, by base_url, every server with OpenAI's images/generations. A class of your own that asks "
        "another: --plugins its_file.py"
    )


def _alone(request: Request, found: Translated) -> None:
    """A service is asked by one worker, which needs no GPU; its rates are kept most easily so."""
    if found.run.pop("cluster.gpus_per_worker", 1) > 1:
        found.said.append("tensor_parallel_size is the server's affair")
    if request.place != "debug":
        found.run.setdefault("cluster.num_jobs", 1)
    if request.place == "slurm":
        found.run.setdefault("cluster.gpus_per_node", 0)
