"""The same 500 items through every source: the same ids in the same order, and the same records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.media.load import Load, load
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Item, item_id
from labelyard.generate.record_json.encode import Write, to_json
from labelyard.generate.rows import Entry
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.txt import Txt
from labelyard.launch.planning.plan import plan
from tests.conftest import crops
from tests.fakes import FakeBoxes, FakeMasks, FakeTags
from tests.generate.sources.formats import FORMATS, Rows

NUMBER = 500


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for n, picture in enumerate(crops(photos, NUMBER, 24)):
        path = folder / f"{n // 100}" / f"{n % 100:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        picture.convert("RGB").save(path, quality=80)
    return folder


@pytest.fixture(scope="module")
def rows(pictures: Path) -> Rows:
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.jpg"))
    return [
        {"image": name, "caption": f'number {n}: "a, b"\tπ', "url": f"http://example.org/{n}?a=b"}
        for n, name in enumerate(names)
    ]


def planned(source: Source) -> list[Item]:
    """What plan makes of a source's rows, through the line of the shard file and back."""
    items = []
    for index, entry in enumerate(source.entries()):
        assert isinstance(entry, Entry), entry
        item = Item(
            item_id(entry.image, entry.caption),
            index,
            entry.image,
            entry.caption,
            entry.given,
            entry.place,
            entry.known,
        )
        items.append(Item.from_json(json.loads(json.dumps(item.to_json()))))
    return items


def together(source: Source) -> list[tuple[Any, ...]]:
    """The same, from thousands of rows at a time."""
    found: list[tuple[Any, ...]] = []
    for rows in source.rows():
        assert rows.count == len(rows.images) and not rows.refused
        places = rows.places or [None] * rows.count
        given = [json.loads(text) if text else {} for text in rows.given or [""] * rows.count]
        found += zip(rows.images, rows.captions, given, places, strict=True)
    return found


def made(items: list[Item], root: str) -> list[dict[str, Any]]:
    pipeline = Pipeline({"tag": FakeTags(), "ground": FakeBoxes(), "segment": FakeMasks()})
    records = [load(item, root, Load()) for item in items]

    def failed(record: object, step: str, reason: str) -> None:
        raise AssertionError(reason)

    return [to_json(record, Write(short_side=None), {}) for record in pipeline.run(records, failed)]


@pytest.fixture(scope="module")
def reference(rows: Rows, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    source = FORMATS[0](rows, pictures, tmp_path_factory.mktemp("reference"))
    found = made(planned(source), source.image_root())
    assert len(found) == NUMBER and sum(len(record["annos"]) for record in found) > NUMBER
    assert all("url" in record for record in found)
    return found


@pytest.mark.parametrize("write", FORMATS[1:], ids=lambda write: write.__name__)
def test_every_format(
    write: Callable[[Rows, Path, Path], Source],
    rows: Rows,
    pictures: Path,
    tmp_path: Path,
    reference: list[dict[str, Any]],
) -> None:
    source = write(rows, pictures, tmp_path)
    items = planned(source)
    assert [item.id for item in items] == [record["id"] for record in reference]
    assert made(items, source.image_root()) == reference
    assert together(source) == [(item.image, item.caption, item.given, item.place) for item in items]
    before = source.fingerprint()
    assert type(source)(path=source.path).fingerprint() == before, "reading changes nothing"
    auto = Auto(path=source.path, root=source.root)
    assert type(auto.chosen) is type(source), "source=auto finds it"
    if getattr(source, "name_key", None) is None:
        assert planned(auto) == items and auto.image_root() == source.image_root()


def test_paths_alone(rows: Rows, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("".join(f"{row['image']}\n" for row in rows))
    bare = [{"image": row["image"]} for row in rows]
    others = FORMATS[0](bare, pictures, tmp_path)
    others.caption_key = None
    paths = planned(Txt(path=str(tmp_path / "list.txt"), root=str(pictures)))
    assert len(paths) == NUMBER
    assert together(Txt(path=str(tmp_path / "list.txt"))) == [(row["image"], "", {}, None) for row in rows]
    assert [item.to_json() for item in paths] == [item.to_json() for item in planned(others)]
    assert made(paths[:20], str(pictures)) == made(planned(others)[:20], str(pictures))
    auto = Auto(path=str(tmp_path / "list.txt"), root=str(pictures))
    assert planned(auto) == paths and auto.caption_key is None, "nobody misses captions in a list of paths"


def test_coco_s_captions(rows: Rows, pictures: Path, tmp_path: Path, reference: list[dict[str, Any]]) -> None:
    images = [{"id": 7 * n, "file_name": row["image"], "url": row["url"]} for n, row in enumerate(rows)]
    captions = [{"id": n, "image_id": 7 * n, "caption": row["caption"]} for n, row in enumerate(rows)]
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": captions[::-1]}))
    source = Auto(path=str(tmp_path / "captions.json"), root=str(pictures))
    found = made(planned(source), source.image_root())
    assert [(record.pop("coco_id"), record.pop("captions")) for record in found] == [
        (7 * n, [row["caption"]]) for n, row in enumerate(rows)
    ]
    assert found == reference


@pytest.mark.parametrize("name", ["list.txt", "list.jsonl", "list.csv"])
def test_a_long_list_without_captions_is_planned_to_its_end(tmp_path: Path, name: str) -> None:
    number, path = 20_000, tmp_path / name
    if name == "list.txt":
        path.write_text("".join(f"{n}.jpg\n" for n in range(number)))
    elif name == "list.csv":
        path.write_text("image\n" + "".join(f"{n}.jpg\n" for n in range(number)))
    else:
        path.write_text("".join(f'{{"image": "{n}.jpg"}}\n' for n in range(number)))
    folder = RunFolder(tmp_path / "out")
    folder.make()
    source = Auto(path=str(path)) if name == "list.txt" else Auto(path=str(path), caption_key=None)
    assert plan(folder, source, None, None, lambda seen: None).items == number
