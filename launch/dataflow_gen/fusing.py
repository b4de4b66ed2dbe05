"""`fuse: true`: consecutive steps that can do so share a run. Their models are loaded together, a row's image is read
once, and nothing lies between them on a disk: for small models, and for services.

A step that reads what an earlier one of its run has made reads it from the record; what others make comes to it through
the run's source, as where each step has a run of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelyard.launch.dataflow_gen.flow import KINDS, Stage

FUSED = ("describe", "rewrite", "draw", "film")
CURRENT = "{caption}"  # in prompts: the row's text


@dataclass(frozen=True)
class Draft:
    """A step before it is known in which run it is."""

    stage: Stage
    kind: tuple[str, str]  # of step, and option
    reads: tuple[str, ...]  # text, image, video
    columns: Mapping[str, str]  # of the row
    source: tuple[str, ...]  # settings, of a run that begins with it
    step: Mapping[str, Any]
    run: Mapping[str, Any]
    reads_elsewhere: bool = False  # what the user says, and not what is current

    @property
    def name(self) -> str:
        return self.stage.name


def why_apart(draft: Draft, group: Sequence[Draft]) -> str | None:
    """Why it can't be in the run of these."""
    if any(one.kind[0] not in FUSED for one in (draft, *group)):
        return "a class of one's own has a run of its own"
    if draft.reads_elsewhere:
        return "it says itself what it reads"
    for kind in draft.reads:
        if _maker(kind, group) is not None:
            if kind == "video":
                return "it reads a video that was just made"
        elif kind not in group[0].reads or draft.columns[kind] != group[0].columns[kind]:
            return f"the steps before do not read the row's {kind}"
    if _but_batch(draft.run) != _but_batch(group[0].run):
        return "its settings of cluster and work are others"
    return None


def inside(draft: Draft, group: Sequence[Draft]) -> Draft:
    """It, as it reads what these have made."""
    step = dict(draft.step)
    text, image = _maker("text", group), _maker("image", group)
    if text is not None and draft.kind[0] in ("describe", "rewrite"):
        for key in ("prompt", "system"):
            if isinstance(step.get(key), str):
                step[key] = step[key].replace(CURRENT, f"{{{KINDS['text']}.{text}}}")
    elif text is not None and "text" in draft.reads:
        step["text"] = f"{KINDS['text']}.{text}"
    if image is not None and "image" in draft.reads:
        place = f"{KINDS['image']}.{image}"
        step |= {"of": [place]} if draft.kind[0] == "describe" else {"image": place}
    return replace(draft, step=step)


def run_settings(group: Sequence[Draft]) -> dict[str, Any]:
    """So many rows at once as the most careful of them wants."""
    batches = [one.run["work.batch"] for one in group if "work.batch" in one.run]
    return {**group[0].run, **({"work.batch": min(batches)} if batches else {})}


def _maker(kind: str, group: Sequence[Draft]) -> str | None:
    return next((one.name for one in reversed(group) if one.stage.role.makes == kind), None)


def _but_batch(run: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in run.items() if key != "work.batch"}
