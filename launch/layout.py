"""Links from the places where a trainer looks for public data sets to where they
lie; then a look whether all is there.

    python launch/layout.py glamm D coco=/data/coco vg=/data/vg
    python launch/layout.py glamm D --glamm groundingLMM   work in D
    python launch/layout.py glamm D --into groundingLMM    or in the checkout
    python launch/layout.py glamm D --check --sample 1000  only look

Nothing is copied, and nothing is written into the folders that are given. What was given before is known to D. Exit
code 0: all of it is there. 3: something is missing, and named. 1: it could not be done.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.layouts.contents import Looking, names_in
from labelyard.launch.layouts.glamm import GLAMM
from labelyard.launch.layouts.links import Places, Planned, Taken, make, take, to_make
from labelyard.launch.layouts.report import COMPLETE, Standing, path_warning, readers, task_lines, trainable
from labelyard.launch.layouts.table import Dataset, Layout
from labelyard.launch.program import parser, program
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.jsons import dump
from labelyard.utils.text import harmless

LAYOUTS = {layout.name: layout for layout in (GLAMM,)}
NOTES = "layout.json"


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("layout", help=" ".join(LAYOUTS))
    asking.add_argument("root", type=Path, metavar="D", help="the folder of links")
    asking.add_argument("folders", nargs="*", metavar="name=FOLDER", help="where a data set lies")
    asking.add_argument("--glamm", type=Path, metavar="CHECKOUT", help="link what its code opens of its own into D")
    asking.add_argument("--into", type=Path, metavar="CHECKOUT", help="link D into a checkout, to work there")
    asking.add_argument("--check", action="store_true", help="only look")
    asking.add_argument("--sample", type=int, metavar="N", help="look for only so many of a list's pictures")
    chosen = asking.parse_intermixed_args(arguments)
    if chosen.layout not in LAYOUTS:
        raise UserError(f"there is no layout {chosen.layout!r}; there are: {', '.join(LAYOUTS)}")
    if chosen.sample is not None and chosen.sample < 1:
        raise UserError(f"--sample {chosen.sample}: give a number of pictures, at least 1")
    request = Request.of(LAYOUTS[chosen.layout], chosen.root, chosen.folders)
    checkouts = {"glamm": chosen.glamm, "into": chosen.into}
    return lay(request, {key: path for key, path in checkouts.items() if path}, chosen.check, chosen.sample)


@dataclass(frozen=True)
class Request:
    layout: Layout
    root: Path
    folders: Mapping[str, Path]  # of the data sets, as given now or before

    @classmethod
    def of(cls, layout: Layout, root: Path, given: Sequence[str]) -> Request:
        root = Path(os.path.abspath(root))
        if root.exists() and not root.is_dir():
            raise UserError(f"{root} is a file; the links need a folder")
        folders = _noted(layout, root)
        for text in given:
            name, equals, place = text.partition("=")
            dataset = layout.dataset(name)
            if not equals or not place or dataset is None:
                raise UserError(_no_such(layout, text, name))
            path = Path(os.path.abspath(os.path.expanduser(place)))
            if not path.is_dir():
                raise UserError(f"{name}={place}: there is no such folder (looked in {Path.cwd()})")
            if root.is_relative_to(os.path.realpath(path)) or root.is_relative_to(path):
                raise UserError(f"{root} lies in {name}={place}, and nothing is written into folders that are given")
            folders[dataset.name] = path
        for dataset in layout.datasets:
            if dataset.within in folders:
                folders.setdefault(dataset.name, folders[dataset.within])
        return cls(layout, root, folders)

    def own_folders(self) -> dict[str, Path]:
        """Without those that are only looked for in another's."""
        within = {dataset.name: dataset.within for dataset in self.layout.datasets}
        return {name: place for name, place in self.folders.items() if self.folders.get(within[name] or "") != place}


