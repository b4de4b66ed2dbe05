"""From a request to the stages of a chain: which step does each part, with which settings, and on what."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from labelyard.generate.settings import target
from labelyard.launch.chains.recipe import NAME, Recipe, StageRecipe
from labelyard.launch.config.compose import CONF
from labelyard.launch.config.typed_values import literal
from labelyard.launch.dataflow_gen import services
from labelyard.launch.dataflow_gen.catalogue import ALIASES, NAMES, ROLES, Known
from labelyard.launch.dataflow_gen.classes import OwnClassSeen, by_dotted_name, classes_in
from labelyard.launch.dataflow_gen.flow import KINDS, ROW, Flow, Keys, Stage
from labelyard.launch.dataflow_gen.fusing import Draft, inside, run_settings, why_apart
from labelyard.launch.dataflow_gen.request import Request, StepAsked
from labelyard.launch.dataflow_gen.translate import TOKENS, Translated, translated
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.jsons import text_of
from labelyard.utils.streams import without_compression

OWN = {"text": "caption", "image": "image", "video": "video"}  # what a source calls them
LIGHT = ("write.image=none", "write.short_side=null", "write.aside=false")
CHAIN = "dataflow"
BEGIN = "image_path"


def flow_of(request: Request) -> Flow:
    keys = Keys(request.text_key, request.image_key, request.video_key)
    own = classes_in(request.plugins, request.document.path.parent)
    stages: list[Stage] = []
    drafts: list[Draft] = []
    listed: dict[str, str] = {}
    for asked in request.steps:
        role = ROLES[asked.type]
        found, kind = _what_does_it(request, asked, own)
        name = f"step_{asked.number}_{asked.type}_{_safe(asked)}"
        if not NAME.fullmatch(name):
            raise UserError(f"{request.at(asked, 'name')}: {asked.name!r} is no name for a folder")
        reads = found.driver.get("reads", (role.reads,))
        columns = {kind: keys.of(kind) for kind in OWN}
        if "image" in reads and role.reads != "image":
            columns["image"] = _begins_at(request)
        if found.driver.get("text_from"):
            columns["text"] = found.driver["text_from"]
        if not stages:
            listed = {kind: columns[kind] for kind in reads}
        before = Flow(keys, tuple(stages), listed)
        source = (
            _first_source(request, listed) if not stages else _source(request, before, asked, columns, found.driver)
        )
        stage = Stage(asked, name, role, said=tuple(found.said), yaml_of=found.yaml_of, repeats=_repeats(found))
        elsewhere = bool(found.driver.keys() & {"read", "text_from"})
        run = _run_settings(request, asked, found)
        drafts.append(Draft(stage, kind, tuple(reads), columns, tuple(source), found.step, run, elsewhere))
        stages.append(stage)
    return Flow(keys, tuple(stage for run in _runs(drafts, request.fuse) for stage in _stages(run)), listed)


def _runs(drafts: Sequence[Draft], fuse: bool) -> list[list[Draft]]:
    """Each with its steps."""
    runs: list[list[Draft]] = []
    for draft in drafts:
        why = why_apart(draft, runs[-1]) if fuse and runs else None
        if fuse and runs and why is None:
            runs[-1].append(inside(draft, runs[-1]))
            continue
        said = (*draft.stage.said, *([f"has a run of its own: {why}"] if why else []))
        runs.append([replace(draft, stage=replace(draft.stage, said=said))])
    return runs


def _stages(run: Sequence[Draft]) -> list[Stage]:
    """The run's name and settings are those of its last step."""
    names = [one.name for one in run]
    kinds = [f"+{one.kind[0]}@{one.name}={one.kind[1]}" for one in run]
    head = ("pipeline=bare", *kinds, f"pipeline.steps=[{','.join(names)}]", *LIGHT)
    own = [word for one in run for key, value in one.step.items() for word in settings_of(f"{one.name}.{key}", value)]
    rest = [setting(key, value) for key, value in run_settings(run).items()]
    settings = (*head, *run[0].source, *own, *rest)
    return [replace(one.stage, run=names[-1], settings=settings if one is run[-1] else ()) for one in run]


def recipe_of(flow: Flow) -> Recipe:
    runs = [stage for stage in flow.stages if stage.is_last_of_its_run]
    before = [None, *(stage.name for stage in runs)]
    parts = zip(runs, before, strict=False)
    return Recipe(CHAIN, tuple(StageRecipe(s.name, (b,) if b else (), s.settings) for s, b in parts))


