"""Chaos on a chain: photos to five training sets, by stand-ins for the models; and the exports of it, too."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

from labelyard.launch.exporting import NOTES
from tests.conftest import FAKES, command, environment
from tests.faults.outcome import outcome
from tests.faults.scene import Scene

STAGES = ("find", "say", "picture", "train")
# What looks at pictures is stood in for; the rest is the demo's own. Two steps take their time.
FAKE = (
    *(f"{kind}=fake" for kind in ("tag", "ground", "segment", "embed")),
    "foreground=instances",
    "find:+trouble@held=fake",
    "find:pipeline.steps=[tag,ground,segment,held]",
    "picture:+trouble@paced=fake",
    "picture:pipeline.steps=[foreground,qwen_2_5_bounding_box,qwen_2_5_mask,canny,uniformer,paced]",
    "train:write.short_side=32",
)
EXPORTS = {
    "train_list": ["train.txt"],
    "graph200k": ["graph200k", "assessment=assume", "paths=relative"],
    "instructcv": ["instructcv", "tasks=det,seg,cls"],
    "gcg": ["gcg"],
    "grand": ["grand"],
    "jsonl": ["captions.jsonl", "texts=dense"],
}


class ChainScene(Scene):
    program, disk_size = "chain", 1024

    def __init__(self, folder: Path, chance: random.Random, items: int) -> None:
        super().__init__(folder, chance, items)
        self.clean = self.out  # which runs a stage joins is one of its settings: both are made in one place

    def undisturbed(self) -> dict[str, object]:
        found = super().undisturbed()
        (self.folder / "clean").mkdir()
        for path in self.disk.iterdir():
            shutil.move(path, self.folder / "clean" / path.name)
        return found

    def runs(self) -> list[Path]:
        return [self.out / stage for stage in STAGES]

    def arguments(self, out: Path, *more: object) -> list[object]:
        given = ["everything_demo", "--config-dir", FAKES, f"source.path={self.listed}", f"output={out}"]
        return [*given, *FAKE, "work.batch=4", "work.max_attempts=1000", "shard_size=20", *more]

    def pace(self, seconds_each: float) -> list[str]:
        """Two of its stages take their time, and leave some for the others."""
        return [f"{step}.seconds={seconds_each / 5}" for step in ("held", "paced")]

    def outcome(self, out: Path) -> dict[str, object]:
        """The exports of the last stage among them."""
        sets = out.with_name("sets")
        found: dict[str, object] = {}
        for stage in STAGES:
            found |= {f"{stage}/{name}": made for name, made in outcome(out / stage).items()}
        for kind, (place, *options) in EXPORTS.items():
            words = command("export", out / "train", kind, sets / place, *options)
            done = subprocess.run(words, env=environment(), capture_output=True, text=True)
            assert done.returncode in (0, 3) and "read back well" in done.stdout, (kind, done.stdout, done.stderr)
        for path in sorted(sets.rglob("*")):
            if path.is_file() and path.name != NOTES:  # these note when the records were written
                found[f"sets/{path.relative_to(sets)}"] = path.read_bytes()
        return found
