"""Finished records in another layout.

    python launch/export.py RUN FORMAT DEST [option=value …]

    python launch/export.py train-data coco coco-data pixels=original
    python launch/export.py train-data train_list train.txt --split val=0.01
    python launch/export.py train-data FORMAT --help    a format's options

Options may be written as option=value or --option value. What is written is
read back. The same command goes on, and adds what the run has got since.

Exit code 0: every finished record is there. 3: some could not be taken, and are named. 1: it could not be done.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from labelyard.generate.exporter import Damage, Exporter
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import made, target
from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.exporting import Totals, export
from labelyard.launch.merging.summary import short
from labelyard.launch.program import parser, program
from labelyard.launch.watching.terminal import Gauge
from labelyard.utils.english import counted
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.text import harmless

CONF = Path(__file__).resolve().parent.parent / "conf"
SHOWN = 20


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, usage="%(prog)s RUN FORMAT DEST …")
    asking.add_argument("--config-dir", "-cd", metavar="DIR", help="formats of your own: DIR/export/*.yaml")
    asking.add_argument("run", nargs="?", help="the run folder")
    asking.add_argument("format", nargs="?", help=" ".join(formats()))
    asking.add_argument("rest", nargs=argparse.REMAINDER, help="the destination, and options")
    chosen = asking.parse_args(arguments)
    try:
        if chosen.run is None or chosen.format is None:
            raise UserError(f"give RUN FORMAT DEST. Formats: {', '.join(formats())}")
        kind = exporter_class(chosen.format, formats(chosen.config_dir))
        if {"-h", "--help"} & set(chosen.rest):
            print(options_of(kind, chosen.format))
            return DONE
        places, options = told_apart(chosen.rest, kind)
        if len(places) != 1:
            raise UserError(f"give one destination behind the format; there are {len(places)}: {' '.join(places)}")
        exporter = configured(kind, options)
        folder = RunFolder.open(chosen.run)
        with Gauge("exporting") as gauge:
            totals = export(exporter, chosen.format, folder, Path(places[0]), gauge.tell)
        code = tell(totals, Path(places[0]))
        for line in exporter.told(Path(places[0])):
            print(harmless(line))
        return code
    except Damage as error:
        raise UserError(f"{error}. Remove the destination and export again") from None
    except ImportError as error:
        raise UserError(f"{error}. Try: pip install -e '.[formats]'") from None


def formats(directory: str | None = None) -> dict[str, Path]:
    """The yaml of every format by its name; a user's own folder counts like conf/ itself."""
    folders = [CONF, Path(directory)] if directory is not None else [CONF]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("export/*.yaml"))}


def exporter_class(name: str, known: Mapping[str, Path]) -> type[Exporter]:
    if name not in known:
        likely = nearest(name, known)
        hint = f" Did you mean {likely}?" if likely else ""
        raise UserError(f"there is no format '{name}'. Formats: {', '.join(known)}.{hint}")
    kind = target(OmegaConf.load(known[name])._target_)
    assert isinstance(kind, type)
    return kind


def told_apart(rest: list[str], kind: type[Exporter]) -> tuple[list[str], dict[str, str]]:
    """Destinations, and options in either way of writing them."""
    types = {field.name: str(field.type) for field in dataclasses.fields(kind)}
    places, options = list[str](), dict[str, str]()
    waiting = list(rest)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("--"):
            key, equals, value = word[2:].partition("=")
            key = key.replace("-", "_")
            if not equals:
                flag = types.get(key) == "bool" and (not waiting or waiting[0] not in ("true", "false"))
                if not flag and not waiting:
                    raise UserError(f"{word} needs a value")
                value = "true" if flag else waiting.pop(0)
            options[key] = value
        elif "=" in word and word.partition("=")[0].isidentifier():
            key, _, value = word.partition("=")
            options[key] = value
        else:
            places.append(word)
    return places, options


def configured(kind: type[Exporter], options: dict[str, str]) -> Exporter:
    valid = [field.name for field in dataclasses.fields(kind)]
    for key in options:
        if key not in valid:
            likely = nearest(key, valid)
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"there is no option '{key}'. Options: {', '.join(sorted(valid))}.{hint}")
    node = OmegaConf.structured(kind)
    for key, value in options.items():
        try:
            node[key] = None if value == "null" else value
        except (OmegaConfBaseException, ValueError) as error:
            raise UserError(f"{key}={value}: {str(error).splitlines()[0]}") from None
    values: Any = OmegaConf.to_container(node)
    exporter: Exporter = made(kind, values)
    return exporter


def options_of(kind: type[Exporter], name: str) -> str:
    told = (sys.modules[kind.__module__].__doc__ or kind.__doc__ or "its options").strip().splitlines()[0]
    lines = [f"{name}: {told}", ""]
    for field in dataclasses.fields(kind):
        lines.append(f"    {field.name}={'null' if field.default is None else field.default}")
    return "\n".join(lines)


def tell(totals: Totals, dest: Path) -> int:
    found = f" with {totals.instances} instances" if totals.instances else ""  # a mere list does not count them
    parts = f", {totals.parts - totals.written} of {totals.parts} parts were there" if totals.parts > 1 else ""
    print(f"{totals.records} records{found} in {short(dest.resolve())}{parts}; read back well")
    for text in totals.left_out[:SHOWN]:
        print(harmless(f"left out: {text}"))
    if len(totals.left_out) > SHOWN:
        print(f"left out: {len(totals.left_out) - SHOWN} more")
    if totals.imageless:
        print(f"not in it: {counted(totals.imageless, 'record')} of texts or videos")
    return INCOMPLETE if totals.left_out else DONE


if __name__ == "__main__":
    sys.exit(main())
