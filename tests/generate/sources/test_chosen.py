"""What an earlier run has found, in the place of the item's own image and text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.media.load import Load, load, look
from labelyard.generate.record import Record
from labelyard.generate.record_json.chosen import Choice
from labelyard.generate.rows import Entry
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.sources.records import Records
from labelyard.launch import run
from labelyard.utils.errors import UserError
from tests.conftest import FAKES, crops

Read = Callable[..., Record]


@pytest.fixture(scope="module")
def first(photos: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Edges, a text and boxes of one picture."""
    folder = tmp_path_factory.mktemp("first")
    (picture, other) = crops(photos, 2, 48)
    picture.convert("RGB").save(folder / "a.png")
    other.convert("RGB").resize((20, 30)).save(folder / "other.png")
    row = {"image": "a.png", "caption": "abc", "else": "other.png", "said": "a word"}
    (folder / "list.jsonl").write_text(json.dumps(row) + "\n")
    steps = ["tag=fake", "ground=fake", "edges=fake", "rewrite=fake", "pipeline.steps=[tag,ground,edges,rewrite]"]
    settings = [f"source.path={folder}/list.jsonl", f"output={folder}/run", "cluster=debug", "write.image=none", *steps]
    assert run.main(["--config-dir", FAKES, *settings]) == 0
    return folder / "run"


def read(first: Path, **how: Any) -> Record:
    source = Records(path=str(first), **how)
    (entry,) = source.entries()
    assert isinstance(entry, Entry)
    (item,) = RunFolder(first).items(0)
    item = type(item)(item.id, 0, entry.image, entry.caption, entry.given, entry.place, entry.known)
    look(item, source.image_root())
    return load(item, source.image_root(), Load())


def test_without_a_choice_everything_is_the_items_own(first: Path) -> None:
    record = read(first)
    assert record.caption == "abc" and record.tags and record.image.size == (48, 48)
    assert record.images["edges"].place is None


def test_an_image_and_a_text_that_steps_made(first: Path) -> None:
    record = read(first, image="images.edges", caption="texts.rewrite", copies=False)
    (made,) = first.glob("images/edges/*/*.png")
    with Image.open(made) as edges:
        assert record.image.tobytes() == edges.convert("RGB").tobytes()
    assert (record.caption, record.item.image, record.item.caption) == ("cba", "a.png", "abc")
    assert not record.tags and not record.instances, "they are of another picture"
    assert record.texts["rewrite"].text == "cba"
    assert record.images["edges"].place == {"file": str(made)}, "it is not copied"


def test_what_the_list_gave_and_nothing(first: Path) -> None:
    record = read(first, image="given.else", caption="given.said")
    assert record.image.size == (20, 30) and record.caption == "a word"
    assert not read(first, image="none").has_image


def test_what_is_not_there_is_refused_with_what_is(first: Path) -> None:
    with pytest.raises(
        UserError, match=r"source.image=images.edge: give images.edges, given.KEY .* Did you mean images.edges"
    ):
        read(first, image="images.edge")
    with pytest.raises(UserError, match=r"source\.video=clips\.film: give clips\.NAME, where a step made one"):
        read(first, video="clips.film")
    choice = Choice(image="none")
    assert choice.brings(("image", "caption")) == ("caption",)
    assert choice.gives({"tag": ("tags",), "edges": ("images.edges",)}) == {"tag": (), "edges": ("images.edges",)}


def test_a_pipeline_that_reads_what_is_not_shown_is_refused(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [f"source.path={first}", "source=records", "source.image=none", f"output={tmp_path}/run", "tag=fake"]
    assert run.main(["--config-dir", FAKES, *settings, "pipeline.steps=[tag]"]) == 1
    assert "step 'tag' reads image, and the list has none" in capsys.readouterr().err
