"""Graph200K as a source: where it lies, in whatever form, and nothing of it is copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, Record
from labelyard.generate.rows import Entry
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import sources
from labelyard.generate.sources.graph200k import Graph200k
from labelyard.generate.sources.subjects200k import MinScores, Subjects200k
from labelyard.launch.planning.plan import plan
from labelyard.utils.errors import UserError
from labelyard.utils.graph200k import IMAGES
from tests import graph200k


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("there")
    graph200k.saved(folder / "saved")
    graph200k.dataset().to_parquet(folder / "tables" / "test-00000-of-00001.parquet")
    return folder


def records(source: Source) -> list[Record]:
    entries = [row for row in source.entries() if isinstance(row, Entry)]
    items = [Item(f"{n:016x}", n, e.image, e.caption, e.given, e.place, e.known) for n, e in enumerate(entries)]
    return [load(item, source.image_root(), Load()) for item in items]


@pytest.mark.parametrize("form", ["saved", "tables"])
def test_every_column_is_read_where_it_lies(there: Path, form: str) -> None:
    source = Graph200k(path=str(there / form), split="test")
    assert {f"images.{name}" for name in IMAGES} < set(source.gives()["given"])
    found = records(source)
    assert len(found) == graph200k.ROWS
    for n, record in enumerate(found):
        row = graph200k.row(n)
        assert record.caption == f"a cup {n} on a «table» {n}" and record.original_bytes == row["target"]["bytes"]
        assert sorted(record.images) == sorted(name for name in IMAGES if row[name] is not None)
        for name, image in record.images.items():
            assert image.place is not None and image.encoded() == row[name]["bytes"]
        given = {key: row[key] for key in ("description", "collection", "qwen_2_5_meta", "FillEdit_meta")}
        scores = row["quality_assessment"]
        assert record.found == {**given, **({"quality_assessment": scores} if scores else {})}
        assert record.item.image.endswith(f"#{n}"), "named by its place"


def test_columns_may_be_absent_and_unknown_ones_of_images_are_refused(there: Path, tmp_path: Path) -> None:
    whole = graph200k.dataset(3)
    few = whole.select_columns(["target", "canny", "collection"])
    few.to_parquet(tmp_path / "few.parquet")
    (first, *_) = records(Graph200k(path=str(tmp_path / "few.parquet")))
    assert list(first.images) == ["canny"] and first.found == {"collection": "collection_1"} and first.caption == ""
    more = whole.select_columns(["target", "canny", "description"]).rename_column("canny", "sketch")
    more.to_parquet(tmp_path / "more.parquet")
    with pytest.raises(UserError, match=r"'sketch' holds images.*source\.keep=\[description"):
        Graph200k(path=str(tmp_path / "more.parquet")).peek()
    kept = Graph200k(path=str(tmp_path / "more.parquet"), keep=["description"])
    assert records(kept)[2].caption.startswith("a cup 2")


def test_what_is_no_dataset_is_told_in_one_line(there: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the splits train, test\. Choose one with source\.split"):
        Graph200k(path=str(there / "saved")).peek()
    with pytest.raises(UserError, match="no file of this split"):
        Graph200k(path=str(there / "tables"), split="val").peek()
    with pytest.raises(UserError, match=r"hf download --repo-type dataset VisualCloze/Graph200K --local-dir"):
        Graph200k(path=str(tmp_path)).peek()
    (tmp_path / "data.json").write_text('[{"image": "a.jpg"}]')
    with pytest.raises(UserError, match="'condition' is null"):
        Graph200k(path=str(tmp_path)).peek()


def test_automatic_choice_leaves_the_general_formats_as_they_are(there: Path) -> None:
    known = sources()
    assert {"graph200k", "subjects200k"} < known.keys()
    assert [name for name, kind in known.items() if kind.recognises(there / "saved")] == ["hf"]
    assert [name for name, kind in known.items() if ".parquet" in kind.suffixes] == ["parquet"]


def test_a_condition_on_scores_changes_no_id_and_is_counted(there: Path, tmp_path: Path) -> None:
    def planned(name: str, where: str | None) -> tuple[dict[str, str], int]:
        folder = RunFolder(tmp_path / name)
        folder.make()
        plan(folder, Graph200k(path=str(there / "saved"), split="test", where=where), None, None, lambda rows: None)
        items = [item for shard in range(folder.read_plan().shards) for item in folder.items(shard)]
        return {item.id: item.name for item in items}, folder.read_plan().passes[-1].filtered

    whole, none = planned("whole", None)
    some, filtered = planned("some", "quality_assessment.objectConsistency>=4 and collection=='collection_1'")
    assert (len(whole), none) == (graph200k.ROWS, 0) and (len(some), filtered) == (2, graph200k.ROWS - 2)
    assert some.items() <= whole.items()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The border of the third is narrower; the fourth is no pair."""
    import datasets
    import numpy as np
    from PIL import Image

    folder, draw = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for n, (width, height) in enumerate([(104, 56), (104, 56), (94, 50), (50, 50)]):
        image = Image.fromarray(draw.integers(0, 255, (height, width, 3)).astype(np.uint8))
        scores = {"compositeStructure": 5, "objectConsistency": n, "imageQuality": 5}
        said = {"item": f"a cup {n}", "description_0": "left", "description_1": "right", "category": "c"}
        rows.append({"image": image, "collection": "c", "quality_assessment": scores, "description": said})
    made = datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())
    made.to_parquet(folder / "pairs.parquet")
    made.save_to_disk(str(folder / "saved"))
    return folder, [row["image"] for row in rows]


