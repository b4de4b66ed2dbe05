"""Pairs of images with an instruction, as InstructPix2Pix and InstructCV are trained on: a photo, what it becomes, and
the sentence that asks for it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelyard.generate.compute.threads import each
from labelyard.generate.errors import ItemError
from labelyard.generate.exporter import Damage, Exporter, Labels, Part
from labelyard.generate.exporters.instructcv import codings, layouts, names, seeds, tables
from labelyard.generate.exporters.instructcv.asking import asked
from labelyard.generate.exporters.instructcv.groups import Shares
from labelyard.generate.exporters.instructcv.layouts import EVALUATION, LAYOUTS, PAIRS, PARQUET, Ready
from labelyard.generate.exporters.instructcv.pictures import Picture, words
from labelyard.generate.exporters.instructcv.report import checked, report, told
from labelyard.generate.exporters.instructcv.tables import Tables
from labelyard.generate.exporters.instructcv.tasks import TASKS, Coding, Sample, tasks_of
from labelyard.generate.exporters.instructcv.templates import templates
from labelyard.generate.record_json.embeddings import refuse_without_images
from labelyard.generate.record_json.finished import Finished, finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.ade20k import COLOURS
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump

AT_ONCE = 16  # pictures that are drawn before what they became is noted
UNREADABLE = (OSError, ValueError, KeyError, TypeError)
DEFAULT_LABELS = {"pets": "breed"}


@dataclass(kw_only=True)
class InstructCV(Exporter):
    """Which sentence, which colours, which absent classes: all is decided by the seed, the item, the task and the class
    alone, so that the same run makes the same files, to the byte."""

    size = 64

    tasks: str = "det,seg"  # of det, seg, cls, depes, panoptic, restore
    # evaluation: for inference; parquet: a table, for diffusers' trainer; instruct_pix2pix: for that one's own loader
    layout: str = setting(PAIRS, words=LAYOUTS)
    seed: int = 0  # another one makes other choices, and another split
    split: str | None = None  # train=.9,val=.05,test=.05: a folder each; null: the loader cuts the list itself
    templates: str | None = None  # a folder of your own sentences (det.txt, …), or fixed: one sentence per task
    name: str | None = None  # of samples, with {id} {task} {class} {sign} in it
    pixels: str = setting("original", words=("original", "record"))  # record: of the images that the records hold
    labels: str | None = None  # a key that holds the class, such as species of pets
    classes: str | None = None  # a file of all classes, one per line; null: those that occur in the run
    negatives: str = "1"  # cls: absent classes for each one that is there, or all
    crowd: bool = False  # seg: with COCO's crowds
    border: int = setting(0, least=0, most=255)  # seg: the grey of an object's border, where it is known
    box_colour: str | None = None  # null: blue; red for voc
    box_width: int | None = setting(None, least=1)  # null: 4; 6 for pets, 5 for voc
    box_style: str = setting("outline", words=("outline", "filled"))  # filled: white boxes on black
    seg_colour: str = "white"  # of what a mask shows; all else is black
    # normalised: relative depth, too, each image from its least to its most
    depth: str = setting("metric", words=("metric", "normalised"))
    depth_max: float = setting(10.0, above=0)  # metres that are white
    # to one of 255 steps
    depth_round: str = setting("floor", words=("floor", "nearest"))
    palette_file: str | None = None  # panoptic: a colour per line, the first for nothing; null: ADE20K's
    parts: int = setting(0, least=0)  # evaluation: so many lists test_part0.txt, …
    link: bool = False  # inputs are hard links to the photos, where that can be

    def __post_init__(self) -> None:
        self._tasks = tasks_of(self.tasks)
        self.tasks = ",".join(self._tasks)
        self._shares = None if self.split is None else Shares.of(self.split)
        if self.name is not None:
            names.check_pattern(self.name)
        if self.negatives != "all" and not self.negatives.isdecimal():
            raise UserError(f"negatives={self.negatives}: give a whole number, or all")
        if self.parts and self.layout != EVALUATION:
            raise UserError(f"parts={self.parts}: lists of parts are made in layout=evaluation")

    @property
    def needs_image(self) -> bool:
        return True

    def refuse(self, dest: Path, run: RunFolder) -> None:
        if self.pixels == "record":
            refuse_without_images(run, "Give pixels=original")
        self._run, self._root = run, run.read_run()["config"]["image_root"]
        self._templates = templates(self.templates)
        colours = [("seg_colour", self.seg_colour), ("box_colour", self.box_colour)]
        for option, colour in colours:
            if colour is not None:
                codings.colour_of(colour, option)
        self._coding = self._coding_of(self._survey())

    def _coding_of(self, classes: Sequence[str]) -> Coding:
        palette = [(0, 0, 0), *COLOURS]
        if self.palette_file is not None:
            palette = codings.palette_of(_text(self.palette_file), self.palette_file)
        return Coding(
            self.seed,
            self.box_colour,
            self.box_width,
            self.box_style == "filled",
            codings.colour_of(self.seg_colour, "seg_colour"),
            self.crowd,
            self.border,
            self.depth_max,
            self.depth_round == "nearest",
            self.depth == "normalised",
            None if self.negatives == "all" else int(self.negatives),
            tuple(palette),
            tuple(classes),
        )

    def _survey(self) -> list[str]:
        """The classes that there are, if a task asks for them. Refused if no record has what a task needs."""
        waiting, classes = set(self._tasks), set[str]()
        known = None if self.classes is None else [words(line) for line in _text(self.classes).splitlines()]
        looks_on = "cls" in self._tasks and known is None
        coding, number = Coding(normalised=self.depth == "normalised", crowd=self.crowd), 0
        for record in finished(self._run):
            number += 1
            try:
                picture = self._picture(record)
                waiting -= {task for task in waiting if TASKS[task].samples(picture, coding)}
                classes.update(picture.classes if looks_on else ())
            except UNREADABLE:
                continue  # it is told when its part is written
            if not waiting and not looks_on:
                break
        if waiting and number:
            task = next(task for task in self._tasks if task in waiting)
            raise UserError(
                f"tasks={self.tasks}: no record of {self._run.path} has what {task} needs: {TASKS[task].needs}. "
                "Nothing was written"
            )
        return sorted({label for label in known if label}) if known is not None else sorted(classes)

    def _picture(self, record: Finished) -> Picture:
        record = replace(record, floating=self.floating)
        labels = self.labels or DEFAULT_LABELS.get(record.body.get("dataset", ""))
        return Picture(record, self.pixels == "original", self._run.path, self._root, labels, self.wanted)

    def begin(self, dest: Path, run: RunFolder) -> None:
        (dest / seeds.NOTES).mkdir(exist_ok=True)
        self._taken, self._seen = names.Taken(), 0

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        for shown in seeds.read(dest, range(self._seen, number)):
            for name, _ in shown.seeds:
                self._taken.add(name)
        self._seen = number + 1
        part.facts |= {"samples": Counter[str](), "classes": {}}
        work, lines = [(picture, ready) for picture, ready in self._samples(records, part) if ready], list[bytes]()
        with Tables(dest, number, self._subsets() if self.layout == PARQUET else []) as files:
            for some in (work[start : start + AT_ONCE] for start in range(0, len(work), AT_ONCE)):
                for (picture, ready), made in zip(some, each(lambda pair: self._made(dest, *pair), some), strict=True):
                    if isinstance(made, str):
                        part.leave_out(picture.record, made)
                        continue
                    files.add(made)
                    lines.append(self._counted(picture, ready, part))
        write_atomic(seeds.notes(dest, number), b"".join(lines))

    def _samples(self, records: Sequence[Finished], part: Part) -> Iterator[tuple[Picture, list[Ready]]]:
        part.facts["nothing"] = part.facts["too_few"] = 0
        for record in records:
            try:
                picture = self._picture(record)
                if len(picture.things) < self.min_instances:
                    part.facts["too_few"] += 1
                    continue
                ready = [
                    self._named(picture, sample)
                    for task in self._tasks
                    for sample in TASKS[task].samples(picture, self._coding)
                ]
            except UNREADABLE as error:
                part.leave_out(record, f"{type(error).__name__}: {error}")
                continue
            part.facts["nothing"] += not ready
            yield picture, ready

    def _named(self, picture: Picture, sample: Sample) -> Ready:
        image_id, item = names.id_of(picture.record), picture.item
        named = names.Named(image_id, picture.dataset, sample.word, sample.label, sample.sign)
        if self.name is not None:
            name = named.under(self.name)
        else:
            name = named.for_evaluation() if self.layout == EVALUATION else named.for_training()
        name = self._taken.of(name, item.id)
        line = asked(self._templates[sample.word], sample, self.seed, item.id)
        group = "" if self._shares is None else self._shares.name_at(seeds.place_of(_image(picture), self.seed))
        seed = layouts.seed_name(self.layout, name, image_id)
        return Ready(sample, name, seed, line, layouts.ending(self.layout, seed), group)

    def _made(self, dest: Path, picture: Picture, ready: list[Ready]) -> list[tuple[str, Mapping[str, Any]]] | str:
        """All samples of a picture, on disk or as rows of their subsets; or why there are none."""
        try:
            if self.layout == PARQUET:
                return [(one.group, layouts.row(picture, one, self._coding)) for one in ready]
            for one in ready:
                layouts.put(dest / one.group, self.layout, picture, one, self._coding, self.link)
            return []
        except (ItemError, *UNREADABLE) as error:
            if isinstance(error, OSError) and str(error.filename or "").startswith(f"{dest}{os.sep}"):
                raise  # the disk's trouble, not the record's
            for one in ready:
                shutil.rmtree(dest / one.group / one.name, ignore_errors=True)
            return error.reason if isinstance(error, ItemError) else f"{type(error).__name__}: {error}"
        finally:
            picture.forget()

    def _counted(self, picture: Picture, ready: list[Ready], part: Part) -> bytes:
        part.records += 1
        part.instances += len(picture.things)
        for one in ready:
            part.facts["samples"][one.sample.word] += 1
            if one.sample.label:
                part.facts["classes"].setdefault(one.sample.word, Counter())[one.sample.label] += 1
        shown = [(one.name, one.seed) for one in ready]
        return seeds.Shown.of(_image(picture), self.seed, ready[0].group, shown).line()

    def _subsets(self) -> list[str]:
        return [""] if self._shares is None else self._shares.names()

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        images = seeds.merged(seeds.read(dest, range(len(parts))))
        outside: list[str] = []
        divisible = True
        there = {
            group: {name for one in images if one.group == group for name, _ in one.seeds} for group in self._subsets()
        }
        if self.layout == PARQUET:
            tables.remove_others(dest, len(parts))
            write_atomic(dest / "README.md", tables.card(self._subsets()).encode())
        else:
            _remove_strangers(dest, there)
            for group in self._subsets():
                of_group = [one for one in images if one.group == group]
                (dest / group).mkdir(exist_ok=True)
                if self._shares is None:
                    listed, outside, divisible = seeds.whole_images(of_group)
                else:
                    listed = [seed for one in of_group for seed in one.seeds]
                seeds.write(dest / group / seeds.SEEDS, listed)
                seeds.write_parts(dest / group, [name for one in of_group for name, _ in one.seeds], self.parts)
        facts = report(self._run, parts, outside, divisible, self._coding if "panoptic" in self._tasks else None)
        write_atomic(dest / "report.json", dump(facts))

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        listed = {name: seed for one in seeds.read(dest, range(len(parts))) for name, seed in one.seeds}
        expected = sum(sum(part.facts["samples"].values()) for part in parts)
        if len(listed) != expected:
            raise Damage(f"{len(listed)} different samples are noted, {expected} were written")
        if self.layout == PARQUET:
            tables.check(dest, expected)
            return
        for group in self._subsets():
            for name, seed in seeds.read_back(dest / group / seeds.SEEDS):
                if listed.get(name) != seed:
                    raise Damage(f"{dest / group / seeds.SEEDS} names {name}, which was not written")
                checked(dest / group / name, seed, layouts.ending(self.layout, seed))

    def told(self, dest: Path) -> list[str]:
        return told(dest / "report.json")


def _image(picture: Picture) -> str:
    return picture.item.image or picture.item.id


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{name} is not UTF-8") from None


def _remove_strangers(dest: Path, there: Mapping[str, set[str]]) -> None:
    """Samples of records that the run no longer has, or that are called otherwise now."""
    for group, known in there.items():
        for entry in (dest / group).iterdir() if (dest / group).is_dir() else ():
            if entry.name not in known and (entry / layouts.PROMPT).exists():
                shutil.rmtree(entry)
