"""Whether a run's records can be trained on: InstanceDiffusion's trainer needs the embedding of every label."""

from __future__ import annotations

import shlex
from itertools import islice

from labelyard.generate.record_json.fields import LABEL_EMBEDDING
from labelyard.generate.record_json.finished import finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.programs import program

LOOKED_AT = 100  # records, of which the first that has an instance tells: all of a run come from one pipeline


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


def how_to_embed(run: RunFolder) -> str:
    """What adds them. Boxes, masks and captions are taken over as they are."""
    settings = [f"source.path={run.path}", "pipeline.steps=[embed]", f"output={run.path}-embedded"]
    return f"Have them added by a run of its own: {shlex.join([*program('run'), *settings])}"
