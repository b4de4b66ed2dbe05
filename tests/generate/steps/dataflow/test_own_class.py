"""Users' own classes as steps: what they get, and what becomes of a call that fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.dataflow.captioners import ImageCaptioner
from labelyard.generate.steps.dataflow.generators import TextGenerator
from tests.launch.dataflow_gen.support import CAPTION, PLUGIN, lines, pictures, pipeline, run, write_rows

COUNTING = """
from src.utils.registry import GENERATOR_REGISTRY as G

calls = []


@G.register()
class Counting:
    def __init__(self, mode="whole", **kwargs):
        self.mode = mode

    def generate_batch(self, texts):
        calls.append(list(texts))
        if self.mode == "fails" and "bad" in texts:
            raise ValueError("bad words")
        if self.mode == "shorter" and "bad" in texts:
            return [text + "!" for text in texts if text != "bad"]
        return [None if text == "bad" and self.mode == "none" else text + "!" for text in texts]


class Nothing:
    pass
"""


def texts(*words: str) -> list[Record]:
    return [Record(Item(f"item{n}", n, "", word), caption=word) for n, word in enumerate(words)]


def run_on(step: TextGenerator, records: Sequence[Record]) -> dict[str, str]:
    """What failed, by its text."""
    step.name = "own"
    steps = Pipeline({"own": step})
    steps.setup("cpu")
    failed: dict[str, str] = {}
    steps.run(list(records), lambda record, name, reason: failed.update({record.caption: reason}))
    return failed


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("fails", "ValueError: bad words"),
        ("shorter", "ValueError: generate_batch gave 0 answers to 1 rows"),
        ("none", "TypeError: generate_batch answered with NoneType, and a text belongs there"),
    ],
)
def test_one_bad_row_is_found_by_halves_and_no_answer_is_asked_for_twice(
    mode: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(COUNTING)
    words = [f"w{n}" for n in range(15)]
    records = texts(*words[:9], "bad", *words[9:])
    step = TextGenerator(file=str(tmp_path / "mine.py"), of="Counting", config=f'{{"mode": "{mode}"}}')
    assert run_on(step, records) == {"bad": reason}
    assert [record.texts["own"].text for record in records if record.caption != "bad"] == [f"{w}!" for w in words]
    (module,) = (module for name, module in sys.modules.items() if getattr(module, "__file__", "") == str(step.file))
    sizes = [len(call) for call in module.calls]
    assert sizes == ([16] if mode == "none" else [16, 8, 8, 4, 2, 1, 1, 2, 4]), "nothing is computed again afterwards"


@pytest.mark.parametrize(
    ("text", "of", "told"),
    [
        (COUNTING, "Countin", "of=Countin: there is no such class in"),
        (COUNTING, "Nothing", "has no method generate_batch"),
        ("import no_such_library", "X", "can't be imported: ModuleNotFoundError: No module named 'no_such_library'"),
        (COUNTING.replace("self.mode = mode", "raise OSError('no weights')"), "Counting", "no weights"),
    ],
)
def test_what_can_do_nothing_ends_the_worker(text: str, of: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    step = TextGenerator(file=str(tmp_path / "mine.py"), of=of)
    with pytest.raises(FatalError) as error:
        step.setup("cpu")
    assert told in str(error.value)
    assert "src" not in sys.modules and "src.utils.registry" not in sys.modules


def test_a_captioner_gets_the_path_of_an_image_that_is_no_file_of_its_own(tmp_path: Path) -> None:
    from tests.support.photos import photo

    (tmp_path / "mine.py").write_text(PLUGIN)
    record = Record(Item("coffee", 0, "coffee.png", ""), photo("coffee"))
    step = ImageCaptioner(file=str(tmp_path / "mine.py"), of="Size_Captioner")
    step.name = "own"
    step.setup("cpu")
    inside = Item(record.item.id, 0, "0.tar#1.jpg", "", place={"file": "0.tar", "offset": 0, "bytes": 1})
    record.item = inside
    step([record])
    assert record.texts["own"].text == f"size {record.image.size}"


def test_a_call_that_comes_to_fewer_answers_fails_one_row_alone(tmp_path: Path) -> None:
    names = ["a.png", "short.png", "b.png"]
    pictures(tmp_path, names)
    write_rows(tmp_path / "list.jsonl", [{"image": name} for name in names])
    assert run(pipeline(tmp_path, [CAPTION])) == 3
    assert [line["text"] for line in lines(tmp_path / "out" / "result.jsonl")] == ["size (20, 10)", "size (22, 10)"]
