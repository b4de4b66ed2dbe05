"""What a command line in InstructCV's words asks for: a source with its settings, and options of the export."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from labelyard.launch.pairs.words import FLAGS, WORDS, Meant
from labelyard.utils.errors import UserError, nearest

# What one asks for if nobody says --tasks; the original's list is ['det'] for all.
TASKS = {"pets": "det,seg,cls", "ade20k": "seg", "nyuv2": "depes", "sunrgbd": "depes", "classes": "cls",
         "voc": "det,seg", "fss": "seg", "paired": "restore"}  # fmt: skip
# What records must have, of which something will do.
NEEDED = {
    "det": ("instances",), "seg": ("instances.mask",), "cls": ("tags", "instances"), "depes": ("images.depth",),
    "panoptic": ("instances.mask",), "restore": ("images.clean",),
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    source: str
    path: str
    settings: list[str]  # of the run
    options: dict[str, str]  # of the export

    def run(self, output: str) -> list[str]:
        found = [f"source={self.source}", f"source.path={self.path}", "pipeline=given", f"output={output}"]
        return [*found, *self.settings]


def what(chosen: argparse.Namespace) -> Wanted:
    meant = _meant(chosen)
    path = chosen.data_root or (getattr(chosen, meant.flag) or meant.place if meant else "./data/coco")
    if not Path(path).exists():
        option = "--data_root" if chosen.data_root or meant is None else f"--{meant.flag}"
        raise UserError(f"{option} {path}: there is no such folder (looked in {Path.cwd()})")
    source = meant.source if meant else _by_layout(path)
    run, options = _told_apart(chosen.settings)
    run = [*([f"{key}={value}" for key, value in meant.settings.items()] if meant else []), *run]
    if source == "coco" and not any(setting.startswith("source.split=") for setting in run):
        run += _usual_split(Path(path))
    tasks = " ".join(chosen.tasks) if chosen.tasks else TASKS.get(source, "det")
    given = {
        name: getattr(chosen, name) for name in ("seed", "templates", "split") if getattr(chosen, name) is not None
    }
    return Wanted(source, path, run, {**(meant.options if meant else {}), **options, **given, "tasks": tasks})


def _meant(chosen: argparse.Namespace) -> Meant | None:
    """None: the layout of --data_root tells."""
    if chosen.dataset is not None:
        if chosen.dataset not in WORDS:
            likely = nearest(chosen.dataset, list(WORDS))
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"--dataset {chosen.dataset}: there are {', '.join(WORDS)}.{hint}")
        return WORDS[chosen.dataset]
    if chosen.data_root is not None:
        return None
    named = [flag for flag in FLAGS if getattr(chosen, flag) is not None]
    if len(named) > 1:
        raise UserError(f"--{' and --'.join(named)}: one dataset at a time. Say which: --dataset NAME")
    return next((word for word in WORDS.values() if named and word.flag == named[0]), WORDS["coco"])


def _by_layout(path: str) -> str:
    from labelyard.generate.sources.auto import Auto, sources

    fitting = [name for name, kind in sources().items() if name != "folder" and kind.recognises(Path(path))]
    return fitting[0] if len(fitting) == 1 else type(Auto(path=path).chosen).__module__.rpartition(".")[2]


def _usual_split(path: Path) -> list[str]:
    """The original reads val2017, whatever else is there."""
    there = path.is_dir() and (path / "annotations" / "instances_val2017.json").is_file()
    return ["source.split=val2017"] if there else []


def _told_apart(settings: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Settings of the run, and options of the export."""
    from labelyard.generate.exporters.instructcv.exporter import InstructCV

    known = {f.name for f in fields(InstructCV)}
    options = {
        key: value for key, equals, value in (text.partition("=") for text in settings) if equals and key in known
    }
    return [text for text in settings if text.partition("=")[0] not in known], options


def refuse(wanted: Wanted, target: Path) -> None:
    """Before a label is read."""
    from labelyard.generate.exporters.instructcv.exporter import InstructCV
    from labelyard.generate.exporters.instructcv.tasks import TASKS as KNOWN
    from labelyard.generate.exporters.instructcv.tasks import tasks_of
    from labelyard.generate.exporters.instructcv.templates import templates
    from labelyard.launch.export import configured
    from labelyard.launch.exporting import refuse_foreign

    configured(InstructCV, wanted.options)
    templates(wanted.options.get("templates"))
    given = {name for names in _source(wanted).gives().values() for name in names}
    for task in tasks_of(wanted.options["tasks"]):
        if not given & set(NEEDED[task]):
            raise UserError(
                f"--tasks {task}: source={wanted.source} has none of what it needs ({KNOWN[task].needs}); it gives "
                f"{', '.join(sorted(given)) or 'nothing'}. Nothing was written"
            )
    refuse_foreign(target)


def _source(wanted: Wanted) -> Any:
    """As the run will have it."""
    from labelyard.generate.settings import build
    from labelyard.launch.config.compose import composed, plain

    return build(plain(composed(wanted.run("nowhere"), "config", None).config)["source"], "source")
