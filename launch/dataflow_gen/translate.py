"""The settings of a step as Dataflow-Gen calls them, in our words. A name that nobody knows is an error, a known one
that has no meaning here is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labelyard.launch.dataflow_gen.catalogue import Known
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.redact import SECRET_SETTING

PLACEHOLDERS = ("your_api_key_here", "api_key", "api_kay", "your_api_key", "base_url", "api_url", "api_base", "")
VARIABLES = {"openai": "OPENAI_API_KEY", "claude": "ANTHROPIC_API_KEY", "huggingface": "HF_TOKEN"}
MOST_AT_ONCE = 256  # rows in flight: each has its image in memory, decoded
TOKENS = 1024  # of an answer, where nothing is said of them

# Which column or earlier step is read: the driver's own settings of every step.
OF_THE_DRIVER = ("read", "text_from")
RENAMED = {
    "model_path": "checkpoint",
    "model": "checkpoint",
    "model_id": "checkpoint",
    "sys_prompt": "system",
    "prompt_template": "template",
    "repeat_time": "times",
    "max_frames": "frames",
    "num_frames": "frames",
    "api_base": "base_url",
    "api_url": "base_url",
}
# Of those that draw.
RENAMED_THERE = {
    "weight": "width",  # as upstream's code has it
    "guidance_scale": "guidance",
    "num_inference_steps": "steps",
    "negative_prompt": "negative",
    "repeat_time": "repeats",
    "num_images_per_prompt": "repeats",
    "num_videos_per_prompt": "repeats",
}
ARGUMENTS = (
    "max_sequence_length",
    "decode_chunk_size",
    "motion_bucket_id",
    "noise_aug_strength",
)  # of the pipeline's call
NO_MEANING = {
    "trust_remote_code": "no code of a model's repository is run here",
    "device": "a GPU is used where there is one, and work.device says otherwise",
    "download_dir": "weights lie where HF_HOME says, or models.cache",
    "stream": "answers are taken whole",
    "subfolder": "a pipeline knows where its parts lie",
    "num_crops": "the checkpoint's processor knows how it cuts pictures",
    "detokenize": "answers are texts",
    "skip_special_tokens": "answers are texts",
    "spaces_between_special_tokens": "answers are texts",
    "save_per_batch": "every finished row is kept",
    "retry_count": "what passes is tried again, as tries says",
    "retry_gap": "pauses grow, from what pause says",
}
# What no backend here does: accepted as long as it asks for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "ignore_eos": (False,),
    "stop_token_ids": ([],),
    "min_tokens": (0,),
    "logprobs": (),
    "prompt_logprobs": (),
    "logits_processors": (),
    "include_stop_str_in_output": (False,),
    "truncate_prompt_tokens": (),
    "logit_bias": (),
    "allowed_token_ids": (),
    "chat": (True,),
}


@dataclass
class Translated:
    step: dict[str, Any] = field(default_factory=dict)  # settings of the step
    run: dict[str, Any] = field(default_factory=dict)  # settings of its run: work.…, cluster.…
    driver: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    yaml_of: dict[str, str] = field(default_factory=dict)  # what the YAML calls a setting of the step


At = Callable[[str], str]  # where a setting stands


def translated(known: Known, config: Mapping[str, Any], fields: Mapping[str, Any], at: At, label: str) -> Translated:
    """`fields`: those of the step's class, with their defaults."""
    found = Translated(step=dict(known.settings))
    if known.reads and "image" in known.reads:
        found.driver["reads"] = known.reads
    renamed = {**RENAMED, **(RENAMED_THERE if known.draws else {})}
    if "weight" in config and "width" in config:
        renamed.pop("weight", None)
        found.said.append("weight is left out: width says how wide")
        config = {key: value for key, value in config.items() if key != "weight"}
    for key, value in config.items():
        if SECRET_SETTING.search(key):
            found.said.append(without_key(key, value, at(key), known.api))
        elif key in OF_THE_DRIVER:
            found.driver[key] = value
        elif key == "batch_size":
            _number(key, value, at)
            if known.draws and key in fields:
                found.step["batch_size"] = value
            else:
                found.run["work.batch"] = min(value, MOST_AT_ONCE)
        elif known.draws and key in ARGUMENTS and not known.api:
            found.step["options"] = {**found.step.get("options", {}), key: value}
        elif known.draws and key == "cpu_offload" and not known.api:
            found.step["offload"] = "model" if value else "none"
        elif key == "quality" and known.draws and known.api:
            found.step["extra"] = {key: value, **found.step.get("extra", {})}
        elif key == "max_num_seqs":
            _number(key, value, at)
            found.step["max_num_seqs"] = min(value, 4096)
            if not known.api:
                found.step["batch_size"] = value
        elif key == "tensor_parallel_size":
            _number(key, value, at)
            found.run["cluster.gpus_per_worker"] = value
        elif key == "chat" and value is False and known.kind == "rewrite" and not known.api:
            if said := next((name for name in ("sys_prompt", "system") if config.get(name)), None):
                raise UserError(f"{at(said)}: with chat: false nothing but prompt and text is read; say {said} there")
            _take(found, key, "template", "{prompt}", None, at)
        elif key in NO_MEANING:
            found.said.append(f"{key} has no meaning here: {NO_MEANING[key]}")
        elif (name := renamed.get(key, key)) in fields and key != "aside":
            _take(found, key, name, value, fields[name], at)
        elif key in NEUTRAL:
            if value is not None and value not in NEUTRAL[key]:
                raise UserError(f"{at(key)}: {key} is {value!r:.60}, and {label} can't do that here; leave it out")
        else:
            raise UserError(f"{at(key)}: {label} has no setting '{key}'{_likely(key, fields, renamed)}")
    return found


def _take(found: Translated, key: str, name: str, value: Any, default: Any, at: At) -> None:
    if name == "base_url" and value in PLACEHOLDERS:
        return
    if value is None and default is not None:
        return  # as where nothing is said
    if isinstance(value, Mapping):
        value = {**found.step.get(name, {}), **value}
    if name == "stop" and isinstance(value, str):
        value = [value]
    if name in found.yaml_of:
        raise UserError(f"{at(key)}: {key} says again what {found.yaml_of[name]} says; leave one of them out")
    found.step[name] = value
    found.yaml_of[name] = key


def without_key(key: str, value: Any, where: str, api: bool = False) -> str:
    """What to say of a key for a service: it never comes from a file, and is never printed."""
    if value is not None and str(value).strip() not in PLACEHOLDERS:
        raise UserError(
            f"{where}: {key} holds a key. Files are read by many, so keys come from the environment alone: "
            "export OPENAI_API_KEY=… (or the variable that key_variable names), and leave it out here"
        )
    return f"{key} is a placeholder: the key is taken from the environment (OPENAI_API_KEY, or as key_variable says)"


def _number(key: str, value: Any, at: At) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{at(key)}: {key} is {value!r:.60}; give a whole number of at least 1")


def _likely(key: str, fields: Mapping[str, Any], renamed: Mapping[str, str]) -> str:
    upstreams = [name for name, ours in renamed.items() if ours in fields]
    words = sorted({*upstreams, *fields, *NEUTRAL, *NO_MEANING, "batch_size", "max_num_seqs", "tensor_parallel_size"})
    likely = nearest(key, words)
    return f"; there are {', '.join(words)}." + (f" Did you mean {likely}?" if likely else "")
