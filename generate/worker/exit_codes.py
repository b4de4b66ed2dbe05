"""How a worker ends. What started it, run.py here or a task on SLURM, goes by it."""

FINISHED = 0  # nothing is left to claim
FAILED = 1  # for good: another would fail in the same way
BROKEN = 70  # this process can't go on, another can: its GPU failed under it
STOPPED = 75  # asked to, before everything was done: sysexits.h's "try again later"
COULD_NOT_SAY = 120  # Python's own, where the last words did not fit on the disk
