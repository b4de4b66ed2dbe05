"""Sentences in other words keep their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.errors import ItemError
from labelyard.generate.exporters.instructcv.templates import templates
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.launch.pairs.paraphrases import HIDDEN, by_chat, hidden, reworded, shown
from tests.launch.pairs.test_voc2coco import called


def parrot(sentences: Sequence[str], number: int) -> list[list[str]]:
    """Says each with a word more, once with a place lost, once with one too many, and once as it was."""
    return [
        [*(f"{n}. {'so ' * n}{text}" for n in range(1, number - 2)), "Do it.", f"{text} {HIDDEN['%']}", text.upper()]
        for text in sentences
    ]


def test_what_lost_or_doubled_a_place_is_dropped_and_counted() -> None:
    lines = ["Box the %s.", "Is there a %?"]
    found = reworded(lines, "det", 6, parrot)
    assert [line for line in found.lines if line in lines] == lines and len(found.lines) == 2 + 2 * 3
    assert "so so Box the %s." in found.lines and "so Is there a %?" in found.lines
    assert found.dropped == {"lost or doubled a place": 4, "said already": 2}
    colours = reworded(["Show * for a %, else #."], "cls", 5, parrot)
    assert colours.lines[1] == "so Show * for a %, else #."
    assert reworded(["Dry it."], "derain", 3, lambda sentences, _: [["50 % of it"]]).lines == ["Dry it."]


def test_places_come_back_whatever_a_model_makes_of_case_and_quotes() -> None:
    for lines in templates(None).values():
        for line in lines:
            assert shown(f' 3) "{hidden(line)}" ').rstrip("?.!") == line.strip("\"'").rstrip("?.!")
            assert shown(hidden(line).upper()).upper().count("%") == line.count("%")


def test_a_folder_of_sentences_becomes_one_of_more_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelyard.launch import paraphrase

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "det.txt").write_text("Find the %.\n")
    monkeypatch.setattr(paraphrase, "model_of", lambda chosen: parrot)
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--number", "6"]
    done = called(paraphrase.main, arguments)
    assert done.returncode == 0 and "det.txt: 1 sentences became 4; dropped: 2 lost or doubled" in done.stdout
    assert len(templates(str(tmp_path / "out"))["det"]) == 4 and not (tmp_path / "out" / "seg.txt").exists()
    assert "det.txt is there" in called(paraphrase.main, arguments).stdout


def test_a_sentence_that_gets_no_answer_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelyard.generate.steps.models.chat.step import ChatStep

    def ask(step: ChatStep, requests: Sequence[Request]) -> list[Answer]:
        for request in requests:
            if "box" in request.item:
                raise ItemError("answered 3 times, and never as asked", request.item)
        return [Answer("", value={"sentences": ["so " + request.item]}) for request in requests]

    monkeypatch.setattr(ChatStep, "setup", lambda step, device: None)
    monkeypatch.setattr(ChatStep, "ask", ask)
    found = reworded(["Find the %.", "Draw a box.", "Box a %."], "det", 3, by_chat({"checkpoint": "x"}, "cpu"))
    assert found.lines == ["Find the %.", "so Find the %.", "Draw a box.", "Box a %.", "so Box a %."]
    assert found.dropped == {"not answered as asked": 1}


@pytest.mark.slow
def test_a_real_model_answers_in_both_ways(tmp_path: Path) -> None:
    import transformers

    from labelyard.launch.pairs.paraphrases import by_t5
    from tests.tiny.text import byte_tokenizer

    place = str(tmp_path / "t5")
    tokenizer = byte_tokenizer("", "</s>", ("<pad>", "</s>"), pad_token="<pad>", eos_token="</s>")
    tokenizer.save_pretrained(place)
    kind: Any = transformers.T5Config
    config = kind(
        vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(place)
    for sampled in (False, True):
        answers = by_t5(place, "cpu", sampled, 0)(["Find the quibbet."], 2)
        assert [len(several) for several in answers] == [2]
        assert answers == by_t5(place, "cpu", sampled, 0)(["Find the quibbet."], 2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere", "out"], "templates=nowhere: there is no such folder"),
        (["own", "out", "--number", "0"], "--number 0: give 1 or more"),
        (["own", "out", "--model", "./none"], "--model ./none: there is no such folder"),
        (["own", "out", "--backend", "openai"], "which model? Give checkpoint=…"),
        (["own", "out", "x=1"], "settings are for --backend"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(arguments: list[str], reason: str, tmp_path: Path) -> None:
    from labelyard.launch.paraphrase import main

    done = called(main, arguments)
    assert done.returncode == 1 and reason in done.stderr and not (tmp_path / "out").exists()