def _what_does_it(
    request: Request, asked: StepAsked, own: Mapping[str, OwnClassSeen]
) -> tuple[Translated, tuple[str, str]]:
    """The step's settings, and its kind and option."""
    name = ALIASES.get(asked.name, asked.name)
    where = request.at(asked, "name")
    if asked.name in own or "." in asked.name:
        seen = own[asked.name] if asked.name in own else by_dotted_name(asked.name, where)
        return _own_class(request, asked, seen), ("dataflow", ROLES[asked.type].own)
    known = NAMES[asked.type].get(name)
    if known is None:
        raise UserError(f"{where}: {_unknown(asked, own)}")
    kind = (known.kind, known.option)
    settings = fields_of(*kind)
    found = translated(known, asked.config, settings, lambda key: request.at(asked, "config", key), asked.name)
    _complete(request, known, asked, found, settings)
    return found, kind


def _unknown(asked: StepAsked, own: Mapping[str, OwnClassSeen]) -> str:
    elsewhere = [kind for kind, names in NAMES.items() if ALIASES.get(asked.name, asked.name) in names]
    if elsewhere:
        return f"{asked.name} is no {asked.type}: give type: {elsewhere[0]}"
    valid = [*NAMES[asked.type], *own]
    by_letters = {name.lower(): name for name in (*ALIASES, *valid)}  # capitals are what people get wrong
    likely = by_letters.get(nearest(asked.name.lower(), by_letters) or "")
    hint = f" Did you mean {likely}?" if likely else ""
    return (
        f"there is no {asked.type} '{asked.name}'; there are {', '.join(valid) or 'none'}.{hint} A class of your own: "
        "--plugins its_file.py"
    )


def _own_class(request: Request, asked: StepAsked, seen: OwnClassSeen) -> Translated:
    config = dict(asked.config)
    found = Translated(driver={key: config.pop(key) for key in ("read", "text_from") if key in config})
    for key in asked.config:
        if "api_key" in key.lower():
            from labelyard.launch.dataflow_gen.translate import without_key

            found.said.append(without_key(key, config.pop(key), request.at(asked, "config", key)))
    size = config.get("batch_size")
    if isinstance(size, int) and size > 0:
        found.step["batch_size"] = size
        found.run["work.batch"] = min(max(size, 16), 256)
        if seen.takes is not None and "batch_size" not in seen.takes:
            config.pop("batch_size")
    seen.check(config, request.at(asked, "name"))
    found.step |= {"file": seen.file, "of": seen.name, "config": text_of(config)}
    root = request.meta_folder if request.meta_folder is not None else str(Path(request.meta_path).resolve().parent)
    found.step["root"] = str(Path(root).resolve())
    if asked.type == "VideoGenerator" and _has_images(request, asked):
        found.step["with_image"] = True
        found.driver["reads"] = ("text", "image")
    return found


def _has_images(request: Request, asked: StepAsked) -> bool:
    """Whether a video may begin at an image: an earlier step makes one, or the list names them."""
    earlier = any(step.type == "ImageGenerator" for step in request.steps[: asked.number - 1])
    return earlier or _begins_at(request) == BEGIN


