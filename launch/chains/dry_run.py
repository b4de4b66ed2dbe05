"""What a chain would do, told stage by stage, with nothing written."""

from __future__ import annotations

from labelyard.launch.chains.local import heading
from labelyard.launch.chains.plan import Chain, Stage
from labelyard.launch.chains.slurm import Again, next_script
from labelyard.launch.exit_codes import DONE
from labelyard.launch.merging.summary import short
from labelyard.launch.starting.cost import costs_later
from labelyard.launch.starting.dry_run import dry_run as dry_run_of_a_run
from labelyard.launch.starting.dry_run import step_lines
from labelyard.launch.starting.request import wished


def dry_run(chain: Chain, again: Again) -> int:
    worst = DONE
    for stage in chain.stages:
        print(heading(chain, stage), flush=True)
        if not stage.needs or all(chain.stage(need).folder.plan_json.exists() for need in stage.needs):
            worst = max(worst, dry_run_of_a_run(stage.folder, wished(stage.composed)))
        else:
            print("\n".join([*_told(stage), *stage.cluster.scripts(stage.folder)]))
        if stage.needs and chain.on_slurm:
            print(next_script(chain, stage, again))
    return worst


def _told(stage: Stage) -> list[str]:
    """Of a stage whose source is not there yet."""
    return [
        f"items      those that are done in {' and '.join(stage.needs)} by then",
        f"pipeline   {' -> '.join(stage.steps)}",
        *(line for name, step in stage.steps.items() for line in step_lines(name, stage.config[name], step)),
        *(f"workers    {text}" for text in stage.cluster.describe(stage.folder)),
        *costs_later(stage.steps),
        f"output     {short(stage.folder.path)}",
    ]
