"""Where the final results go: a folder, or a file that ends in .jsonl."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from labelyard.utils.atomic import is_temporary
from labelyard.utils.errors import UserError


@dataclass(frozen=True)
class SavePlace:
    folder: Path
    result: Path
    failed: Path
    report: Path

    @classmethod
    def of(cls, location: str) -> SavePlace:
        path = Path(location).resolve()
        if path.suffix == ".jsonl":
            named = [path.with_name(f"{path.stem}.{name}") for name in ("failed.jsonl", "report.json")]
            return cls(path.parent, path, named[0], named[1])
        return cls(path, path / "result.jsonl", path / "failed.jsonl", path / "report.json")

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """In the order in which they get their names."""
        return self.failed, self.report, self.result

    def make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def check(self, location: str, base: Path) -> None:
        """Nothing of anybody else's is overwritten, or mixed with ours."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"save_folder={location} is a file. Give a folder, or a file that ends in .jsonl")
        owner = self._owner()
        if owner == str(base):
            return
        if owner is not None:
            raise UserError(f"save_folder={location} holds the results of {owner}, not of {base}. Give another")
        whole = self.result.parent == self.folder and self.result.name == "result.jsonl"
        if whole and self.folder.exists():
            there = sorted(path.name for path in self.folder.iterdir() if not is_temporary(path.name))
        else:
            there = [path.name for path in self.files if path.exists()]
        if there:
            raise UserError(
                f"save_folder={location} is there, and not of this pipeline (it holds {', '.join(there[:5])}). Give "
                "another, or move it away"
            )

    def _owner(self) -> str | None:
        """The base_folder whose results lie here."""
        try:
            found = json.loads(self.report.read_bytes())
            return str(found["base_folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
