"""What a YAML file and a command line ask for together, with every key known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from labelyard.launch.dataflow_gen.document import Document
from labelyard.utils.errors import UserError, nearest

TYPES = ("ImageCaptioner", "ImageGenerator", "TextGenerator", "VideoCaptioner", "VideoGenerator")
PLACEHOLDER = "other"  # a step of the documents' example that stands for "and so on"
OF_A_STEP = {"type": str, "name": str, "config": dict, "cluster": dict, "work": dict}
LAYOUTS = ("repository", "document")


@dataclass(frozen=True)
class Command:
    """The command line, taken apart."""

    config: str
    flags: Mapping[str, Any]
    settings: tuple[str, ...]
    again_from: int | None
    next: str | None  # what a job on SLURM starts
    command: tuple[str, ...]  # the same for a job, which only goes on with what was decided
    wait: bool = False


@dataclass(frozen=True)
class StepAsked:
    number: int  # from 1, as its folder says
    type: str
    name: str
    config: Mapping[str, Any]
    cluster: Mapping[str, Any]
    work: Mapping[str, Any]
    place: int  # in the list of the YAML


@dataclass(frozen=True, kw_only=True)
class Request:
    document: Document
    steps: tuple[StepAsked, ...]
    notes: tuple[str, ...] = ()
    meta_path: str = ""
    meta_folder: str | None = None
    base_folder: str = "intermediate_results/"
    save_folder: str = "results/"
    text_key: str = "text"
    image_key: str = "image"
    video_key: str = "video"
    seed: int = 0
    layout: str = "repository"
    plugins: tuple[str, ...] = ()
    cluster: Mapping[str, Any] = field(default_factory=dict)
    work: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)
    keep_failed: bool = False
    explode: bool = False
    fuse: bool = False
    max_cost: float | None = None
    place: str = "local"  # where it runs: the choice of cluster

    def at(self, step: StepAsked, *place: str) -> str:
        """What a message on a step begins with."""
        return self.document.at("steps", step.place, *place)


KINDS: dict[str, tuple[type, ...]] = {
    "seed": (int,),
    "cluster": (dict,),
    "work": (dict,),
    "load": (dict,),
    "keep_failed": (bool,),
    "explode": (bool,),
    "fuse": (bool,),
    "max_cost": (int, float),
    "plugins": (str, list),
    "steps": (list,),
}
KEYS = [f.name for f in fields(Request) if f.name not in ("document", "notes", "place")]


def asked(document: Document, flags: Mapping[str, Any], settings: Sequence[str] = ()) -> Request:
    """`flags` count more than the file; `settings` are Labelyard's, from the command line."""
    given = {key: value for key, value in document.values.items() if value is not None}
    for key, value in given.items():
        if key not in KEYS:
            raise UserError(f"{document.at(key)}: there is no key '{key}'{_likely(key, KEYS)}")
        if not isinstance(value, KINDS.get(key, (str,))) or (isinstance(value, bool) and KINDS.get(key) != (bool,)):
            raise UserError(f"{document.at(key)}: {key} is {value!r:.60}; give {_words(key)}")
    steps, dropped = _steps(document, given.pop("steps", []))
    values = {**given, **{key: value for key, value in flags.items() if value is not None}}
    plugins = values.pop("plugins", ())
    places = [setting.partition("=")[2] for setting in settings if setting.startswith("cluster=")]
    place = [str(values.get("cluster", {}).get("type", "local")), *places][-1]
    found = Request(
        document=document,
        steps=steps,
        notes=(*document.notes, *dropped),
        place=place,
        plugins=(plugins,) if isinstance(plugins, str) else tuple(plugins),
        **values,
    )
    _check(found)
    return found


def _check(request: Request) -> None:
    document = request.document
    if not request.meta_path:
        raise UserError(
            f"{document.path}: meta_path is not given: the list of what is to be worked on, or --meta_path …"
        )
    if not request.steps:
        raise UserError(f"{document.path}: there are no steps; give at least one below steps:")
    if request.layout not in LAYOUTS:
        raise UserError(f"{document.at('layout')}: layout is {request.layout!r}; give {' or '.join(LAYOUTS)}")
    if len({request.text_key, request.image_key, request.video_key}) < 3:
        raise UserError(f"{document.path}: text_key, image_key and video_key name one column twice")
    base, save = Path(request.base_folder).resolve(), Path(request.save_folder).resolve()
    if base == save or base.is_relative_to(save):
        raise UserError(
            f"save_folder={request.save_folder} holds base_folder={request.base_folder}, where what is worked on lies. "
            "Give the final results a folder of their own"
        )


def _steps(document: Document, listed: Sequence[Any]) -> tuple[tuple[StepAsked, ...], list[str]]:
    steps: list[StepAsked] = []
    dropped: list[str] = []
    for place, body in enumerate(listed):
        where = document.at("steps", place)
        if not isinstance(body, Mapping):
            raise UserError(f"{where}: a step is {body!r:.60}; give it type:, name: and config:")
        if dict(body) == {"type": PLACEHOLDER}:
            dropped.append(
                f"{where.rpartition(', ')[2]}: 'type: {PLACEHOLDER}' stands for further steps, and is left out"
            )
            continue
        steps.append(_step(document, place, body, len(steps) + 1))
    return tuple(steps), dropped


def _step(document: Document, place: int, body: Mapping[str, Any], number: int) -> StepAsked:
    for key, value in body.items():
        where = document.at("steps", place, key)
        if key not in OF_A_STEP:
            raise UserError(f"{where}: a step has no '{key}'{_likely(key, OF_A_STEP)}")
        if value is not None and not isinstance(value, OF_A_STEP[key]):
            raise UserError(f"{where}: {key} is {value!r:.60}; give {_words_of(OF_A_STEP[key])}")
    where = document.at("steps", place)
    for key in ("type", "name"):
        if not body.get(key):
            raise UserError(f"{where}: the step has no {key}")
    if body["type"] not in TYPES:
        raise UserError(
            f"{document.at('steps', place, 'type')}: there is no type {body['type']!r}{_likely(body['type'], TYPES)}"
        )
    parts = {key: body.get(key) or {} for key in ("config", "cluster", "work")}
    return StepAsked(number, body["type"], body["name"], **parts, place=place)


def _likely(word: str, known: Any) -> str:
    likely = nearest(str(word), known)
    return f"; there are {', '.join(known)}." + (f" Did you mean {likely}?" if likely else "")


def _words(key: str) -> str:
    return " or ".join(_words_of(kind) for kind in KINDS.get(key, (str,)))


def _words_of(kind: type) -> str:
    names = {str: "a text", dict: "keys with values", list: "a list", int: "a whole number", float: "a number"}
    return names.get(kind, "true or false")
