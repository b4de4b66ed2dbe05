"""How the programs end, for scripts that go by it."""

DONE = 0  # of a run: every planned item stands in the train list
FAILED = 1  # it could not be done, and a line says why
INCOMPLETE = 3  # done, but for items that are quarantined or pending, or records that could not be taken
INTERRUPTED = 130  # by Ctrl-C or a signal; the same command goes on
UNHEARD = 141  # as of a program that SIGPIPE ended: who read its output has heard enough
