"""Labelyard: grounded training data on SLURM clusters. The folders are links to those at the top of the repository."""

__version__ = "0.1.0"