def _complete(request: Request, known: Known, asked: StepAsked, found: Translated, settings: Mapping[str, Any]) -> None:
    """What follows from what was said."""
    step = found.step
    if "seed" in settings:
        step.setdefault("seed", request.seed)
    if known.kind == "rewrite":
        _ask_of_texts(asked, step)
    longest = step.get("max_model_len")
    if isinstance(longest, int) and "max_tokens" not in step:
        step["max_tokens"] = max(1, min(TOKENS, longest // 2))
    if request.max_cost is not None and "max_cost" in settings:
        step["max_cost"] = request.max_cost
    if known.api:
        services.complete(request, known, asked, found)


def _ask_of_texts(asked: StepAsked, step: dict[str, Any]) -> None:
    """The row's text stands behind the prompt, on a line of its own, unless the prompt says where."""
    prompt = str(step.get("prompt", ""))
    if asked.name == "APIGenerator":  # its prompt is what the model is told ahead
        step["system"] = prompt or "You are a helpful assistant"
        step["prompt"] = "{caption}"
    elif "{caption}" not in prompt:
        step["prompt"] = f"{prompt}\n{{caption}}" if prompt else "{caption}"


def fields_of(kind: str, option: str) -> dict[str, Any]:
    """The settings of a step, with their defaults; MISSING where there is none."""
    described = target(str(OmegaConf.load(CONF / kind / f"{option}.yaml")["_target_"]))  # type: ignore[index]
    return {f.name: f.default for f in fields(described)}


def _repeats(found: Translated) -> int:
    times = found.step.get("repeats", 1)
    return times if isinstance(times, int) else 1


def _first_source(request: Request, listed: Mapping[str, str]) -> list[str]:
    found = [setting("source.path", request.meta_path), "source.identity=row", f"source.row_key={ROW}"]
    if request.meta_folder is not None:
        found.append(setting("source.root", request.meta_folder))
    if without_compression(request.meta_path.lower()).endswith((".txt", ".lst")):
        kind = next(iter(listed))
        return ["source=txt", f"source.lines={kind}s", *found]
    return [*found, *(setting(f"source.{OWN[kind]}_key", listed.get(kind)) for kind in OWN)]


def _begins_at(request: Request) -> str:
    """The column of the images that videos begin at: image_path, as upstream has it, where the list has one."""
    from labelyard.generate.rows import Entry
    from labelyard.generate.sources.auto import Auto

    try:
        rows = Auto(path=request.meta_path, image_key=BEGIN, caption_key=None).entries()
        return BEGIN if any(isinstance(row, Entry) for row in islice(rows, 20)) else request.image_key
    except UserError:
        return request.image_key


def _source(
    request: Request, before: Flow, asked: StepAsked, columns: Mapping[str, str], driver: Mapping[str, Any]
) -> list[str]:
    """What the step looks at of the records of the step before: nothing is decoded that it does not read."""
    role = ROLES[asked.type]
    reads = driver.get("reads", (role.reads,))
    found = ["source.copies=false"]
    for kind, name in OWN.items():
        if kind not in reads and kind != "text":
            found.append(f"source.{name}=none")
            continue
        maker = before.maker(kind, len(before.stages))
        if kind == role.reads and "read" in driver:
            maker = _named(request, before, asked, kind, driver["read"])
        if kind == "text" and "text_from" in driver:
            maker = None
        if maker is not None:
            found.append(f"source.{name}={KINDS[kind]}.{maker.name}")
        elif kind in reads and before.listed.get(kind) != columns[kind]:
            found.append(setting(f"source.{name}", f"given.{columns[kind]}"))
    return found


def _named(request: Request, before: Flow, asked: StepAsked, kind: str, value: Any) -> Stage:
    """`read: step_2`, or 2, or the whole name of a step's folder."""
    number = re.fullmatch(r"(?:step_)?(\d+)", str(value))
    for stage in before.stages:
        if stage.name == value or (number and int(number[1]) == stage.number):
            if stage.role.makes != kind:
                break
            return stage
    makers = ", ".join(f"step_{stage.number}" for stage in before.makers(kind, len(before.stages))) or "none"
    where = request.at(asked, "config", "read")
    raise UserError(f"{where}: read is {value!r}; earlier steps that make what this one reads ({kind}): {makers}")


def _run_settings(request: Request, asked: StepAsked, found: Translated) -> dict[str, Any]:
    """Of the YAML's load:, and of its cluster: and work:, for all steps and for this one."""
    settings = {**found.run, **{f"load.{key}": value for key, value in request.load.items()}}
    for part in (request, asked):
        for section in ("cluster", "work"):
            for key, value in getattr(part, section).items():
                settings[section if (section, key) == ("cluster", "type") else f"{section}.{key}"] = value
    return dict(sorted(settings.items(), key=lambda one: one[0] != "cluster"))


def _safe(asked: StepAsked) -> str:
    return asked.name.rpartition(".")[2]


def settings_of(key: str, value: Any) -> list[str]:
    """One; of a dictionary, one for each of its keys."""
    if isinstance(value, Mapping):
        return [
            one for name, part in value.items() for one in settings_of(f"++{key}.{name}".replace("++++", "++"), part)
        ]
    return [setting(key, value)]


def setting(key: str, value: Any) -> str:
    return f"{key}={_value(value)}"


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_value, value))}]"
    return literal(str(value))
