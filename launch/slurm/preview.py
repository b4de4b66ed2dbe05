"""What cluster=slurm would submit, for dry_run."""

from __future__ import annotations

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.slurm.commands import Unreachable, cluster_name, max_array_size, settings
from labelyard.launch.slurm.jobs import merge_name
from labelyard.launch.slurm.options import Options
from labelyard.launch.slurm.script import array_parameters, merge_command, merge_parameters, text, worker_command
from labelyard.launch.slurm.submit import Site, after, plan_of_arrays
from labelyard.utils.english import counted


def preview(slurm: Options) -> list[str]:
    """How many workers in how many arrays."""
    site, doubt = _site()
    arrays = plan_of_arrays(slurm, site)
    each = f"{slurm.nodes} x {slurm.tasks} workers, {counted(slurm.gpus, 'GPU')} per node"
    again = f", and {slurm.successors} times as many behind them" if slurm.successors else ""
    return [
        f"{slurm.num_jobs * slurm.workers_of_a_job} on SLURM: {counted(slurm.num_jobs, 'job')} of {each}{again}",
        f"{counted(len(arrays), 'array')} (MaxArraySize {site.max_array_size}{doubt}) and a merge job",
    ]


def scripts(slurm: Options, folder: RunFolder) -> list[str]:
    """The sbatch texts, as they would be submitted, with a word in the place of what is not known yet."""
    site, _ = _site()
    run, name = folder.path, f"{slurm.name or folder.path.name}-<unique>"
    command = worker_command(slurm, run, run / "hydra" / "<start>" / "work.json")
    arrays = plan_of_arrays(slurm, site)
    texts, ids = list[str](), dict[int, list[str]]()
    for number, (generation, window) in enumerate(arrays, 1):
        earlier = ids.get(generation - 1)
        dependency = after(earlier) if earlier else slurm.dependency
        ids.setdefault(generation, []).append(f"<array {number}>")
        parameters = array_parameters(slurm, run, name, window, dependency)
        texts.append(titled(f"array {number} of {len(arrays)}", text(parameters, command, run / "slurm")))
    everyone = after([job for generation in ids.values() for job in generation])
    parameters = merge_parameters(slurm, run, merge_name(name), everyone)
    texts.append(titled("merge job", text(parameters, merge_command(slurm, run), run / "slurm")))
    return texts


def _site() -> tuple[Site, str]:
    try:
        config = settings()
    except Unreachable as error:
        return Site("", 1001), f", SLURM's default; not asked: {error}"
    return Site(cluster_name(config), max_array_size(config)), ""


def titled(title: str, body: str) -> str:
    return f"---- {title}: sbatch gets ----\n{body.rstrip()}\n"
