"""What the logs of a run's SLURM jobs end with: why a setup line or python itself failed."""

from __future__ import annotations

from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.slurm.setup import SAID


def word_of_setup(folder: RunFolder, task: str) -> str:
    """Which setup line ended this task (of an array: 12_3), if one did."""
    line = last_line(log_of_task(folder.path, task))
    return line if line.startswith(SAID) else ""


def log_of_task(run: Path, task: str) -> Path:
    return run / "logs" / f"slurm-{task}_0.log"


def last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 4096))
            found = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    told = [line for line in found if line and not line.startswith(("srun: error:", "slurmstepd"))]
    return told[-1] if told else next((line for line in reversed(found) if line), "")
