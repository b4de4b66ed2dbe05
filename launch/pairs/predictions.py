"""Pictures that InstructCV's model is to change: which, by what instruction, and under which names they come out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.exporters.instructcv.templates import FIXED
from labelyard.generate.record_json.finished import finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.sources.folder import IMAGES
from labelyard.utils.atomic import replacing, temporary_beside
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump, parse

FIRST, PREDICTED = "_0.jpg", "_pred.jpg"


@dataclass(frozen=True)
class Asked:
    """One picture. `out` is relative to where the answers go."""

    image: Path
    instruction: str
    out: str


def instruction(edit: str | None, task: str | None, target: str | None) -> str | None:
    """None: each sample of an evaluation layout says its own."""
    if edit is not None:
        said = edit
    elif task:
        known = [word for word in FIXED if word != "cls"]  # whose colours belong to each sample
        if task not in known:
            raise UserError(f"--task {task}: one of {', '.join(known)}; or say it yourself by --edit")
        said = FIXED[task]
    else:
        return None
    if "%" in said and not target:
        raise UserError(f"'{said}': what does % stand for? Say so by --target")
    return said.replace("%", target or "")


def asked(path: Path, said: str | None, target: Path) -> Iterator[Asked]:
    """A picture, samples (`x/…_0.jpg` beside a prompt.json), or all pictures below a folder but those of `target`."""
    if path.is_file():
        yield Asked(path, _needed(said), f"{path.stem}.jpg")
        return
    samples = list(_samples(path)) if path.is_dir() else None
    if samples is None:
        raise UserError(f"--input {path}: there is no such file or folder (looked in {Path.cwd()})")
    if samples:
        for folder, image in samples:
            own = said if said is not None else _own(folder / "prompt.json")
            yield Asked(image, own, f"{folder.name}/{folder.name}{PREDICTED}")
        return
    if path.resolve() == target.resolve():
        raise UserError(f"--output {target}: the pictures themselves lie there, and would be overwritten; give another")
    taken: set[str] = set()
    for image in sorted(path.rglob("*")):
        below = image.relative_to(path)
        if image.suffix.lower() not in IMAGES or any(part.startswith(".") for part in below.parts):
            continue
        if target.resolve() in image.resolve().parents:
            continue
        out = below.with_suffix(".jpg").as_posix()
        out = out if out not in taken else f"{below.as_posix()}.jpg"  # a.jpg and a.png
        taken.add(out)
        yield Asked(image, _needed(said), out)


def _needed(said: str | None) -> str:
    if said is None:
        raise UserError('what is to be done? Say so by --edit "segment the cat.", or by --task seg --target cat')
    return said


def _own(prompt: Path) -> str:
    try:
        return str(parse(prompt.read_bytes())["edit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{prompt}: says no instruction ({type(error).__name__}: {error}); give one by --edit"
        ) from None


def _samples(folder: Path) -> Iterator[tuple[Path, Path]]:
    for prompt in sorted(folder.glob("*/prompt.json")):
        yield from ((prompt.parent, image) for image in sorted(prompt.parent.glob(f"*{FIRST}"))[:1])


def write_list(rows: Iterable[Asked], place: Path) -> None:
    """As the rows of a list, one item each."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place) as file:
        for row in rows:
            line = {"image": str(row.image.resolve()), "text": row.instruction, "out": row.out}
            file.write(dump(line).strip() + b"\n")


def copy_out(run: Path, target: Path) -> int:
    """The answers that are there, under their names. How many there are."""
    count = 0
    for record in finished(RunFolder(run)):
        made = run / record.body["images"]["edit"]["path"]
        place = target / str(record.item.given["out"])
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(made, place)
        count += 1
    return count


def _link(made: Path, place: Path) -> None:
    temporary = temporary_beside(place)
    try:
        os.link(made, temporary)
    except OSError:  # another file system, or one without links
        shutil.copyfile(made, temporary)
    os.replace(temporary, place)
    temporary.unlink(missing_ok=True)  # both were the same file: nothing was replaced
