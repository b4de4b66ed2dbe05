"""How many arrays a number of jobs needs. MaxArraySize bounds the index (its largest is one less), hence the offset."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.utils.errors import UserError


@dataclass(frozen=True)
class Window:
    """One array: its tasks are the jobs `first` to `first + tasks - 1` of the run's start."""

    first: int
    tasks: int
    running: int | None = None  # at most so many at a time

    @property
    def spec(self) -> str:
        """As sbatch --array wants it."""
        return f"0-{self.tasks - 1}" + (f"%{self.running}" if self.running else "")


def windows(jobs: int, max_array_size: int, max_running: int | None = None) -> list[Window]:
    """Every job once. What may run at the same time is shared out, since SLURM throttles each array by itself."""
    if max_array_size < 2:
        raise UserError(f"this cluster has MaxArraySize={max_array_size}: it does not allow job arrays")
    firsts = range(0, jobs, max_array_size)
    if max_running is not None and max_running < len(firsts):
        raise UserError(
            f"cluster.max_running={max_running} is less than the {len(firsts)} arrays that cluster.num_jobs={jobs} "
            f"needs (this cluster's MaxArraySize is {max_array_size}). Jobs beyond cluster.max_running only wait: give "
            f"cluster.num_jobs={min(jobs, max_array_size)} or fewer"
        )
    found = []
    for number, first in enumerate(firsts):
        running = None
        if max_running is not None:
            running = max_running // len(firsts) + (number < max_running % len(firsts))
        found.append(Window(first, min(max_array_size, jobs - first), running))
    return found
