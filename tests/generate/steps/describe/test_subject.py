"""describe=subject and caption, judge=vlm, propose=vlm and list: what a picture is about, and what it could be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.record import Instance, Item, Record, SideImage
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.describe.subject import CaptionDescription, SubjectDescription
from labelyard.generate.steps.judge.vlm import Judge
from labelyard.generate.steps.models.chat.finding import FindingStep
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.propose.listed import ListedProposals
from labelyard.generate.steps.propose.vlm import Propose
from labelyard.utils.errors import UserError
from tests.support.scripted import Scripted, answering

SAID = {"item": "a cup", "description_0": "It stands on a table.", "description_1": ""}
MARKS = {"compositeStructure": 4, "objectConsistency": 5, "imageQuality": 3}


def row(number: int = 0, reference: bool = False) -> Record:
    record = Record(Item(f"i{number}", number, f"{number}.jpg", ""), Image.new("RGB", (200, 100)), caption="a photo")
    record.instances = [Instance((20, 10, 120, 90), 0.9, "cup"), Instance((150, 10, 160, 20), 0.9, "apple")]
    if reference:
        record.images["ref"] = SideImage(Image.new("L", (50, 50)))
    return record


def ready(step: FindingStep, script: Any) -> Scripted:
    step.name = "asked"
    return answering(step, script)


def test_the_subject_and_its_scene() -> None:
    step = SubjectDescription(backend="transformers")
    model = ready(step, lambda request: f"Sure! ```json\n{json.dumps(SAID)}\n```")
    one, pair = row(0), row(1, reference=True)
    step([one, pair])
    assert one.found["description"] == pair.found["description"] == SAID
    asked = {request.item: request for request in model.all_asked}
    assert len(asked["i0"].images) == 1 and "this picture" in asked["i0"].text
    assert [image.mode for image in asked["i1"].images] == ["RGB", "RGB"] and "Both pictures" in asked["i1"].text
    assert step.writes == ("found.description",) and step.reads == ("image",)
    step.keep_given = True
    assert not step.has_work_for(one) and step.has_work_for(row()) and step.lazy


def test_an_empty_description_is_asked_for_once_more_and_then_the_item_s_error() -> None:
    step = SubjectDescription(backend="transformers")
    model = ready(step, lambda request: json.dumps({**SAID, "item": ""}))
    with pytest.raises(ItemError, match="answered 2 times, and never as asked: item is less than 1"):
        step([row()])
    assert len(model.all_asked) == 2


def test_without_a_model_by_instances_and_caption() -> None:
    one, other, bare = row(0), row(1), row(2)
    other.caption, bare.caption, bare.instances = "", "", []
    CaptionDescription()([one, other, bare])
    assert one.found["description"] == {"item": "a cup", "description_0": "a photo", "description_1": ""}
    assert other.found["description"]["description_0"] == "It is in the picture with an apple."
    assert bare.found["description"]["item"] == "a photo" and bare.found["description"]["description_0"]
    assert_company_does_not_matter(CaptionDescription(), [row(0), row(1)])


def test_marks_where_there_is_a_reference_else_null() -> None:
    step = Judge(backend="transformers")
    answers = iter([json.dumps({**MARKS, "imageQuality": 6}), json.dumps(MARKS)])
    model = ready(step, lambda request: next(answers))
    one, other = row(0, reference=True), row(1)
    step([one, other])
    assert one.found["quality_assessment"] == MARKS and other.found["quality_assessment"] is None
    assert [len(request.images) for request in model.all_asked] == [2, 2]
    assert "imageQuality is more than 5" in model.all_asked[1].text


def proposed(*names: str) -> str:
    things = [{"name": name, "description": f"{name} on the table"} for name in names]
    return json.dumps({"replacements": things, "scene": "It stands in the snow."})


def test_the_subject_is_shown_in_a_box_and_other_things_are_proposed() -> None:
    step = Propose(backend="transformers", count=2)
    model = ready(step, lambda request: proposed("a vase", "a lamp"))
    one = row()
    step([one])
    assert [thing["name"] for thing in one.found["proposals"]["replacements"]] == ["a vase", "a lamp"]
    assert one.found["proposals"]["scene"] == "It stands in the snow."
    (request,) = model.all_asked
    assert "100 by 80 pixels" in request.text and "this: cup" in request.text and "with 2 replacements" in request.text
    pixels = np.asarray(request.images[0])
    assert pixels[50, 20].tolist() == [255, 0, 0] and not pixels[50, 60].any() and not np.asarray(one.image).any()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (proposed("a vase", "A  vase"), "A  vase is in it more than once"),
        (proposed("a vase", "two cups"), "two cups is what is there already"),
    ],
)
def test_things_twice_and_the_subject_itself_are_refused(wrong: str, told: str) -> None:
    step = Propose(backend="transformers", count=2)

    def script(request: Request) -> str:
        return wrong if told not in request.text else proposed("a vase", "a lamp")

    ready(step, script)
    one = row()
    step([one])
    assert [thing["name"] for thing in one.found["proposals"]["replacements"]] == ["a vase", "a lamp"]
    ready(step, lambda request: wrong)
    with pytest.raises(ItemError, match=f"never as asked: {told}"):
        step([row(7)])


def test_without_an_instance_the_whole_picture_is_the_subject() -> None:
    step = Propose(backend="transformers", count=1)
    model = ready(step, lambda request: proposed("a vase"))
    one = row()
    one.instances, one.found["description"] = [], {"item": "a blue jug"}
    step([one])
    assert "200 by 100 pixels" in model.all_asked[0].text and "a blue jug" in model.all_asked[0].text


def test_proposals_out_of_a_list_are_drawn_for_each_item(tmp_path: Path) -> None:
    names = ["a red cup", "a cup: A cup again", "a lamp: A lamp shines.", "a vase", "a jug", "a clock", "a bowl", ""]
    (tmp_path / "things.txt").write_text("\n".join(names), encoding="utf-8")
    step = ListedProposals(file=str(tmp_path / "things.txt"), count=3, scenes=["one", "two"])
    step.setup("cpu")
    rows = [row(n) for n in range(6)]
    step(rows)
    drawn = [record.found["proposals"] for record in rows]
    for one in drawn:
        chosen = [thing["name"] for thing in one["replacements"]]
        assert len(set(chosen)) == 3 and not any("cup" in name for name in chosen) and one["scene"] in ("one", "two")
    assert len({json.dumps(one) for one in drawn}) > 3
    (lamp,) = {t["description"] for one in drawn for t in one["replacements"] if t["name"] == "a lamp"}
    assert lamp == "A lamp shines."
    assert_company_does_not_matter(step, [row(0), row(1)])
    with pytest.raises(FatalError, match="6 kinds of things, where 6 of each item"):
        ListedProposals(file=str(tmp_path / "things.txt"), count=6).setup("cpu")
    with pytest.raises(FatalError, match="file=null: give a text with a thing on each line"):
        ListedProposals().setup("cpu")


def test_a_prompt_that_names_no_place_is_refused() -> None:
    from labelyard.generate.settings import made

    with pytest.raises(UserError, match=r"prompt=.*names no column"):
        made(Judge, {"prompt": "{}?"}, "judge")
