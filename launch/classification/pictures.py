"""Which pictures have which class, and which of them are for training: of pets, of folders of classes, or of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labelyard.generate.exporters.instructcv import draws
from labelyard.generate.exporters.instructcv.pictures import Picture
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, item_id
from labelyard.generate.record_json.finished import finished
from labelyard.generate.rows import Entry
from labelyard.generate.run_folder.layout import RunFolder, is_run
from labelyard.generate.source import Source
from labelyard.generate.sources.classes import Classes
from labelyard.generate.sources.pets import Pets
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The words of the original's script, and where it looks for them.
PLACES = {"pets": "./data/oxford-pets", "caltech": "./data/101_ObjectCategories"}
TEST = 0.2  # of pictures that no split divides
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Labelled:
    item: Item
    root: str
    label: str


@dataclass(frozen=True)
class Divided:
    train: list[Labelled]
    test: list[Labelled]
    classes: list[str]


def divided(dataset: str, root: str | None, labels: str | None) -> Divided:
    place = Path(root or PLACES.get(dataset, dataset))
    if dataset == "pets":
        train, test = (list(_of_pets(place, split, labels or "breed")) for split in ("trainval", "test"))
    else:
        both = list(_of_run(place, labels) if is_run(place) else _of_source(Classes(path=str(place))))
        test = [one for one in both if draws.place(one.item.image, "test") < TEST]
        train = [one for one in both if draws.place(one.item.image, "test") >= TEST]
    classes = sorted({one.label for one in train})
    if len(classes) < 2 or not test:
        raise UserError(
            f"{place}: {len(train)} pictures of {len(classes)} classes for training and {len(test)} for the test; it "
            "takes two classes, and pictures for both"
        )
    strange = Counter(one.label for one in test if one.label not in classes)
    if strange:
        raise UserError(f"{place}: class '{next(iter(strange))}' is in the test alone")
    return Divided(train, test, classes)


def _of_pets(place: Path, split: str, key: str) -> Iterator[Labelled]:
    source = Pets(path=str(place), split=split)
    for row in source.entries():
        if isinstance(row, Entry):
            yield Labelled(_item(row), source.image_root(), str(row.given[key]))


def _of_source(source: Source) -> Iterator[Labelled]:
    for row in source.entries():
        if isinstance(row, Entry) and row.known is not None:
            yield Labelled(_item(row), source.image_root(), str(row.known["tag"]))


def _of_run(place: Path, labels: str | None) -> Iterator[Labelled]:
    """The first tag of each record, or what the record has under a key."""
    run = RunFolder.open(place)
    root = run.read_run()["config"]["image_root"]
    for record in finished(run):
        picture = Picture(record, True, run.path, root, labels)
        if picture.classes:
            item = record.item
            yield Labelled(Item(item.id, item.index, item.image, "", place=item.place), root, picture.classes[0])


def _item(row: Entry) -> Item:
    return Item(item_id(row.image, ""), 0, row.image, "", place=row.place)


@dataclass(frozen=True)
class Framing:
    """How a picture becomes numbers."""

    side: int
    normalised: bool = True
    changed: bool = True  # cut out and mirrored at random, where it is for training
    seed: int = 0

    def of(self, one: Labelled, epoch: int | None) -> NDArray[np.float32]:
        """`epoch`: of training; it depends on nothing else what is done to the picture."""
        import numpy as np
        from PIL import Image, ImageOps

        picture = load(one.item, one.root, Load()).image
        if epoch is not None and self.changed:
            dice = np.random.default_rng(draws.number(self.seed, one.item.id, epoch))
            share = dice.uniform(0.5, 1.0) ** 0.5
            width, height = max(1, round(picture.width * share)), max(1, round(picture.height * share))
            left, top = (int(dice.integers(0, room + 1)) for room in (picture.width - width, picture.height - height))
            picture = picture.crop((left, top, left + width, top + height))
            picture = ImageOps.mirror(picture) if dice.random() < 0.5 else picture
        picture = ImageOps.fit(picture, (self.side, self.side), Image.Resampling.BICUBIC)
        values = np.asarray(picture, np.float32) / 255
        if self.normalised:
            values = (values - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
        framed: NDArray[np.float32] = np.ascontiguousarray(values.transpose(2, 0, 1))
        return framed


def order(count: int, epoch: int, seed: int) -> Sequence[int]:
    import numpy as np

    found: list[int] = np.random.default_rng(draws.number(seed, "order", epoch)).permutation(count).tolist()
    return found
