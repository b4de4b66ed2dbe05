"""Pictures of an export as links to where they lie, as copies, or not at all; and always upright to every reader."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.exporter import Exporter, original_image
from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.atomic import temporary_beside, write_atomic

HOW = ("link", "copy", "none")
LINKED = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L")}  # what every reader sees as it is meant


@dataclass(kw_only=True)
class Upright(Exporter):
    """What is in pixels of the original pictures. ItemError where one can't be read any more."""

    # of the pictures: a link to where each lies, or a copy; of what would be seen otherwise always a new JPEG
    images: str = setting("link", words=HOW)

    @property
    def needs_image(self) -> bool:
        return True

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._root: str = run.read_run()["config"]["image_root"]

    def place_picture(self, record: Finished, path: Path) -> None:
        if self.images == "none":
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.images == "link" and _is_as_seen(record):
            source = resolve(record.item.image, self._root)
            if source.exists():
                _link(path, Path(os.path.abspath(source)))
                return
        write_atomic(path, original_image(record.item, self._root), sync=False)


def _is_as_seen(record: Finished) -> bool:
    facts = record.body["file"]
    plain = facts.get("mode") in LINKED.get(facts.get("format", ""), ())
    return plain and not record.item.place and not facts.keys() & {"orientation", "frames"}


def _link(path: Path, source: Path) -> None:
    temporary = temporary_beside(path)
    temporary.symlink_to(source)
    os.replace(temporary, path)