@pytest.mark.parametrize("form", ["pairs.parquet", "saved"])
def test_the_halves_of_a_pair_are_image_and_reference(pairs: tuple[Path, list[Any]], form: str) -> None:
    folder, pictures = pairs
    source = Subjects200k(path=str(folder / form), target="both")
    entries = [row for row in source.entries() if isinstance(row, Entry)]
    assert [entry.image.rpartition("#")[2] for entry in entries[:3]] == ["0-left", "0-right", "1-left"]
    assert [entry.caption for entry in entries[:2]] == ["a cup 0 left", "a cup 0 right"]
    assert entries[1].given["description"]["description_0"] == "right", "it is the image's"
    boxes = [((8, 8, 48, 48), (56, 8, 96, 48)), ((6, 6, 44, 44), (50, 6, 88, 44))]
    for n, (left, right) in ((0, boxes[0]), (2, boxes[1])):
        for entry, own, other in ((entries[2 * n], left, right), (entries[2 * n + 1], right, left)):
            item = Item("0" * 16, 0, entry.image, "", entry.given, entry.place, entry.known)
            record = load(item, source.image_root(), Load())
            assert record.image.tobytes() == pictures[n].crop(own).tobytes() and record.original_bytes is None
            assert record.images["ref"].image.convert("RGB").tobytes() == pictures[n].crop(other).tobytes()
            assert record.found["quality_assessment"]["objectConsistency"] == n


def test_a_border_that_is_said_must_be_there(pairs: tuple[Path, list[Any]]) -> None:
    from labelyard.generate.errors import ItemError

    source = Subjects200k(path=str(pairs[0] / "saved"), padding=8)
    entries = [row for row in source.entries() if isinstance(row, Entry)]
    told = ("", "", "no left half in a border of 8: the border of a pair of squares of 94x50 is 6", "50x50 is no pair")
    for entry, reason in zip(entries, told, strict=True):
        item = Item("0" * 16, 0, entry.image, "", entry.given, entry.place, entry.known)
        if not reason:
            load(item, source.image_root(), Load())
            continue
        with pytest.raises(ItemError, match=reason):
            load(item, source.image_root(), Load())


def test_least_scores_are_a_condition_on_rows(pairs: tuple[Path, list[Any]]) -> None:
    source = Subjects200k(
        path=str(pairs[0] / "saved"), where="collection=='c'", min_scores=MinScores(objectConsistency=2)
    )
    assert source.where == "quality_assessment.objectConsistency>=2 and (collection=='c')"


def test_our_own_list_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "canny").mkdir()
    for name in ("t.jpg", "canny/c.jpg"):
        (tmp_path / name).write_bytes(graph200k.picture(0, 0))
    fill = {"image_path": ["t.jpg"] * 5, "name": ["a"] * 5, "description": ["b"] * 5}
    condition = {"target": "t.jpg", "canny": "canny/c.jpg", "mask": "canny/c.jpg", "FillEdit": fill}
    said = {"item": "a cup", "description_0": "here"}
    row = {"quality_assessment": None, "description": said, "collection": "c", "condition": condition}
    for name, text in (("data.json", json.dumps([row])), ("own.jsonl", json.dumps(row) + "\n")):
        (tmp_path / name).write_text(text)
        path = tmp_path if name == "data.json" else tmp_path / name
        (record,) = records(Graph200k(path=str(path)))
        assert sorted(record.images) == sorted(["canny", "qwen_2_5_mask", *(f"FillEdit_image_{k}" for k in range(5))])
        assert record.found["FillEdit_meta"] == {"name": ["a"] * 5, "description": ["b"] * 5}
        assert record.caption == "a cup here" and record.images["canny"].encoded() == graph200k.picture(0, 0)
