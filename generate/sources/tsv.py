"""A table as text whose fields are divided by tabs."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.sources.csv import Csv


@dataclass(kw_only=True)
class Tsv(Csv):
    suffixes = (".tsv", ".tab")
    usual = "\t"
