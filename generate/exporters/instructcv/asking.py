"""The sentence that asks for a sample."""

from __future__ import annotations

from collections.abc import Sequence

from labelyard.generate.exporters.instructcv import draws
from labelyard.generate.exporters.instructcv.tasks import Sample
from labelyard.generate.exporters.instructcv.templates import rendered


def asked(templates: Sequence[str], sample: Sample, seed: int, item_id: str) -> str:
    line = draws.one_of(templates, seed, item_id, sample.task, sample.label, "template")
    return rendered(line, {"%": sample.label, "*": sample.colours[0], "#": sample.colours[1]})
