"""Whether a run's records can be trained on: InstanceDiffusion's trainer needs the image in the record, and the
embedding of every label."""

from __future__ import annotations

import shlex
from itertools import islice

from labelyard.generate.record_json.fields import LABEL_EMBEDDING
from labelyard.generate.record_json.finished import finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.errors import UserError
from labelyard.utils.programs import program

TRAIN, OTHERS = "train.txt", "records.txt"  # lists of records: with an image inside, and without
LOOKED_AT = 100  # records, of which the first that has an instance tells: all of a run come from one pipeline


IN_THE_RECORD = (
    "The trainer reads them from there. The export `instancediffusion` writes records that have them, if the originals "
    "are still where they were"
)


def has_embeddings(run: RunFolder) -> bool:
    """Also true as long as there is no instance to tell by."""
    for record in islice(finished(run), LOOKED_AT):
        try:
            found = record.annotations
        except (OSError, ValueError):
            continue
        if found:
            return all(LABEL_EMBEDDING in entry for entry in found)
    return True


def writes_images(run: RunFolder) -> bool:
    """Whether a record has its image inside, if it has one."""
    if not run.run_json.exists():  # moved away meanwhile: what is done next will tell
        return True
    written: dict[str, object] = run.read_run().get("config", {}).get("write", {})
    return written.get("image", "embedded") == "embedded"


def lists(run: RunFolder) -> tuple[str, ...]:
    """The lists that a merge makes of it: what the trainer reads, and all other records."""
    if not writes_images(run):
        return (OTHERS,)
    items, imageless = run.read_plan().items, planned_without_image(run)
    return (TRAIN,) if not imageless else (OTHERS,) if imageless == items else (TRAIN, OTHERS)


def planned_without_image(run: RunFolder) -> int:
    """How many of its items are texts or videos."""
    found = shards = 0
    for entry in run.read_plan().passes:
        if entry.imageless is not None:
            found += entry.imageless
        elif entry.shards and _begins_without_image(run, shards):  # the first stood for all, in an earlier version
            found += entry.items
        shards += entry.shards
    return found


def _begins_without_image(run: RunFolder, shard: int) -> bool:
    try:
        first = next(run.items(shard), None)
    except FileNotFoundError:  # whoever needs it will tell
        return False
    return first is not None and not first.image


def holds_images(run: RunFolder) -> bool:
    """Whether there are records with their images inside, where the trainer looks for them."""
    return TRAIN in lists(run)


def refuse_without_images(run: RunFolder, why: str) -> None:
    """`why`: what needs them, and what to do instead."""
    if not holds_images(run):
        raise UserError(
            f"the records of {run.path} hold no images: the run has write.image=none, or is one of texts or videos. "
            f"Nothing was written. {why}"
        )


def how_to_embed(run: RunFolder) -> str:
    """What adds them. Boxes, masks and captions are taken over as they are."""
    settings = [f"source.path={run.path}", "pipeline.steps=[embed]", f"output={run.path}-embedded"]
    return f"Have them added by a run of its own: {shlex.join([*program('run'), *settings])}"
