"""Two detectors and two taggers kept aside and merged; a second run that says it in words; a third that has both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from tests.conftest import call, listed

# Two taggers; a detector of what the first says, and one of what both say, of a list, and of trees. All by hand.
PIPELINE = """
defaults:
  - /words@ram: said
  - /words@tag2text: said
  - /tag@list: list
  - /places@one: known
  - /places@two: known
  - override /merge: boxes
pipeline:
  steps: [ram, tag2text, list, one, two, merge]
ram: {words: [dog, cat], aside: true}
tag2text: {words: [puppy, dog], aside: true}
list: {names: ["bus = a red bus"], aside: true}
one:
  asks: [ram]
  aside: true
  places: {dog: [0.0, 0.0, 10.0, 10.0, 0.9], cat: [50.0, 50.0, 70.0, 90.0, 0.8]}
two:
  asks: [ram, tag2text, list]
  add: [trees]
  aside: true
  # IoU of puppy and dog 80/100; of bus and cat 400/800, and half is not enough; of trees and cat 720/800.
  places:
    puppy: [0.0, 0.0, 10.0, 8.0, 0.95]
    a red bus: [50.0, 50.0, 70.0, 70.0, 0.7]
    trees: [52.0, 50.0, 70.0, 90.0, 0.6]
merge: {of: [one, two]}
"""


def options(folder: Path) -> Path:
    for kind, name, text in (
        ("words", "said", "_target_: tests.fakes.SaidTags\nwords: []\n"),
        ("places", "known", "_target_: tests.fakes.KnownPlaces\nplaces: {}\n"),
        ("told", "named", "_target_: tests.fakes.NamedThings\n"),
        ("edges", "fake", "_target_: tests.fakes.FakeEdges\n"),
        ("pipeline", "told", "defaults:\n  - override /told: named\npipeline:\n  steps: [told]\n"),
        ("pipeline", "drawn", "defaults:\n  - override /edges: fake\npipeline:\n  steps: [edges]\n"),
        ("pipeline", "two_of_each", PIPELINE),
    ):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{name}.yaml").write_text(text)
    return folder


def body(run: Path) -> dict[str, Any]:
    (path,) = listed(run)
    found: dict[str, Any] = json.loads(Path(path).read_bytes())
    return found


def test_every_number_by_hand_through_three_runs(tmp_path: Path) -> None:
    Image.new("RGB", (100, 100), "grey").save(tmp_path / "0.png")
    (tmp_path / "list.json").write_text(json.dumps([{"image": "0.png", "caption": "a yard"}]))
    found, said, both = (tmp_path / name for name in ("found", "said", "both"))
    common = ("cluster=debug", "write.short_side=null")
    own = ("--config-dir", options(tmp_path / "own"))
    first = call("run", *own, "pipeline=two_of_each", f"source.path={tmp_path}/list.json", f"output={found}", *common)
    assert first.returncode == 0, first.stderr
    on = (*own, "source=records", f"source.path={found}", *common)
    second = call("run", *on, f"output={said}", "pipeline=told")
    assert second.returncode == 0, second.stderr
    third = call("run", *on, f"source.join=[{said}]", f"output={both}", "pipeline=drawn")
    assert third.returncode == 0, third.stderr

    merged = [
        ("dog", [0, 0, 10, 10], 0.9, ["dog", "puppy"]),
        ("cat", [50, 50, 70, 90], 0.8, ["cat", "trees"]),
        ("bus", [50, 50, 70, 70], 0.7, ["bus"]),
    ]
    for run in (found, said, both):
        one = body(run)
        objects = [(a["category_name"], a["original"]["box"], a["pred_score"], a["labels"]) for a in one["annos"]]
        assert objects == merged, run
        assert [tag["name"] for tag in one["aside"]["tag2text"]["tags"]] == ["puppy", "dog"]
        assert [i["label"] for i in one["aside"]["two"]["instances"]] == ["puppy", "bus", "trees"]
    assert "texts" not in body(found)
    text = body(both)["texts"]["told"]
    assert text == body(said)["texts"]["told"]
    assert text["text"] == "a dog, a cat, a bus"
    assert [(text["text"][p["start"] : p["end"]], p["annos"]) for p in text["phrases"]] == [
        ("a dog", [0]), ("a cat", [1]), ("a bus", [2]),
    ]  # fmt: skip
    assert list(body(both)["models"]) == ["ram", "tag2text", "list", "one", "two", "merge", "told", "edges"]
    assert set(body(both)["images"]) == {"edges"}
    checked = call("validate", both)
    assert checked.returncode == 0, checked.stdout
