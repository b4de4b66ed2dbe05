"""What a detector is asked for: in order and once; what can't be asked is refused before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.pipeline import Pipeline, build_steps, check_writes
from labelyard.generate.record import Aside, Instance, Phrase, Record, Tag, Text
from labelyard.generate.record_json.asides import tag_from_json, tag_to_json
from labelyard.generate.step import Step
from labelyard.generate.steps.ground.asking import Asked
from labelyard.generate.steps.ground.detections import Detection
from labelyard.generate.steps.ground.owlv2 import Owlv2
from labelyard.generate.steps.merge.boxes import MergeBoxes
from labelyard.generate.steps.tag.names import ListedNames
from labelyard.utils.errors import UserError
from tests.fakes import KnownPlaces, SaidTags
from tests.generate.conftest import item


def record(number: int = 0) -> Record:
    return Record(item(number), Image.new("RGB", (100, 100)))


def test_names_come_in_order_and_once() -> None:
    one = record()
    one.tags = [Tag("sky", 0.9), Tag(" ", 0.9), Tag("sky", 0.1)]
    one.texts["llava"] = Text(
        "a small dog near\n a  red car, a dog", "model", (Phrase(0, 11, (0,)), Phrase(17, 28, (1,)))
    )
    one.aside["ram"] = Aside(tags=[Tag("dog", 0.9), Tag("cat", 0.8)])
    one.aside["list"] = Aside(tags=[Tag("cat", 1.0, "a cat"), Tag("bus", 1.0, "a red bus")])
    one.aside["cap"] = Aside(texts={"short": Text("the tall tree", "model", (Phrase(4, 13, (0,)),))})

    def names(*asks: str, add: Sequence[str] = ()) -> list[str]:
        return [found.name for found in KnownPlaces(asks=list(asks), add=list(add), places={}).asked(one)]

    assert names() == ["sky"]
    assert names(add=["trees", "sky"]) == ["sky", "trees"]
    assert names("list", "ram", "tags", add=["bus", "dog", "trees"]) == ["cat", "bus", "dog", "sky", "trees"]
    assert names("texts.llava", "cap", "ram") == ["a small dog", "a red car", "tall tree", "dog", "cat"]
    assert names("texts.none", "ram") == ["dog", "cat"]  # a record without that text
    prompts = KnownPlaces(asks=["ram", "list"], places={}).asked(one)
    assert prompts == [Asked("dog", "dog"), Asked("cat", "cat"), Asked("bus", "a red bus")], (
        "the first to name it decides"
    )


def test_what_is_asked_has_to_be_there_and_before() -> None:
    finds = KnownPlaces(asks=["ram", "texts.llava"], places={})
    assert finds.reads == ("image", "aside.ram", "texts.llava")
    assert KnownPlaces(places={}).reads == ("image", "tags")
    ram = SaidTags(words=["dog"], aside=True)
    for steps, advice in (
        ({"boxes": finds, "ram": ram}, "reads aside.ram.*put 'ram' before it"),
        ({"ram": SaidTags(words=[]), "boxes": finds}, "reads aside.ram.*use ram.aside=true"),
        ({"ram": ram, "boxes": finds}, "reads texts.llava, which no earlier step writes"),
    ):
        with pytest.raises(UserError, match=f"step 'boxes' {advice}"):
            Pipeline(steps)
    with pytest.raises(ValueError, match=r"asks=\['ram', 'ram'\]: names 'ram' twice"):
        KnownPlaces(asks=["ram", "ram"], places={})
    with pytest.raises(ValueError, match="empty name"):
        KnownPlaces(add=[" "], places={})


def test_a_list_of_names_has_one_on_each_line_and_prompts_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("# mine\ndog\n\nbus = a  red bus\ndog = again\n", encoding="utf-8")
    step = ListedNames(names=["cat", "cow=a = b"], file=str(file))
    step.setup("cpu")
    one = record()
    step([one])
    assert one.tags == [Tag("cat", 1.0), Tag("cow", 1.0, "a = b"), Tag("dog", 1.0), Tag("bus", 1.0, "a red bus")]
    told = step.model()
    assert told["names"] == 4
    file.write_text("dog\nbus = a blue bus\n", encoding="utf-8")
    step.setup("cpu")
    assert step.model()["digest"] != told["digest"]


def test_synonyms_are_asked_for_besides_and_a_name_may_have_a_threshold_of_its_own() -> None:
    step = ListedNames(names=["dog = a dog | puppy | hound @ 0.6", "e@mail", "cat @ .1", "cow"])
    step.setup("cpu")
    one = record()
    step([one])
    assert [tag.name for tag in one.tags] == ["dog", "e@mail", "cat", "cow"], "a name is written once"
    assert tag_from_json(tag_to_json(one.tags[0])) == one.tags[0]
    detector = KnownPlaces(places={})
    asked = detector.asked(one)
    assert asked == [
        Asked("dog", "a dog", 0.6), Asked("dog", "puppy", 0.6), Asked("dog", "hound", 0.6),
        Asked("e@mail", "e@mail"), Asked("cat", "cat", 0.1), Asked("cow", "cow"),
    ]  # fmt: skip
    owl = Owlv2(box_threshold=0.3)
    assert owl.floor(asked) == 0.1 and owl.floor(asked[3:4]) == 0.3
    found = [Detection((0, 0, 1, 1), score, label) for label, score in (
        ("dog", 0.61), ("dog", 0.6), ("cat", 0.2), ("cow", 0.2), ("cow", 0.31), ("cat", 0.05),
    )]  # fmt: skip
    assert [(one.label, one.score) for one in owl.best(found, asked)] == [("dog", 0.61), ("cat", 0.2), ("cow", 0.31)]
    for wrong in ("dog = a | | b", "dog @ 2", "dog = @ 0.5"):
        with pytest.raises(ValueError, match=r"is neither a name nor|a threshold is a number from 0 to 1"):
            ListedNames(names=[wrong])


@pytest.mark.parametrize(
    "content, told",
    [
        (None, r"^tag\.file=.*names.txt: can't be read"),
        (b"\xff\xfe", r"^tag\.file=.*can't be read"),
        (b"# nothing\n", r"^tag\.file=.*: there is no name in it"),
        (b"dog\n = a dog\n", r"^tag\.file=.*: '= a dog' is neither a name nor"),
        (b"dog = \n", r"^tag\.file=.*: 'dog =' is neither a name nor"),
    ],
)
def test_a_list_that_is_none_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "names.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FatalError, match=told):
        Pipeline({"tag": ListedNames(file=str(file))}).setup("cpu")


def test_a_list_of_nothing_is_refused() -> None:
    node = {"_target_": "labelyard.generate.steps.tag.names.ListedNames"}
    with pytest.raises(FatalError, match=r"^tag\.names=\[\]: there is no name in it; give tag\.names=\[dog,cat\]"):
        Pipeline(build_steps(["tag"], {"tag": node})).setup("cpu")
    with pytest.raises(UserError, match="tag: '= x' is neither"):
        build_steps(["tag"], {"tag": {**node, "names": ["= x"]}})


@pytest.mark.parametrize("staged", [False, True])
def test_two_taggers_two_detectors_a_list_and_a_merge(staged: bool) -> None:
    """By hand. The first finds a dog and a cat, the second a dog as puppy, a bus by its prompt, and a tree."""
    first = {"dog": [0, 0, 10, 10, 0.9], "cat": [50, 50, 70, 90, 0.8]}
    second = {
        "puppy": [0, 0, 10, 8, 0.95],  # shares 80 of 100 with the dog: IoU 0.8
        "a red bus": [50, 50, 70, 70, 0.7],  # shares 400 of 800 with the cat: IoU 0.5, which is not above 0.5
        "trees": [52, 50, 70, 90, 0.6],  # shares 720 of 800 with the cat: 0.9; 360 of 760 with the bus
    }
    steps: dict[str, Step] = {
        "ram": SaidTags(words=["dog", "cat"], aside=True),
        "tag2text": SaidTags(words=["puppy", "dog"], aside=True),
        "list": ListedNames(names=["bus = a red bus"], aside=True),
        "one": KnownPlaces(asks=["ram"], places=first, aside=True),
        "two": KnownPlaces(asks=["ram", "tag2text", "list"], add=["trees"], places=second, aside=True),
        "merge": MergeBoxes(of=["one", "two"]),
    }
    check_writes(steps)
    pipeline = Pipeline(steps, staged=staged)
    pipeline.setup("cpu")
    done = pipeline.run([record(n) for n in range(3)], lambda *_: pytest.fail("all are well"))
    for one in done:
        assert one.tags == []
        assert [tag.name for tag in one.aside["tag2text"].tags or ()] == ["puppy", "dog"]
        assert [i.label for i in one.aside["one"].instances or ()] == ["dog", "cat"]
        assert [i.label for i in one.aside["two"].instances or ()] == ["puppy", "bus", "trees"]
        assert [[sight["by"] for sight in i.extra.pop("seen")] for i in one.instances] == [["one", "two"]] * 2 + [
            ["two"]
        ]
        assert one.instances == [
            Instance((0, 0, 10, 10), 0.9, "dog", extra={"labels": ["dog", "puppy"]}),
            Instance((50, 50, 70, 90), 0.8, "cat", extra={"labels": ["cat", "trees"]}),
            Instance((50, 50, 70, 70), 0.7, "bus", extra={"labels": ["bus"]}),
        ]
        assert all("labels" not in i.extra for i in one.aside["one"].instances or ()), "what is aside stays as it was"
        assert list(one.models) == list(steps)


def test_a_prompt_outlives_the_record_s_json() -> None:
    for tag in (Tag("bus", 1.0, "a red bus"), Tag("dog", 0.5)):
        assert tag_from_json(tag_to_json(tag)) == tag
    assert tag_to_json(Tag("dog", 0.5)) == {"name": "dog", "score": 0.5}, "as before where there is none"
