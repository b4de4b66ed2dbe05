"""A line of JSON for each item: where its image or video lies, what the list gave, and texts and findings by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Damage, Exporter, Part
from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record_json.body import given_of, newer
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.atomic import replacing
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump

Line = dict[str, Any]


@dataclass(kw_only=True)
class JsonLines(Exporter):
    """A text is under its name, a finding likewise; of two of one name a text counts more than a finding, and that more
    than what the list gave, but `id`, `image`, `video` and `caption` are the item's own. A record without one of the
    named is left out, and told."""

    to_a_file = True

    texts: str | None = None  # their names, joined by commas; null: all that a record has
    found: str | None = None  # likewise of findings; null: none
    given: bool = True  # the list's further keys
    # of images and videos: absolute ones where they are files of their own, or as the list gave them
    paths: str = setting("absolute", words=("absolute", "given"))

    def __post_init__(self) -> None:
        self._texts = None if self.texts is None else _names("texts", self.texts)
        self._found = [] if self.found is None else _names("found", self.found)

    def refuse(self, dest: Path, run: RunFolder) -> None:
        if dest.is_dir() or (dest.exists() and not _is_ours(dest)):
            raise UserError(
                f"{dest} is there, and no list of such lines. Nothing was written. Give another destination"
            )

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._root: str = run.read_run()["config"]["image_root"]

    def write_all(self, dest: Path, records: Iterator[Finished], part: Part) -> None:
        with replacing(dest) as file:
            for record in self.taken(records, part):
                try:
                    file.write(dump(self._line(record)))
                except KeyError as error:
                    part.leave_out(record, error.args[0])

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        with dest.open("rb") as file:
            lines = sum("id" in json.loads(line) for line in file)
        if lines != parts[0].records:
            raise Damage(f"{dest} has {lines} lines, {parts[0].records} were written")

    def _line(self, record: Finished) -> Line:
        body, item = record.body, record.item
        texts = {name: text["text"] for name, text in newer(body, "texts").items()}
        places = {"image": self._path(item.image, item.place), "video": self._path(item.video)}
        own = {"id": item.id, **{key: value for key, value in (*places.items(), ("caption", body["caption"])) if value}}
        return {
            **own,  # before all others
            **({**given_of(body), **body.get("given", {})} if self.given else {}),
            **_chosen(newer(body, "found"), self._found, "finding"),
            **(texts if self._texts is None else _chosen(texts, self._texts, "text")),
            **own,
        }

    def _path(self, location: str, place: Mapping[str, Any] | None = None) -> str:
        if self.paths == "given" or place is not None or not location:
            return location
        path = resolve(location, self._root).absolute()
        return str(path) if path.exists() else location


def _names(option: str, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UserError(f"{option}={text}: give names, joined by commas")
    return names


def _chosen(there: Mapping[str, Any], names: Sequence[str], what: str) -> Line:
    """KeyError says what is not there."""
    absent = next((name for name in names if name not in there), None)
    if absent is not None:
        raise KeyError(f"it has no {what} '{absent}'")
    return {name: there[name] for name in names}


def _is_ours(dest: Path) -> bool:
    try:
        with dest.open("rb") as file:
            first = file.readline()
            return not first.strip() or "id" in dict(json.loads(first))
    except (OSError, ValueError, TypeError):
        return False
