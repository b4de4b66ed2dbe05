"""The lives of a SLURM task so far: whether they got anywhere."""

from __future__ import annotations

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.workers import limit_mark, lives


def fruitless(folder: RunFolder, task: str) -> int:
    """How many lives of this task failed in a row, the latest ones, without an item brought to its end.

    A life that SLURM cut short (preempted, a dead node) is no failure and counts neither way; one that the time limit
    stopped before its first item is, or it would come back for ever.
    """
    count = 0
    for state in reversed(lives(folder, task)):
        if state.get("done", 0) + state.get("failed", 0) > 0 or got_somewhere(folder, state["worker"]):
            break
        count += state["state"] == "failed" or limit_mark(folder, state["worker"]).exists()
    return count


def got_somewhere(folder: RunFolder, worker: str) -> bool:
    """Whether its journals hold an item that it brought to its end."""
    from labelyard.generate.run_folder.journal import read_journal

    return any(
        event["event"] in ("done", "quarantined")
        for path in folder.journals.glob(f"*.{worker}.jsonl")
        for event in read_journal(path)
    )
