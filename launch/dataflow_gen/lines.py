"""A row behind a step, as a line of result.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record import Item
from labelyard.generate.record_json.body import newer
from labelyard.launch.dataflow_gen.flow import Flow
from labelyard.utils.locations import is_fetched

CURRENT = "dataflow_"  # before text, image and video: what is current, paths absolute
BY_STEP = "text_by_step"
ERROR = "dataflow_error"


def of_step(
    flow: Flow, upto: int, item: Item, body: Mapping[str, Any], root: str, media: Mapping[str, Sequence[Path]]
) -> dict[str, Any]:
    """`upto`: behind how many steps; 0: as it came in. `media`: where what was made for it lies."""
    line = flow.passed(item)
    for kind in ("text", "image", "video"):
        own = flow.own(kind, item)
        if own is not None:
            line[kind] = own
        now = _current(flow, upto, kind, own, body, root, media)
        if now is not None:
            line[f"{CURRENT}{kind}"] = now
        line |= _several(media, kind, kind)
    return line | _texts(flow, upto, body, "text")


def final(
    flow: Flow, upto: int, item: Item, body: Mapping[str, Any], root: str, media: Mapping[str, Sequence[Path]]
) -> dict[str, Any]:
    """With the user's own names for text, image and video."""
    line = flow.passed(item)
    for kind in ("text", "image", "video"):
        now = _current(flow, upto, kind, flow.own(kind, item), body, root, media)
        if now is not None:
            line[flow.keys.of(kind)] = now
        line |= _several(media, kind, flow.keys.of(kind))
    return line | _texts(flow, upto, body, flow.keys.text)


def _several(media: Mapping[str, Sequence[Path]], kind: str, key: str) -> dict[str, Any]:
    paths = media.get(kind, ())
    return {f"{key}_all": list(map(str, paths))} if len(paths) > 1 else {}


def exploded(line: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A line for each of several answers."""
    answers = line.get(f"{key}_all")
    if not isinstance(answers, list):
        return [line]
    rest = {name: value for name, value in line.items() if name != f"{key}_all"}
    return [{**rest, key: answer} for answer in answers]


def _current(
    flow: Flow, upto: int, kind: str, own: Any, body: Mapping[str, Any], root: str, media: Mapping[str, Sequence[Path]]
) -> Any:
    maker = flow.maker(kind, upto)
    if kind == "text":
        return own if maker is None else newer(body, "texts").get(maker.name, {}).get("text")
    if maker is not None:
        return str(media[kind][0]) if kind in media else None
    if not isinstance(own, str) or not own:
        return None
    return own if is_fetched(own) else str(resolve(own, root).absolute())


def _texts(flow: Flow, upto: int, body: Mapping[str, Any], key: str) -> dict[str, Any]:
    makers = flow.makers("text", upto)
    if not makers:
        return {}
    texts = newer(body, "texts")
    found: dict[str, Any] = {}
    answers = texts.get(makers[-1].name, {}).get("all")
    if isinstance(answers, list):
        found[f"{key}_all"] = answers
    if len(makers) > 1:
        found[BY_STEP] = {stage.name: texts[stage.name]["text"] for stage in makers if stage.name in texts}
    return found
