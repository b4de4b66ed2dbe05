"""The report of a run: a gallery to look at, plots of what the dataset holds and of how the run went."""
