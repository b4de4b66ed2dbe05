"""What a language model writes about a scene, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance, Item, Record, Text
from labelyard.generate.steps.landmark.places import PLACES, named_in
from labelyard.generate.steps.landmark.vlm import Landmark
from labelyard.generate.steps.models.chat.messages import Answer
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.text.chat import TextChat
from labelyard.generate.steps.text.prompts_of import prompt_of
from tests.support.scripted import Scripted, answering


def record(number: int) -> Record:
    made = Record(Item(f"i{number}", number, "a.jpg", ""), Image.new("RGB", (20, 10)))
    made.instances = [Instance((0, 0, 9, 9), 0.5, f"cup{number}", extra={"labels": ["cup"], "median_depth": 1.0})]
    made.texts = {"blip2": Text("a {cup}", "model")}
    made.found = {"relationships": [{"phrase": "a cup", "annos": [0]}], "landmark": {"category": "Indoor scene"}}
    return made


def ready(script: Any, **options: Any) -> tuple[TextChat, Scripted]:
    step = TextChat(**{"checkpoint": "x", "backend": "transformers", **options})
    step.name = "writes"
    step.loaded.prompt = Template(prompt_of(step.task, step.prompt, step.prompts))
    return step, answering(step, script)


def test_a_dense_caption_is_written_about_the_scene() -> None:
    step, model = ready(lambda request: f"about {request.item}")
    rows = [record(0), record(1)]
    step(rows)
    assert (rows[1].texts["dense"].text, rows[1].texts["dense"].facts["finish"]) == ("about i1", "stop")
    asked = model.all_asked[0].text
    scene = "Foreground:\nGroup 0: cup0\n\nShort Captions:\na {cup}\n\nRelationships:\na cup, Group Ids: (0)\n"
    assert f"{scene}\nLandmarks:\nIndoor scene\n" in asked and asked.rstrip().endswith("Caption:")
    assert step.reads == ("instances", "found.relationships", "texts.blip2", "texts.llava", "found.landmark")
    assert step.writes == ("texts.dense", "found.writes_cut_off") and step.model()["task"] == "dense"


def test_an_answer_that_was_cut_off_is_not_taken_and_told() -> None:
    answers: list[Answer | Exception] = [Answer("half a", "length", 1, 8), Answer("whole", "stop", 1, 1)]
    for task in ("dense", "context"):
        step, _ = ready([list(answers)], task=task, max_tokens=8, landmark=None)
        rows = [record(0), record(1)]
        rows[0].texts[task] = Text("of an earlier try", "model")
        step(rows)
        assert [one.found.get("writes_cut_off") for one in rows] == [8, None]
        assert task not in rows[0].texts and rows[1].texts[task].text == "whole"


def test_context_is_written_about_the_names_alone() -> None:
    step, model = ready(lambda request: " ", task="context")
    rows = [record(0)]
    step(rows)
    assert "Objects:\ncup0\n\nLandmarks:\nIndoor scene\n" in model.all_asked[0].text
    assert "context" not in rows[0].texts, "nothing was said"
    assert step.reads == ("instances", "found.landmark") and step.writes[0] == "texts.context"


def test_prompts_are_files_of_one_s_own_or_the_package_s(tmp_path: Path) -> None:
    (tmp_path / "dense.txt").write_text("{scene}! {{ok}}", encoding="utf-8")
    for given in ({"prompts": str(tmp_path)}, {"prompt": str(tmp_path / "dense.txt")}):
        step, model = ready(lambda _: "x", **given)
        step([record(0)])
        assert model.all_asked[0].text.startswith("Foreground") and model.all_asked[0].text.endswith("\n! {ok}")
    (tmp_path / "context.txt").write_text("about {it", encoding="utf-8")
    (tmp_path / "none.txt").write_text("about it", encoding="utf-8")
    for options, reason in (
        ({"prompt": str(tmp_path / "absent.txt")}, "absent.txt.* can't be read"),
        ({"prompt": str(tmp_path / "none.txt")}, r"there is no \{scene\} in it"),
        ({"prompts": str(tmp_path), "task": "context"}, r"prompts=.*expected '}'"),
    ):
        with pytest.raises(FatalError, match=reason):
            ready(lambda _: "x", **options)
    assert TextChat(template="vicuna").template.endswith("USER: {prompt} ASSISTANT:")  # type: ignore[union-attr]


SAMPLE = {
    "objects": [{"bbox": [0, 0, 9, 9], "labels": ["mug", "cup"], "attributes": "x: red {mug}", "id": 4, "depth": 2.0}],
    "floating_objects": [],
    "relationships": {"grounding": [{"phrase": "a mug", "object_ids": [4]}]},
    "captions": ["a mug"],
    "landmark": {"category": "Indoor scene", "fine_category": "Work space"},
}
PROGRAM = '''
import json
raise SystemExit("whoever runs this has lost")
sample = "one.jpg"
scene_graph_1 = get_simple_scene_graph(sample, json_contents=json.load(open("x")))
words = "a {caption}"
def {function}(graph):
    prompt = f"""Told: {scene_graph_1}Said: {words}
