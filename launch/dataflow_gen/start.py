"""From a command line to the chain of its steps, and from that to the user's results."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.folder import ChainFolder
from labelyard.launch.chains.frozen import Redo
from labelyard.launch.chains.plan import Chain, planned
from labelyard.launch.chains.slurm import Again
from labelyard.launch.chains.standing import stand
from labelyard.launch.chains.started import started
from labelyard.launch.config.typed_values import literal
from labelyard.launch.dataflow_gen.document import read_document
from labelyard.launch.dataflow_gen.flow import Flow
from labelyard.launch.dataflow_gen.request import Command, Request, asked
from labelyard.launch.dataflow_gen.results import Results, Told
from labelyard.launch.dataflow_gen.save_place import SavePlace
from labelyard.launch.dataflow_gen.stages import flow_of, recipe_of
from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.merging.summary import short, to_type
from labelyard.utils.english import counted
from labelyard.utils.errors import UserError

SHORT = re.compile(r"step_(\d+)(?=[:.])")


def start(command: Command) -> int:
    request = asked(read_document(command.config), command.flags, command.settings)
    flow = flow_of(request)
    base = Path(request.base_folder).resolve()
    save = SavePlace.of(request.save_folder)
    save.check(request.save_folder, base)
    chain = _planned(request, flow, command)
    _tell(request, flow)
    folders = {stage.name: stage.folder for stage in chain.stages}
    results = _results(request, flow, base, save, {stage.name: folders[stage.run] for stage in flow.stages})
    ended = partial(_write, results)
    code = started(chain, Again(command.command, Path.cwd(), "dataflow", ended), command.next, command.wait)
    if chain.dry_run or command.next is not None:
        return code
    if chain.on_slurm and not all(stand(stage.folder).complete for stage in chain.stages):
        print(f"results      {short(save.result)}, written behind every step", flush=True)
        return code
    told = results.write()
    _sum_up(results, told, base)
    return INCOMPLETE if code == DONE and told is not None and told.refused else code


def _planned(request: Request, flow: Flow, command: Command) -> Chain:
    output = f"output={literal(request.base_folder)}"
    settings = [_in_full(setting, flow) for setting in command.settings]
    for setting in settings:
        if setting.partition("=")[0] in ("output", "source", "source.path"):
            raise UserError(f"{setting}: give it as --base_folder, --meta_path")
    redo = _redo(flow, request, command.again_from)
    try:
        return planned(recipe_of(flow), [*settings, output], None, redo, strict=command.next is not None)
    except UserError as error:
        raise UserError(_with_place(str(error.args[0]), request, flow)) from None


def _in_full(setting: str, flow: Flow) -> str:
    """`step_2:work.batch=4` and `step_2.seed=1` for the whole name of that step."""
    found = SHORT.match(setting)
    stage = found and next((stage for stage in flow.stages if stage.number == int(found[1])), None)
    if found is None or stage is None:
        return setting
    rest = setting[found.end() :]
    return f"{stage.run if rest.startswith(':') else stage.name}{rest}"


def _redo(flow: Flow, request: Request, number: int | None) -> Redo:
    if number is None:
        return Redo(set_aside=True, told=_by_from)
    if not 1 <= number <= len(flow.stages):
        raise UserError(f"--from {number}: the steps are numbered from 1 to {len(flow.stages)}")
    there = ChainFolder(Path(request.base_folder).resolve()).read()
    names = list(there.stages) if there is not None else []
    again = tuple(stage.name for stage in flow.stages if stage.number >= number and stage.is_last_of_its_run)
    drop = tuple(name for name in names if _number(name) >= number and name not in again)
    return Redo(again, drop, set_aside=True, told=_by_from)


def _by_from(fresh: Sequence[str], first: Sequence[str]) -> str:
    number = min(map(_number, first))
    return (
        f"To do step {number} and those behind it again: the same command with --from {number}. What they made is set "
        "aside, beside it, in folders whose names end in .old-1; the steps before are kept"
    )


def _number(name: str) -> int:
    found = re.match(r"step_(\d+)_", name)
    return int(found[1]) if found else 0


def _with_place(text: str, request: Request, flow: Flow) -> str:
    """Where in the YAML it stands, if it is a setting of a step that is wrong."""
    for stage in flow.stages:
        rest = text.removeprefix(f"stage {stage.run}: ").removeprefix("Error merging override ")
        own = re.match(rf"{re.escape(stage.name)}\.(\w+)(?=[=:])", rest)
        if own and own[1] in stage.yaml_of:
            key = stage.yaml_of[own[1]]
            return f"{request.at(stage.asked, 'config', key)}: {key}{rest[own.end() :]}"
    return text


def _tell(request: Request, flow: Flow) -> None:
    for note in request.notes:
        print(f"{request.document.path}: {note}")
    for stage in flow.stages:
        for said in stage.said:
            print(f"{stage.name}: {said}")
    sys.stdout.flush()


def _results(request: Request, flow: Flow, base: Path, save: SavePlace, runs: dict[str, RunFolder]) -> Results:
    return Results(flow, base, runs, save, request.layout, request.keep_failed, request.explode)


def _write(results: Results, chain: Chain) -> None:
    results.write()


def _sum_up(results: Results, told: Told | None, base: Path) -> None:
    if told is None:
        return
    print(f"results      {short(results.save.result)}: {counted(told.lines, 'row')}")
    if told.failed or told.refused:
        refused = f", {told.refused} refused" if told.refused else ""
        print(f"             {told.failed} failed{refused}: {short(results.save.failed)}")
    if told.pending:
        print(f"             {told.pending} pending: {to_type('status', base)}")
    sys.stdout.flush()
