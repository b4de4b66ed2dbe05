"""The lists over all samples: seeds.json, by which the training code's loader goes, and parts of it for evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.exporters.instructcv import draws
from labelyard.generate.exporters.instructcv.groups import kept
from labelyard.utils.atomic import replacing
from labelyard.utils.jsons import dump

NOTES = ".parts"  # what each part adds to the lists, kept for the next time
SEEDS = "seeds.json"


@dataclass(frozen=True)
class Shown:
    """An image with its samples, as the lists have it."""

    image: str
    place: float  # between 0 and 1, at random: by it images are in order
    group: str
    seeds: tuple[tuple[str, str], ...]  # folder, what its files' names begin with

    @classmethod
    def of(cls, image: str, seed: int, group: str, seeds: Sequence[tuple[str, str]]) -> Shown:
        return cls(image, place_of(image, seed), group, tuple(seeds))

    def line(self) -> bytes:
        return dump({"image": self.image, "place": self.place, "group": self.group, "seeds": self.seeds})


def place_of(image: str, seed: int) -> float:
    """By the image alone: all that is known of it, under whatever caption, goes together."""
    return draws.place(seed, image, "split")


def read(dest: Path, parts: Iterable[int]) -> Iterator[Shown]:
    for number in parts:
        with notes(dest, number).open("rb") as file:
            for text in file:
                line: dict[str, Any] = json.loads(text)
                seeds = tuple((name, seed) for name, seed in line["seeds"])
                yield Shown(line["image"], line["place"], line["group"], seeds)


def notes(dest: Path, number: int) -> Path:
    return dest / NOTES / f"{number:05d}.jsonl"


def merged(shown: Iterable[Shown]) -> list[Shown]:
    """In the order of the lists. Items of one image (under several captions) are one."""
    found: dict[str, Shown] = {}
    for one in shown:
        before = found.get(one.image)
        found[one.image] = one if before is None else Shown(one.image, one.place, one.group, before.seeds + one.seeds)
    return sorted(found.values(), key=lambda one: (one.place, one.image))


def whole_images(images: Sequence[Shown]) -> tuple[list[tuple[str, str]], list[str], bool]:
    """The samples for a list that the loader cuts between two images, those that stay out of it for that, and whether
    it can be done at all."""
    sizes = [len(one.seeds) for one in images]
    found = kept(sizes)
    if found is None:
        return [seed for one in images for seed in one.seeds], [], not sizes
    inside: list[tuple[str, str]] = []
    outside: list[str] = []
    start = 0
    for count, samples in zip(found.images, found.samples, strict=True):
        group = [seed for one in images[start : start + count] for seed in one.seeds]
        inside += group[:samples]
        outside += [name for name, _ in group[samples:]]
        start += count
    return inside, outside, True


def write(path: Path, seeds: Iterable[tuple[str, str]]) -> None:
    """One entry on a line, so that it can be read back in pieces."""
    with replacing(path) as file:
        file.write(b"[")
        for number, (name, seed) in enumerate(seeds):
            file.write((b",\n" if number else b"\n") + json.dumps([name, [seed]]).encode())
        file.write(b"\n]\n")


def read_back(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b'["'):
                name, (seed,) = json.loads(line.rstrip(b",\n"))
                yield name, seed


def write_parts(dest: Path, names: Sequence[str], number: int) -> None:
    """test_part0.txt, …: the folders, divided among so many runs of inference."""
    for part in range(number):
        start, stop = (len(names) * edge // number for edge in (part, part + 1))
        with replacing(dest / f"test_part{part}.txt") as file:
            file.writelines(f"{name}\n".encode() for name in names[start:stop])
