"""Files of every name there may be, listed in every text format, run and taken out again.

python -m tests.letters_run 10000               so many paths in each format; it takes minutes
python -m tests.letters_run 10000 --sbatch      by slurm/generate.sbatch and merge.sbatch, in a shell that has a SLURM
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch import export, run, status
from tests.conftest import ROOT, fake_run
from tests.letters import ODD, names

FOLDER = ODD[1] + " ü"  # of the photos, and a part of the run folder's name


def _txt(path: Path, files: Sequence[str]) -> None:
    path.write_text("".join(f"{file}\n" for file in files), "utf-8", newline="")


def _table(delimiter: str) -> Callable[[Path, Sequence[str]], None]:
    def write(path: Path, files: Sequence[str]) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([("image", "caption"), *((name, f"of {name}") for name in files)])

    return write


def _jsonl(path: Path, files: Sequence[str]) -> None:
    lines = [json.dumps({"image": name, "caption": "c"}, ensure_ascii=n % 2 == 0) for n, name in enumerate(files)]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")


def _json(path: Path, files: Sequence[str]) -> None:
    entries = [{"image": name, "caption": "c"} for name in files]
    path.write_text(json.dumps(entries, ensure_ascii=False), "utf-8", newline="")


FORMATS = {"txt": _txt, "csv": _table(","), "tsv": _table("\t"), "jsonl": _jsonl, "json": _json}


def make(place: Path, ending: str, number: int) -> Path:
    """The photos (one, under many names) and the list of them; its path."""
    folder = place / FOLDER
    folder.mkdir(parents=True)
    first, files = folder / ".first", names(number)
    Image.effect_mandelbrot((32, 32), (-2, -1, 1, 1), 20).save(first, "png")
    for name in files:
        os.link(first, folder / name)
    listed = folder / f"list of {ending}.{ending}"
    FORMATS[ending](listed, files)
    return listed


def problems(out: Path, number: int) -> list[str]:
    """What is not as it should be after a run of so many; and after an export of it."""
    found = []
    entries = [line for line in (out / "train.txt").read_bytes().decode("utf-8", "surrogateescape").split("\n") if line]
    if len(set(entries)) != number or not all(os.path.isfile(entry) for entry in entries):
        found.append(f"train.txt has {len(set(entries))} of {number}")
    images = {json.loads(Path(entry).read_bytes())["file_name"] for entry in entries}
    if images != set(names(number)):
        found.append(f"the records name {sorted(images ^ set(names(number)))[:3]}")
    folder = RunFolder.open(out)
    if folder.read_plan().items != number:
        found.append(f"{folder.read_plan().items} are planned")
    return found


def _here(listed: Path, out: Path) -> int:
    return run.main([str(word) for word in fake_run(listed, out, "cluster=local", "cluster.num_jobs=2")])


def _sbatch(listed: Path, out: Path) -> int:
    """Workers as an array and the merge behind them, submitted as the scripts say; waits for both."""
    found = {"LABELYARD": str(ROOT), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHON": sys.executable}
    submit = ["sbatch", "--parsable", "--wait"]
    settings = [str(word) for word in fake_run(listed, out)]
    codes = [
        subprocess.run([*submit, *job], env=os.environ | found, cwd=listed.parent, stdout=subprocess.DEVNULL).returncode
        for job in (
            ["--array=0-1", str(ROOT / "slurm" / "generate.sbatch"), *settings],
            [str(ROOT / "slurm" / "merge.sbatch"), str(out)],
        )
    ]
    return max(codes)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", type=int, nargs="?", default=10_000)
    parser.add_argument("--sbatch", action="store_true")
    chosen = parser.parse_args(arguments)
    start = _sbatch if chosen.sbatch else _here
    with tempfile.TemporaryDirectory() as place:
        for ending in FORMATS:
            began = time.monotonic()
            top = Path(place) / ending
            listed, out = make(top, ending, chosen.number), top / f"run {FOLDER}"
            codes = [
                start(listed, out),
                status.main([str(out)]),
                export.main([str(out), "coco", str(top / f"coco {FOLDER}"), "images=false"]),
            ]
            found = problems(out, chosen.number)
            print(f"{ending}: exit codes {codes}, {found or 'all done'}, {time.monotonic() - began:.0f} s", flush=True)
            if any(codes) or found:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
