"""Graph200K's own layout: a folder for each kind of image, and the list that VisualCloze's trainer reads."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labelyard.generate.compute.threads import each
from labelyard.generate.errors import ItemError
from labelyard.generate.exporter import Damage, Exporter, Labels, Part
from labelyard.generate.exporters.common.split import Split
from labelyard.generate.exporters.graph200k.checks import check_images, check_list
from labelyard.generate.exporters.graph200k.consumer import check_consumer, refuse_other_folder
from labelyard.generate.exporters.graph200k.coverage import Coverage, types_of
from labelyard.generate.exporters.graph200k.entries import Scale, element
from labelyard.generate.exporters.graph200k.images import RecordImages
from labelyard.generate.exporters.graph200k.layout import FOLDERS, file_of, wanted, with_paths
from labelyard.generate.exporters.graph200k.pictures import Coding, Pictures, Shape, is_constant
from labelyard.generate.exporters.graph200k.tasks import TEST, TRAINING
from labelyard.generate.record_json.body import is_of_no_image
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import LONGEST_SIDE, setting, transient
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.graph200k import SCORES
from labelyard.utils.images import UnreadableImage
from labelyard.utils.jsons import dump

PARTS = ".parts"  # what each part adds to the list, kept for the next time
BEST = 5  # of each score
Told = list[str]  # the class has an option of this name
COVERAGE, TASK_LISTS = "coverage.json", "task_lists.json"


@dataclass(kw_only=True)
class Graph200k(Exporter):
    # keep: given images to the byte, what steps made as PNG, photos as JPEG; jpg: all as JPEG; png: all without loss
    format: str = setting("keep", words=("keep", "jpg", "png"))
    jpeg_quality: int = setting(95, least=1, most=100)  # of what is written as JPEG anew; 75 is the original script's
    names: str = setting("id", words=("id", "index"))  # of files: the record's, or its number in the plan
    pixels: str = setting("record", words=("record", "original"))  # the target's size: that of the record, or as read
    side: int | None = setting(None, least=1, most=LONGEST_SIDE)  # pixels of the target's short side; null: as it is
    fit: str = setting("keep", words=("keep", "square"))  # square: the middle; the trainer squeezes all to squares
    # What follows changes the lists alone.
    list: str = transient("json", words=("json", "jsonl"))  # one list, or an object per line
    paths: str = transient("absolute", words=("absolute", "relative"))  # relative ones begin at the list's folder
    min_consistency: float = transient(3.0, least=0, most=5)  # objectConsistency of rows that count for references
    # with_reference: no scores where there is no reference, or a worse one: the trainer takes a score for a reference;
    # assume: likewise, and the best where there is a reference and no score, as of pairs of your own
    assessment: str = transient("keep", words=("keep", "with_reference", "assume"))
    split: str | None = transient(None)  # val=0.01 or val=0.05,test=0.05: lists of their own beside the first
    seed: int = transient(0)  # another one makes another split
    consumer: str | None = transient(None)  # a checkout of VisualCloze, whose own code reads what was written

    def __post_init__(self) -> None:
        self._pictures = Pictures(Shape(self.side, self.fit == "square"), Coding(self.format, self.jpeg_quality))
        self._split = Split.of_options(self.split, self.seed, rest="data")
        self._written: set[int] = set()  # parts, by this call

    @property
    def needs_image(self) -> bool:
        return True

    def refuse(self, dest: Path, run: RunFolder) -> None:
        taken = [name for name in self._split.shares if name in ("data", "coverage", "task_lists", "export")]
        if taken:
            raise UserError(f"split={self.split}: '{taken[0]}' is the name of another file. Give the share another one")
        if self.consumer is not None:
            refuse_other_folder(Path(self.consumer))

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._images = RecordImages.of_run(run, self.pixels == "original", self._pictures)
        for folder in (*FOLDERS, PARTS):
            (dest / folder).mkdir(exist_ok=True)

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        self._written.add(number)
        chosen = list(self.taken(records, first := Part()))
        part.left_out += first.left_out
        made = iter(each(lambda record: self._one(dest, record), chosen))
        lines, counts = [], {"without_description": 0, "constant_foregrounds": 0}
        for record in self.taken(chosen, part):
            found = next(made)
            if isinstance(found, str):
                part.leave_out(record, found)
                continue
            lines.append(dump(found))
            counts["without_description"] += not found["described"]
            counts["constant_foregrounds"] += found["constant"]
        write_atomic(dest / PARTS / f"{number:05d}.jsonl", b"".join(lines))
        part.facts |= counts

    def _one(self, dest: Path, record: Finished) -> dict[str, Any] | str:
        """The record's images, written, and its line; or why it can't be taken."""
        try:
            if is_of_no_image(record.body):
                return "it has no image"
            return self._written_one(dest, record)
        except ItemError as error:
            return error.reason
        except (UnreadableImage, ValueError, KeyError) as error:  # what a disk refuses is no record's fault
            return f"{type(error).__name__}: {error}"

    def _written_one(self, dest: Path, record: Finished) -> dict[str, Any]:
        paths: dict[str, str] = {}
        constant = False
        name = record.item.name if self.names == "id" else str(record.item.index)
        for column in wanted(self._images.there(record)):
            data, kind = self._images.encoded(record, column)
            constant = constant or (column == "foreground" and is_constant(data))
            paths[column] = file_of(column, name, kind)
            write_atomic(dest / paths[column], data, sync=False)
        size, shape = self._images.size(record), self._pictures.shape
        found, described = element(record, paths, Scale.of(record.size(original=True), size, shape))
        odd = any(pixels % 2 for pixels in shape.of(size))
        return {"id": record.item.id, "described": described, "constant": constant, "odd": odd, "element": found}

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        before = _lists_of(dest)
        self._coverage, counts = Coverage(), Counter[str]()
        with ExitStack() as stack:
            lists = {name: List(stack, dest / self._file(name), self.list) for name in ("data", *self._split.shares)}
            for line in lines_of(dest, len(parts)):
                found = self._listed(line["element"], dest)
                name = self._split.of(line["id"])
                lists[name].add(found)
                counts[self._file(name)] += 1
                self._coverage.add(types_of(found, self.min_consistency, line.get("odd", False)))
            for one in lists.values():
                one.close()
        self._silent, self._constant = (
            sum(part.facts[fact] for part in parts) for fact in ("without_description", "constant_foregrounds")
        )
        written = {self._file(name): counts[self._file(name)] for name in lists}
        told = {**self._coverage.to_json(), "without_description": self._silent, "lists": written}
        write_atomic(dest / COVERAGE, dump(told, indent=2))
        safe = {"training": self._coverage.safe(TRAINING), "test": self._coverage.safe(TEST)}
        write_atomic(dest / TASK_LISTS, dump(safe, indent=2))
        for name in before - written.keys():  # of a command with another split, or another kind of list
            (dest / name).unlink(missing_ok=True)

    def _file(self, name: str) -> str:
        return f"{name}.{self.list}"

    def _listed(self, found: dict[str, Any], dest: Path) -> dict[str, Any]:
        """As this command wants it: all that can change without writing the images anew."""
        root = dest.resolve()
        absolute = self.paths == "absolute"
        condition = with_paths(found["condition"], (lambda path: str(root / path)) if absolute else str)
        assessment = self._assessed(found["quality_assessment"], "reference" in condition)
        return {**found, "quality_assessment": assessment, "condition": condition}

    def _assessed(self, assessment: dict[str, Any] | None, with_reference: bool) -> dict[str, Any] | None:
        if self.assessment == "keep":
            return assessment
        if assessment is None:
            return dict.fromkeys(SCORES, BEST) if with_reference and self.assessment == "assume" else None
        score = assessment.get("objectConsistency")
        return assessment if with_reference and score is not None and score >= self.min_consistency else None

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        for name, expected in _counts_of(dest).items():
            check_list(dest / name, expected)
        shape = self._pictures.shape
        for number in self._written:  # the others were looked at when they were written
            check_images(dest, dest / PARTS / f"{number:05d}.jsonl", shape)
        if sum(_counts_of(dest).values()) != sum(part.records for part in parts):
            raise Damage(f"the lists in {dest} have not as many rows as were written")
        self._consumed = None
        if self.consumer is not None:
            self._consumed = check_consumer(Path(self.consumer), dest / self._file("data"), dest / TASK_LISTS)

    def told(self, dest: Path) -> Told:
        lines = [*self._coverage.table()]
        if self._silent:
            lines.append(f"note: {self._silent} rows have neither description nor caption")
        if self._constant:
            lines.append(f"note: {self._constant} foregrounds are of one value nearly everywhere: no subject, or all")
        lines += [f"note: {text}" for text in self._coverage.notes()]
        lines += [f"warning: {text}" for text in self._coverage.warnings()]
        if self._consumed is not None:
            lines.append(f"the trainer's own code has read {self._consumed}")
        return lines


class List:
    """A list of the trainer's, written row by row."""

    def __init__(self, stack: ExitStack, path: Path, kind: str) -> None:
        self._file: IO[bytes] = stack.enter_context(replacing(path))
        self._whole, self._rows = kind == "json", 0

    def add(self, found: dict[str, Any]) -> None:
        if self._whole:
            self._file.write((b",\n" if self._rows else b"[\n") + dump(found).strip())
        else:
            self._file.write(dump(found))
        self._rows += 1

    def close(self) -> None:
        if self._whole:
            self._file.write(b"\n]\n" if self._rows else b"[]\n")


def lines_of(dest: Path, parts: int) -> Iterator[dict[str, Any]]:
    for number in range(parts):
        with io.BufferedReader(io.FileIO(dest / PARTS / f"{number:05d}.jsonl")) as file:
            for line in file:
                yield json.loads(line)


def _counts_of(dest: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((dest / COVERAGE).read_bytes())["lists"]
    return found


def _lists_of(dest: Path) -> set[str]:
    return set(_counts_of(dest)) if (dest / COVERAGE).exists() else set()
