"""Bring the weights that a run needs to this machine's cache, from the internet.

    python launch/fetch.py pipeline=instances                  all that this pipeline's steps need
    python launch/fetch.py pipeline=instances segment=sam      with the settings that the run will have
    python launch/fetch.py pipeline=instances models.cache=/shared/models

Give it the same settings as run.py; what a run does not need is not fetched. What is there already is left alone, and
what was cut off goes on. Weights come from the model hub into its usual cache (HF_HOME, or models.cache=…); files
whose checksum is published are checked against it. Compute nodes without internet then find everything there.

Exit code 0: all is there. 1: something is not, and why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.program import parser, program
from labelyard.utils.programs import as_called


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("--config-name", "-cn", default="config", help=argparse.SUPPRESS)
    asking.add_argument("--config-dir", "-cd", help=argparse.SUPPRESS)
    asking.add_argument("overrides", nargs="*", metavar="SETTING", help=as_called("as for run.py"))
    chosen = asking.parse_intermixed_args(arguments)

    from labelyard.generate.steps.tools.download import download
    from labelyard.generate.steps.tools.licences import told
    from labelyard.generate.steps.tools.model_cache import missing, use
    from labelyard.launch.config.compose import composed
    from labelyard.launch.starting.request import chosen_steps

    composition = composed(chosen.overrides, chosen.config_name, chosen.config_dir)
    steps = chosen_steps(composition)
    use(composition.config.models)
    for name, step in steps.items():
        known = list(told(step))
        for text in known:
            print(f"{name}: {text}", flush=True)
        download(step)
        for text in told(step):
            if text not in known:  # the model card has come
                print(f"{name}: {text}", flush=True)
    lacking = missing(steps)
    for line in lacking:
        print(f"fetch: {line}", file=sys.stderr)
    if not lacking:
        print("Everything is there.")
    return FAILED if lacking else DONE


if __name__ == "__main__":
    sys.exit(main())
