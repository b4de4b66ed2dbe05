"""rewrite=llm: a text from texts; no picture is looked at."""

from __future__ import annotations

from typing import Any

from labelyard.generate.record import Item, Record, Text
from labelyard.generate.steps.rewrite.llm import Rewrite
from tests.support.scripted import answering


def test_a_text_is_made_from_what_the_row_says() -> None:
    step = Rewrite(checkpoint="x", backend="transformers", prompt="{style}: {texts.seen}")
    step.name = "short"
    model = answering(step, lambda request: request.text.upper())
    given: dict[str, Any] = {"style": "haiku"}
    one = Record(Item("i", 0, "", "", given), caption="a cup")
    one.texts["seen"] = Text("a red cup on a table", "model")
    step([one])
    assert one.texts["short"].text == "HAIKU: A RED CUP ON A TABLE" and one.texts["seen"].text == "a red cup on a table"
    assert model.all_asked[0].images == () and step.reads == ("texts.seen",)
