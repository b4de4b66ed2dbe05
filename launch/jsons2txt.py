"""Merge: finished records to a train list.

    python launch/jsons2txt.py train-data                     train-data/train.txt
    python launch/jsons2txt.py train-data lists/train.txt     another place for it
    python launch/jsons2txt.py OLD_FOLDER train.txt           a plain folder of JSON files

Lists every finished record by its absolute path, in the order of the input.
What is no list of the same records is never replaced.
Beside the list appear missing.jsonl (pending), quarantine.jsonl (what failed, and
why) and stats.json. It may be run at any time, also while workers are at it.

A record that was removed or torn since it was finished is not listed. Of more
than 100,000 items those are looked at whose folder has changed; --check: all.

Exit code 0: all is listed. 3: something is not, see above. 1: it could not be done.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.file_system import explained
from labelyard.generate.run_folder.layout import RunFolder, stages_of
from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.merging.merge import merge, merge_plain_folder
from labelyard.launch.merging.summary import summary
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.latest import until_latest
from labelyard.utils.text import harmless


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("run", type=Path, help="a run folder, or a plain folder of JSON files")
    asking.add_argument("train", type=Path, nargs="?", help="where the list goes (default: train.txt in that folder)")
    asking.add_argument("--check", action="store_true", help="look at every record, however many there are")
    chosen = asking.parse_args(arguments)
    try:
        if is_plain_folder(chosen.run):
            return plain(chosen.run, chosen.train or chosen.run / "train.txt")
        folder = RunFolder.open(chosen.run)
        merged = merge(folder, chosen.train, chosen.check or None)
    except OSError as error:
        raise explained(error, *places_of(chosen.run, chosen.train)) from None
    print(summary(folder, merged))
    return DONE if merged.complete else INCOMPLETE


def places_of(run: Path, train: Path | None) -> list[Path]:
    return [run] if train is None else [train, train.parent, run]


def is_plain_folder(path: Path) -> bool:
    folder = RunFolder(path)
    ours = folder.run_json.exists() or folder.was_a_run() or stages_of(path)
    return path.is_dir() and not ours and any(path.glob("*.json"))


def plain(folder: Path, train: Path) -> int:
    good, bad = until_latest(lambda: merge_plain_folder(folder, train))
    if good:
        print(f"{good} records are listed in {train.resolve()}")
    for path, problem in bad[:20]:
        print(harmless(f"left out: {path}: {problem}"))
    if len(bad) > 20:
        print(f"left out: {len(bad) - 20} more")
    if not good:
        raise UserError(f"no record is in {folder}: none of its {len(bad)} JSON files is one. Nothing was written")
    return INCOMPLETE if bad else DONE


if __name__ == "__main__":
    sys.exit(main())