Now {graph}."""
    return prompt
'''


def test_prompts_of_a_checkout_are_read_and_never_run(tmp_path: Path) -> None:
    for folder, file, function in (
        ("level_3_dense_caption", "in_context_examples.py", "get_level_3_chat_prompt"),
        ("level_4_extra_context", "prompt_template.py", "get_prompt"),
    ):
        place = tmp_path / "GranD" / folder
        (place / "in_context_examples").mkdir(parents=True)
        (place / "in_context_examples" / "one.json").write_text(json.dumps({"one.jpg": SAMPLE}), encoding="utf-8")
        (place / file).write_text(PROGRAM.replace("{function}", function), encoding="utf-8")
    assert Template(prompt_of("context", None, str(tmp_path))).places() == ["scene"]
    assert prompt_of("context", None, str(tmp_path)) == (
        "Told: Objects:\nmug/red {{mug}}\n\nLandmarks:\nIndoor scene, Work space\nSaid: a {{caption}}\nNow {scene}."
    )
    assert "Group 0: mug/red {{mug}}\n" in prompt_of("dense", None, str(tmp_path))
    (tmp_path / "GranD" / "level_4_extra_context" / "prompt_template.py").write_text("def get_prompt(x): return x")
    with pytest.raises(FatalError, match="does not hold GLaMM's prompt as it was published"):
        prompt_of("context", None, str(tmp_path))


def test_a_landmark_is_asked_for_in_two_questions() -> None:
    said = {"i0": ("It is an outdoor scene.", "RURAL landscape"), "i1": ("no idea", ""), "i2": ("indoor scene", "bar")}
    step = Landmark(checkpoint="x", backend="transformers")
    step.name = "landmark"
    model = answering(step, lambda request: said[request.item]["of this kind" in request.text])
    rows = [record(n) for n in range(3)]
    step(rows)
    assert [one.found["landmark"] for one in rows] == [
        {"category": "Outdoor scene", "fine_category": "Rural landscape"}, {"category": "", "fine_category": ""},
        {"category": "Indoor scene", "fine_category": ""},
    ]  # fmt: skip
    assert [len(asked) for asked in model.asked] == [3, 2]
    first, second = model.asked[0][0], model.asked[1][0]
    assert all(kind in first.text for kind in PLACES) and first.images == (rows[0].image,)
    assert "outdoor scene" in second.text and "Natural landscape" in second.text and second.seed != first.seed
    assert named_in("indoor scene or outdoor scene", list(PLACES)) == "Indoor scene"
    with pytest.raises(ValueError, match="fine_prompt=.*needs {options}"):  # noqa: RUF043
        Landmark(fine_prompt="what?")
