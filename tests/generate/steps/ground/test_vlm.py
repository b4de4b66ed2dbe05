"""ground=vlm: boxes out of what a chat model writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.record import Item, Record
from labelyard.generate.steps.ground.vlm import VlmBoxes
from labelyard.generate.steps.models.chat.boxes import counts_in, said_in, shown_size
from tests.support.scripted import Scripted, answering

Boxes = Mapping[str, tuple[float, ...]]
CUP: Boxes = {"cup": (100, 200, 300, 400)}
LIST = '[{"bbox_2d": [100, 200, 300, 400], "label": "cup"}, {"bbox_2d": [0, 0, 50, 60], "label": "old spoon"}]'
BOTH: Boxes = {**CUP, "old spoon": (0, 0, 50, 60)}
ANSWERS: list[tuple[str, Boxes | None]] = [
    (f"```json\n{LIST}\n```", BOTH),
    (LIST, BOTH),
    (f"Here is what I see:\n{LIST}\nIs there more that I can do?", BOTH),
    (LIST[:-12], CUP),  # cut off inside the second
    (LIST[:30], {}),  # inside the first: JSON was begun
    ('{"bbox_2d": [100, 200, 300, 400], "label": "cup"}', CUP),  # alone, without a list
    ('{"objects": [{"bbox_2d": [100, 200, 300, 400], "label": "cup"}]}', CUP),
    (LIST.replace("}, {", "}\n{").strip("[]"), BOTH),  # one on each line
    ('[{"bbox_2d": [300, 400, 100, 200], "label": "cup"}]', CUP),  # corners exchanged
    ('[{"bbox_2d": [300, 200, 100, 400], "label": "cup"}]', CUP),
    ('[{"bbox": [100.0, 200.0, 300.0, 400.0], "name": "cup"}]', CUP),
    (LIST[:-1] + ", " + LIST[1:], BOTH),  # each twice
    ('[{"bbox_2d": [100, 200, 300, 400], "label": "湯呑み"}]', {"湯呑み": (100, 200, 300, 400)}),
    ('[{"bbox_2d": [100, 200, 300, 400], "label": "Tasse \\u00e0 th\\u00e9"}]', {"Tasse à thé": (100, 200, 300, 400)}),
    ('[{"bbox_2d": [100, 200, 300], "label": "cup"}, {"bbox_2d": "here", "label": "cup"}]', {}),
    ('[{"bbox_2d": [100, 200, 300, true], "label": "cup"}, {"bbox_2d": [1, 2, 3, NaN], "label": "cup"}]', {}),
    ('[{"bbox_2d": [100, 200, 300, 400]}, {"bbox_2d": [100, 200, 300, 400], "label": "  "}]', {}),  # without a name
    ("[]", {}),
    ("There is nothing in this picture that has a name.", None),
    ("", None),
    ('[{"bbox_2d": [-50, 200, 300, 1400], "label": "cup"}]', {"cup": (-50, 200, 300, 1400)}),
]


@pytest.mark.parametrize(("text", "expected"), ANSWERS)
def test_what_a_model_writes_is_read(text: str, expected: Boxes | None) -> None:
    found = said_in(text)
    if expected is None:
        assert found is None
    elif expected or text == "[]":
        assert found is not None and {one.label: one.box for one in found} == expected
        assert len(found) == len(expected)
    else:
        assert not found


def ask(text: str, size: tuple[int, int] = (1000, 500), **options: Any) -> tuple[Record, Scripted]:
    step = VlmBoxes(**{"checkpoint": "Qwen/Qwen3-VL-8B-Instruct", "backend": "transformers", **options})
    step.name = "ground"
    model = answering(step, lambda request: text)
    record = Record(Item("x", 0, "x.jpg", ""), Image.new("RGB", size))
    step([record])
    record.models["ground"] = step.model_of(record)
    return record, model


def test_thousandths_are_of_the_sides_and_cut_at_the_edges() -> None:
    record, _ = ask(
        '[{"bbox_2d": [-50, 500, 250, 1200], "label": "cup"}, {"bbox_2d": [1001, 0, 1100, 9], "label": "a"}]'
    )
    (cup,) = record.instances
    assert (cup.box, cup.score, cup.label) == ((0, 250, 250, 500), 1.0, "cup")


@pytest.mark.parametrize("size", [(1000, 500), (3000, 2000), (40, 30), (301, 977)])
def test_pixels_are_those_of_the_picture_that_was_shown(size: tuple[int, int]) -> None:
    _, model = ask("[]", size, checkpoint="Qwen/Qwen2.5-VL-7B-Instruct")
    (shown,) = model.all_asked[0].images
    width, height = shown.size
    assert width % 28 == height % 28 == 0 and 3136 <= width * height <= 1_003_520
    half = f'[{{"bbox_2d": [{width // 2}, 0, {width}, {height // 2}], "label": "cup"}}]'
    record, _ = ask(half, size, checkpoint="Qwen/Qwen2.5-VL-7B-Instruct")
    (cup,) = record.instances
    assert cup.box == pytest.approx((size[0] / 2, 0, size[0], size[1] / 2))


def test_sizes_as_the_model_s_own_processor_has_them() -> None:
    expected = {(1000, 500): (1008, 504), (640, 480): (644, 476), (3000, 2000): (1204, 812), (30, 40): (56, 84)}
    for size, shown in expected.items():
        assert shown_size(size, 3136, 1_003_520) == shown
        assert shown_size(shown, 3136, 1_003_520) == shown
    assert max(shown_size((6000, 300), 3136, 1_003_520, longest=2048)) <= 2048


def test_how_a_model_counts_is_known_by_its_name_or_told() -> None:
    names = (
        "Qwen/Qwen2.5-VL-3B-Instruct",
        "models/qwen2_5_vl",
        "Qwen/Qwen2-VL-7B-Instruct",
        "Qwen/Qwen3-VL-8B-Instruct",
    )
    assert [counts_in(name) for name in names] == ["pixels", "pixels", "thousandths", "thousandths"]
    text = '[{"bbox_2d": [0, 0, 504, 252], "label": "cup"}]'
    record, _ = ask(text, (1000, 500), coordinates="pixels")
    assert record.instances[0].box == (0, 0, 500, 250)


def test_only_so_many_boxes_and_the_answer_may_be_kept() -> None:
    record, model = ask(LIST, most=1, keep_answer=True, prompt="{most} things, {{}}!")
    assert [one.label for one in record.instances] == ["cup"]
    assert record.texts["ground"].text == LIST and model.all_asked[0].text == "1 things, {}!"
    step = VlmBoxes(keep_answer=True)
    step.name = "ground"
    assert (
        step.writes == ("instances", "texts.ground")
        and '[{"bbox_2d": [x0, y0, x1, y1]' in ask("[]")[1].all_asked[0].text
    )
    nothing, _ = ask("I can't see anything.", keep_answer=True)
    assert nothing.models["ground"]["answer"] == "without JSON, and so without boxes"
    assert "answer" not in record.models["ground"]
    assert nothing.instances == [] and nothing.texts["ground"].text == "I can't see anything."
