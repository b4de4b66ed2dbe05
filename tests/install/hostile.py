"""Where a user stands: in a folder with the names of our folders in it, with a step that uses a `utils` of theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import MakeList, environment

RAISES = 'raise RuntimeError("a module of the user was imported as if it were ours: " + __name__)\n'

STEP = '''\
from dataclasses import dataclass

import utils  # the user's own
from labelyard import Step


@dataclass(kw_only=True)
class Grey(Step):
    """The mean grey value, by a function of the user's own."""

    reads = ("image",)
    writes = ("tags",)

    def __call__(self, records):
        from labelyard import Tag

        for record in records:
            record.tags = [Tag("grey", utils.mean(record.image))]

    def model(self):
        return {"name": "grey"}
'''
UTILS = """\
def mean(image):
    return float(sum(image.convert("L").resize((1, 1)).getdata()))
"""
PIPELINE = (
    "tag=grey",
    "edges=canny",
    "pipeline.steps=[tag,edges]",
)  # without models, with a step of ours and one of the user's


@dataclass(frozen=True)
class Hostile:
    folder: Path  # where the user stands
    own: Path  # what the user has on PYTHONPATH
    train: Path

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Nothing leads to this checkout but the program itself."""
        return {**(environment() if base is None else base), "PYTHONPATH": str(self.own)}

    def arguments(self, out: Path, *more: object) -> list[str]:
        settings = (f"source.path={self.train}", f"output={out}", *PIPELINE, *more)
        return ["--config-dir", str(self.own / "conf"), *map(str, settings)]


def make(tmp_path: Path, make_list: MakeList, items: int = 3) -> Hostile:
    folder = tmp_path / "the user's ü"
    for name in ("utils", "generate", "launch", "conf", "tests", "slurm"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(RAISES)
        (folder / f"{name}.py").write_text(RAISES)
    own = tmp_path / "own"
    (own / "conf" / "tag").mkdir(parents=True)
    (own / "mine").mkdir()
    (own / "mine" / "grey.py").write_text(STEP)
    (own / "utils.py").write_text(UTILS)
    (own / "conf" / "tag" / "grey.yaml").write_text("# Grey.\n_target_: mine.grey.Grey\n")
    return Hostile(folder, own, make_list(items))


def assert_done(out: Path, items: int) -> None:
    lines = (out / "train.txt").read_text().splitlines()
    assert len(lines) == items and all(os.path.exists(line) for line in lines)
