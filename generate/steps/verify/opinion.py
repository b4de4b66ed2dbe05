"""What steps share that give a second opinion of instances: what they write, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.roles import AGREEMENT
from labelyard.generate.step import Step


@dataclass(kw_only=True)
class Opinion(Step):
    """Each has an opinion of its own, so that several may be asked for theirs."""

    reads: ClassVar[tuple[str, ...]] = ("image", "instances")

    @property
    def called(self) -> str:
        return self.name or "verify"

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"instances.{AGREEMENT}.{self.called}",)