def _noted(layout: Layout, root: Path) -> dict[str, Path]:
    """The folders that were given before."""
    try:
        notes = json.loads((root / NOTES).read_bytes())
        folders = {name: Path(place) for name, place in notes["folders"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{root / NOTES} is no file of ours. Move it away, or give another folder") from None
    return {name: place for name, place in folders.items() if layout.dataset(name) is not None}


def _no_such(layout: Layout, text: str, name: str) -> str:
    known = [dataset.name for dataset in layout.datasets]
    likely = nearest(name, known)
    hint = f" Did you mean {likely}={text.partition('=')[2] or 'FOLDER'}?" if likely and likely != name else ""
    return f"{text}: give name=FOLDER, where name is one of {', '.join(known)}.{hint}"


def lay(request: Request, checkouts: Mapping[str, Path], only_look: bool, sample: int | None) -> int:
    layout, root = request.layout, request.root
    own = _checkout_links(layout, root, checkouts)
    asked = [dataset for dataset in layout.datasets if dataset.name in request.folders or _lies_in(dataset, root)]
    if not asked and not own:
        names = " ".join(f"{dataset.name}=FOLDER" for dataset in layout.datasets[:3])
        raise UserError(f"{root} holds no data set yet. Say where yours lie: {names} …")
    takens = {one.name: take(one, request.folders[one.name], root) for one in asked if one.name in request.folders}
    links = [link for taken in takens.values() for link in taken.links]
    lacking = to_make([*links, *own], list(request.folders.values()))
    if not only_look:
        root.mkdir(parents=True, exist_ok=True)
        make(lacking)
        names_in.cache_clear()
    planned = {link.place.relative_to(root).as_posix(): link.targets for link in links}
    looking = Looking(Places(root, planned), sample)
    left = {place for place, _ in lacking} if only_look else set()
    standings = [_standing(one, request, takens.get(one.name), looking, left) for one in asked]
    notes = _told(request, standings, sample)
    if not only_look:
        _note(root / NOTES, notes)
    for line in _how_to_work(layout, root, checkouts):
        print(line)
    own_left = [place for place, _ in lacking if only_look and place in {link.place for link in own}]
    for place in own_left:
        print(f"not linked: {place}")
    complete = all(one.state == COMPLETE for one in standings) and not own_left
    return DONE if complete else INCOMPLETE


def _lies_in(dataset: Dataset, root: Path) -> bool:
    return any(os.path.lexists(root / place) for link in dataset.links for place in link.places)


def _standing(dataset: Dataset, request: Request, taken: Taken | None, looking: Looking, left: set[Path]) -> Standing:
    standing = Standing(dataset, request.folders.get(dataset.name))
    if taken is not None:
        standing.took, standing.missing = taken.took, taken.missing
        standing.not_linked = [
            str(link.place.relative_to(request.root))
            for link in taken.links
            if link.place in left or any(place.parent == link.place for place in left)
        ]
    standing.seen = [check.look(looking) for check in dataset.checks]
    return standing


def _told(request: Request, standings: Sequence[Standing], sample: int | None) -> dict[str, Any]:
    """The report, printed and as JSON."""
    tasks = readers(request.layout, standings)
    print(f"{request.layout.name}: {request.root}")
    for standing in standings:
        for line in standing.lines():
            print(harmless(line))
    print("can be trained:")
    for line in task_lines(tasks):
        print(harmless(line))
    warning = path_warning(request.layout, request.root)
    if warning is not None:
        print(f"careful: {warning}")
    return {
        "layout": request.layout.name,
        "folders": {name: str(place) for name, place in request.own_folders().items()},
        "sample": sample,
        "datasets": {one.dataset.name: one.to_json() for one in standings},
        "tasks": {task: {"can_be_trained": trainable(some), "classes": some} for task, some in tasks.items()},
        "careful": warning,
    }


def _note(path: Path, notes: Mapping[str, Any]) -> None:
    data = dump(notes, indent=2)
    if not path.exists() or path.read_bytes() != data:
        write_atomic(path, data)


def _checkout_links(layout: Layout, root: Path, checkouts: Mapping[str, Path]) -> list[Planned]:
    links: list[Planned] = []
    for option, path in checkouts.items():
        checkout = Path(os.path.abspath(path))
        if not (checkout / layout.own).is_dir():
            raise UserError(f"--{option} {path}: there is no {layout.own} in it; give a checkout of the trainer")
        if option == "glamm":
            links.append(Planned(root / layout.own, (checkout / layout.own,)))
        else:
            links.append(Planned(checkout / "data", (root,)))
            links += [Planned(checkout / name, (root / name,)) for name in layout.in_checkout]
    return links


def _how_to_work(layout: Layout, root: Path, checkouts: Mapping[str, Path]) -> list[str]:
    lines = []
    if "glamm" in checkouts:
        checkout = shlex.quote(os.path.abspath(checkouts["glamm"]))
        lines.append(f"cd {shlex.quote(str(root))} && PYTHONPATH={checkout} deepspeed {checkout}/train.py "
                     "--dataset_dir . …")  # fmt: skip
    if "into" in checkouts:
        checkout = shlex.quote(os.path.abspath(checkouts["into"]))
        lines.append(f"cd {checkout} && deepspeed train.py --dataset_dir ./data …")
    if not lines:
        lines.append("to work in it: --glamm CHECKOUT, or --into CHECKOUT to work there")
    return lines


if __name__ == "__main__":
    sys.exit(main())
