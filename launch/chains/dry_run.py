"""What a chain would do, told stage by stage, with nothing written."""

from __future__ import annotations

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.local import heading
from labelyard.launch.chains.plan import Chain, Stage
from labelyard.launch.chains.slurm import Again, next_script
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.merging.summary import short
from labelyard.launch.starting.dry_run import Counted, check_folder, counted, step_lines, tell
from labelyard.launch.starting.estimate import estimate, hours
from labelyard.launch.starting.forecast import WITHOUT_IMAGE, Forecast, forecast, total
from labelyard.launch.starting.request import Wish, wished
from labelyard.launch.starting.room import fits


def dry_run(chain: Chain, again: Again) -> int:
    lists: list[tuple[Wish, Counted]] = []  # those that were read: stages of one list count it once
    coming: dict[str, Forecast] = {}
    for stage in chain.stages:
        print(heading(chain, stage), flush=True)
        if not stage.needs or all(chain.stage(need).folder.plan_json.exists() for need in stage.needs):
            wish = wished(stage.composed)
            check_folder(stage.folder, wish)
            found = _known(stage.folder, wish, lists) or counted(stage.folder, wish)
            lists.append((wish, found))
            coming[stage.name] = tell(stage.folder, wish, found)
        else:
            coming[stage.name] = _expected(stage, coming)
            print("\n".join(_told(stage, coming[stage.name])))
        for script in stage.cluster.scripts(stage.folder):
            print(script)
        if stage.needs and chain.on_slurm:
            print(next_script(chain, stage, again))
    print(f"-- all stages\nnew        {total(coming.values())}{_hours(chain, coming)}")
    good = fits(sum(one.bytes for one in coming.values()), chain.folder.path)
    print("Nothing was written and nobody was started.")
    return DONE if good else FAILED


def _hours(chain: Chain, coming: dict[str, Forecast]) -> str:
    """Of all stages, where the rate of each is given."""
    rates = [stage.config["rate"] for stage in chain.stages]
    if not all(rates):
        return ""
    seconds = sum(coming[stage.name].items / rate for stage, rate in zip(chain.stages, rates, strict=True))
    return f", {hours(seconds)} GPU hours at the given rates"


def _known(folder: RunFolder, wish: Wish, lists: list[tuple[Wish, Counted]]) -> Counted | None:
    """What a stage before has counted of the same list, if nothing of it is planned here."""
    if folder.plan_json.exists():
        return None
    same = (
        found
        for other, found in lists
        if (other.config["source"], other.limit) == (wish.config["source"], wish.limit) and not found.sifted.met
    )
    return next(same, None)


def _expected(stage: Stage, coming: dict[str, Forecast]) -> Forecast:
    """At most what the stages before it have; with what their records bring along."""
    before = [coming[need] for need in stage.needs]
    carried = max(max(one.per_record for one in before) - WITHOUT_IMAGE, 0)
    items, config = min(one.items for one in before), stage.config
    return forecast(items, config["shard_size"], stage.folder, config["write"], stage.steps, carried=carried)


def _told(stage: Stage, coming: Forecast) -> list[str]:
    """Of a stage whose source is not there yet."""
    workers = stage.cluster.workers()
    return [
        f"items      those that are done in {' and '.join(stage.needs)} by then, {coming.items} at most",
        f"shards     {coming.shards} of {coming.shard_size}",
        f"pipeline   {' -> '.join(stage.steps)}",
        *(line for name, step in stage.steps.items() for line in step_lines(name, stage.config[name], step)),
        *(f"workers    {text}" for text in stage.cluster.describe(stage.folder)),
        f"time       {estimate(stage.folder, stage.config['rate'], coming.items, workers)}",
        *coming.lines(),
        f"output     {short(stage.folder.path)}",
    ]
