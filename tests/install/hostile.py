"""Where a user stands: in a folder with the names of our folders in it, with a step that uses a `utils` of theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
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
    writes = ("found.grey",)

    def __call__(self, records):
        for record in records:
            record.found["grey"] = utils.mean(record.image)

    def model(self):
        return {"name": "grey"}
'''
UTILS = """\
def mean(image):
    return float(sum(image.convert("L").resize((1, 1)).getdata()))
"""
# Without models: a step of ours and one of the user's. And the demo with the user's behind it.
PIPELINE = ("pipeline=bare", "edges=canny", "grey=mean", "pipeline.steps=[edges,grey]")
DEMO = ("--config-name", "demo", "source=train_json", "grey=mean",
        "pipeline.steps=[tag,ground,segment,caption,embed,edges,grey]")  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    folder: Path  # where the user stands
    own: Path  # what the user has on PYTHONPATH
    train: Path

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Nothing leads to this checkout but the program itself."""
        return {**(environment() if base is None else base), "PYTHONPATH": str(self.own)}

    def arguments(self, out: Path, *more: object, pipeline: Sequence[str] = PIPELINE) -> list[str]:
        settings = (*pipeline, f"source.path={self.train}", f"output={out}", *more)
        return ["--config-dir", str(self.own / "conf"), *map(str, settings)]


def make(tmp_path: Path, make_list: MakeList, items: int = 3, side: int = 48) -> Hostile:
    folder = tmp_path / "the user's ü (2)"
    for name in ("utils", "generate", "launch", "conf", "tests", "slurm"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(RAISES)
        (folder / f"{name}.py").write_text(RAISES)
    (folder / "launch" / "run.py").write_text(RAISES)
    (folder / "generate" / "__main__.py").write_text(RAISES)
    own = tmp_path / "own"
    (own / "conf" / "grey").mkdir(parents=True)
    (own / "mine").mkdir()
    (own / "mine" / "grey.py").write_text(STEP)
    (own / "utils.py").write_text(UTILS)
    (own / "conf" / "grey" / "mean.yaml").write_text("# Grey.\n_target_: mine.grey.Grey\n")
    return Hostile(folder, own, make_list(items, side))


def assert_done(out: Path, items: int) -> None:
    lines = (out / "train.txt").read_text().splitlines()
    assert len(lines) == items and all(os.path.exists(line) for line in lines)
    assert all(json.loads(Path(line).read_text())["found"]["grey"] > 0 for line in lines)
