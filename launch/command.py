"""The command `labelyard`: the programs of this folder, under one name.

    labelyard run source.path=train_data.json output=train-data
    labelyard status train-data --watch
    labelyard VERB --help

    run       start a run, or go on with one
    chain     several runs, each on the records of those before it
    dataflow  Dataflow-Gen's pipelines, from their YAML
    status    how far it is, how fast, what failed
    retry     quarantined items are pending again
    merge     finished records to a train list
    validate  check records against the schema
    view      a page with a gallery and plots
    export    to COCO, YOLO, WebDataset, …
    fetch     the models' weights, where there is internet
    cancel    end the run's jobs on SLURM
    layout    public data sets, linked to where a trainer looks for them
    processing  Graph200K for VisualCloze, by its own flags
    format_dataset  InstructCV's pairs, by its own flags
    voc2coco  Pascal VOC as COCO's JSON
    paraphrase  the pairs' sentences in other words
    edit_cli  pictures changed by an instruction, by InstructCV's own flags
    train     a training job on SLURM, by somebody's own trainer
    classify  a classifier, to see whether labels and split are right
    evaluate_pairs  how good an instruction model's predictions are
    worker    one more worker for a planned run, by hand

    labelyard --home       the folder that holds slurm/generate.sbatch and conf/
    labelyard --version

The Tab key completes verbs, options and settings in bash:

    eval "$(labelyard --completion bash)"
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from labelyard import __version__
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.program import program
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.programs import CALLED, COMMAND, NAMES, VERBS, WORKER

# Where the program behind each verb lives.
PROGRAMS = {VERBS.get(name, name): f"labelyard.launch.{name}" for name in NAMES}
PROGRAMS[VERBS[WORKER]] = "labelyard.generate.__main__"


@program
def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    os.environ[CALLED] = COMMAND
    if not given or given[0] in ("-h", "--help", "help"):
        print((__doc__ or "").strip())
        return DONE if given else FAILED
    verb, rest = given[0], given[1:]
    if verb == "--version":
        print(f"labelyard {__version__}")
        return DONE
    if verb == "--home":
        print(Path(__file__).parent.parent)
        return DONE
    if verb == "--completion":
        return _completion(rest)
    if verb not in PROGRAMS:
        likely = nearest(verb, list(PROGRAMS))
        hint = f"Did you mean {likely}?" if likely else "labelyard --help says what each does"
        raise UserError(f"there is no {verb!r}; there are {', '.join(PROGRAMS)}. {hint}")
    sys.argv = [f"{COMMAND} {verb}", *rest]  # the name that argparse and Hydra show
    found: int = importlib.import_module(PROGRAMS[verb]).main(rest)
    return found


def _completion(rest: list[str]) -> int:
    if rest != ["bash"]:
        raise UserError(f"--completion {' '.join(rest) or 'of no shell'}: give bash")
    print(BASH.format(verbs=" ".join(PROGRAMS)))
    return DONE


# Settings are completed by Hydra itself, which is asked as it would ask itself for a program called run.py. Of the
# others the folders are completed, and their options read from their own --help.
BASH = """\
_labelyard() {{
    local verb=${{COMP_WORDS[1]}} word=${{COMP_WORDS[COMP_CWORD]}} choices
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W '{verbs} --version --help' -- "$word"))
        return
    fi
    case $verb in
    run | fetch)
        choices=$(COMP_LINE="labelyard ${{COMP_LINE#*"$verb"}}" labelyard run -sc query=bash 2>/dev/null)
        COMPREPLY=($(compgen -W "$choices" -- "$word"))
        compopt -o nospace
        ;;
    *)
        case $word in
        -*) COMPREPLY=($(compgen -W "$(labelyard "$verb" --help 2>/dev/null | grep -oE -- '--[a-z-]+')" -- "$word")) ;;
        *) COMPREPLY=($(compgen -f -- "$word")) ;;
        esac
        ;;
    esac
}}
COMP_WORDBREAKS=${{COMP_WORDBREAKS//=}}
complete -o default -F _labelyard labelyard"""


if __name__ == "__main__":
    sys.exit(main())
