"""What an exporter is: it turns finished records into another layout, one part after another.

A part is a fixed slice of the run's records. export.jsonl in the destination says which parts are written and from
what; stopped and started again, an export goes on behind the last, and a run that has grown adds to what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item
from labelyard.generate.record_json.embeddings import refuse_without_images
from labelyard.generate.record_json.finished import Finished, Wanted
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.errors import UserError
from labelyard.utils.images import encode_jpeg


class Damage(Exception):
    """What was written does not read back as what was meant."""


@dataclass
class Part:
    """What a part became."""

    records: int = 0
    instances: int = 0
    left_out: list[str] = field(default_factory=list)  # records that could not be taken, and why
    labels: list[str] = field(default_factory=list)  # that no earlier part had
    facts: dict[str, Any] = field(default_factory=dict)  # whatever the exporter wants to know again

    def leave_out(self, record: Finished, why: object) -> None:
        self.left_out.append(f"{record.path}: {why}")


@dataclass(kw_only=True)
class Exporter:
    """The dataclass fields are its options; conf/export/<format>.yaml names the class."""

    to_a_file: ClassVar[bool] = False  # the destination is a file, not a folder
    size: ClassVar[int] = 256  # records of a part

    min_instances: int = setting(0, least=0)  # images with fewer are left out
    min_score: float = setting(0.0, least=0, most=1)  # instances below are left out, and not counted
    floating: bool = False  # instances that float (generate/roles.py), too
    # likewise: by the least of the opinions about an instance (verify=…); one about which nobody was asked has none
    min_agreement: float = setting(0.0, least=0, most=1)

    @property
    def wanted(self) -> Wanted:
        """Which instances are taken."""
        return Wanted(self.min_score, self.min_agreement)

    @property
    def needs_image(self) -> bool:
        """Records of texts and videos do not go in: no part has them, and how many there were is told."""
        return False

    def part_size(self) -> int:
        return self.size

    def refuse(self, dest: Path, run: RunFolder) -> None:
        """Raise a UserError if it can't be done, before anything is written."""

    def begin(self, dest: Path, run: RunFolder) -> None:
        """Make the folders it needs."""

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        """Write one part, all of it anew: a killed export may have left some of it. Add what was taken to `part`."""
        raise NotImplementedError

    def write_all(self, dest: Path, records: Iterator[Finished], part: Part) -> None:
        """Instead of parts, where the destination is a file."""
        raise NotImplementedError

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        """Write what stands over all parts."""

    def files_of(self, part: Part) -> Iterable[str]:
        """Where it is below the destination, if a name may be another one once the run has grown."""
        return ()

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        """Read back what was written with the format's own library; raise Damage where it is not what was meant."""

    def told(self, dest: Path) -> list[str]:
        """Further lines for whoever has called it, at its end."""
        return []

    def taken(self, records: Iterable[Finished], part: Part) -> Iterator[Finished]:
        """The records that the options let through; those that can't be read are said to be left out. One is counted
        when the next is asked for: by then it is written, or was left out after all."""
        for record in (replace(one, floating=self.floating) for one in records):
            try:
                number = self.number_in(record)
            except (OSError, ValueError, KeyError, TypeError) as error:
                part.leave_out(record, f"{type(error).__name__}: {error}")
                continue
            if number < self.min_instances:
                continue
            left_out = len(part.left_out)
            yield record
            if len(part.left_out) == left_out:
                part.records += 1
                part.instances += number

    def number_in(self, record: Finished) -> int:
        """How many instances of a record count."""
        return len(record.instances(self.wanted))


class Labels:
    """Numbers for labels, in the order of their first appearance: so that a part never changes those before it."""

    def __init__(self, known: Sequence[str]) -> None:
        self._numbers = {label: number for number, label in enumerate(known)}
        self._new: list[str] = []

    def has(self, label: str) -> bool:
        return label in self._numbers

    def number(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self._numbers)
            self._new.append(label)
        return self._numbers[label]

    def take_new(self) -> list[str]:
        new, self._new = self._new, []
        return new


@dataclass(kw_only=True)
class Pictured(Exporter):
    """An exporter that says where things are in an image, and may put the image beside it."""

    pixels: str = "record"  # of the records' frame and images, or of the original ones
    images: bool = True  # write the images, too

    def __post_init__(self) -> None:
        if self.pixels not in ("record", "original"):
            raise UserError(f"pixels={self.pixels}: give record or original")

    @property
    def needs_image(self) -> bool:
        return True

    @property
    def original(self) -> bool:
        return self.pixels == "original"

    @property
    def with_images(self) -> bool:
        return self.images

    def refuse(self, dest: Path, run: RunFolder) -> None:
        if self.with_images and not self.original:
            refuse_without_images(run, "Give pixels=original to take the original ones, or images=false for none")

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._root = run.read_run()["config"]["image_root"]

    def picture(self, record: Finished) -> bytes:
        """The image in whose pixels the instances are given."""
        return original_image(record.item, self._root) if self.original else record.image()

    def pictured(self, records: Iterable[Finished], part: Part) -> Iterator[tuple[Finished, bytes]]:
        """With the image, if images are wanted. One whose original can't be read any more is left out."""
        for record in records:
            try:
                data = self.picture(record) if self.images else b""
            except ItemError as error:
                part.leave_out(record, error.reason)
            else:
                yield record, data


def original_image(item: Item, root: str) -> bytes:
    """The file's own bytes, unless readers would see another picture in them than the boxes are meant for."""
    loaded = load(Item(item.id, item.index, item.image, item.caption, place=item.place), root, Load())
    return loaded.original_bytes or encode_jpeg(loaded.image, 95)
