"""Every defect of a record is found: a good one is broken in one way at a time."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from labelyard.generate.record import Instance, Item, Record
from labelyard.generate.record_json.check import record_problems, trainer_problems
from labelyard.generate.record_json.check_masks import run_lengths_sum
from labelyard.generate.record_json.encode import Write, to_json
from labelyard.generate.record_json.vectors import encode_embedding
from labelyard.utils import rle
from labelyard.utils.jsons import dump


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    mask = np.zeros((30, 40), bool)
    mask[5:20, 5:20] = True
    record = Record(Item("0123456789abcdef", 0, "a.jpg", "c"), Image.new("RGB", (40, 30)), caption="c")
    vector = np.ones((1, 768), np.float32)
    record.instances = [
        Instance((5, 5, 20, 20), 0.5, "a", rle.encode(mask), "a thing", "model", vector, vector),
        Instance((1, 1, 9, 9), 0.5, "b", rle.encode(mask), label_embedding=vector),
    ]
    body: dict[str, Any] = json.loads(dump(to_json(record, Write(short_side=60), {"labelyard": "0", "config": "c"})))
    return body


def put(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        *steps, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        node: Any = record
        for step in steps:
            node = node[step]
        node[last] = value

    return change


def drop(path: str) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        *steps, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        node: Any = record
        for step in steps:
            node = node[step]
        del node[last]

    return change


SHORT = base64.b64encode(bytes(100)).decode()
FOR_THE_TRAINER = [
    (put("data_id", "7"), "data_id is '7'"),
    (drop("caption"), "caption is None"),
    (put("image", "@@@"), "image: not base64"),
    (put("image", base64.b64encode(b"no picture").decode()), "image: 10 bytes that Pillow can't read"),
    (put("image", None), "image: None is not base64 text"),
    (put("annos", None), "annos is None, not a list"),
    (put("annos.0", 5), "annos[0] is 5"),
    (drop("annos.1.mask"), "1 of 2 annos have a mask"),
    (put("annos.0.bbox", [1, 2, 3]), "bbox is [1, 2, 3]"),
    (put("annos.0.bbox", [70, 0, 20, 5]), "is not inside the image of 80x60"),
    (put("annos.0.bbox", [-1, 0, 5, 5]), "is not inside the image"),
    (drop("annos.0.text_embedding_before"), "text_embedding_before is absent"),
    (put("annos.0.text_embedding_before", SHORT), "has 100 bytes, not 3072"),
    (put("annos.0.blip_clip_embeddings", "%%"), "blip_clip_embeddings: not base64"),
    (put("annos.0.mask", "RLE"), "mask is 'RLE'"),
    (put("annos.0.mask.size", [80, 60]), "mask has size [80, 60], the image is 60 high and 80 wide"),
    (put("annos.0.mask.size", ["60", "80"]), "mask is {"),
    (put("annos.0.mask.counts", "1"), "the mask's counts cover 1 pixels, not 4800"),
    (put("annos.0.mask.counts", "\x00"), "the mask's counts cover None pixels"),
]
OF_OURS = [
    (put("schema", "labelyard/0"), "schema is 'labelyard/0'"),
    (drop("id"), "id is None, not str"),
    (put("width", "80"), "width is '80', not int"),
    (put("width", 81), "width and height say 81x60"),
    (drop("made_by"), "made_by is None"),
    (put("annos.0.caption", ""), "empty caption"),
    (put("annos.0.text_embedding_before", ""), "empty text_embedding_before"),
    (drop("annos.1"), "a single anno"),
    (put("annos.1.pad", 1), None),  # one real and one pad: as it must be
]


def test_the_record_itself_is_good(good: dict[str, Any]) -> None:
    assert record_problems(good) == [] and trainer_problems(good) == []


@pytest.mark.parametrize(("change", "told"), FOR_THE_TRAINER)
def test_what_would_hurt_the_trainer(good: dict[str, Any], change: Callable[[dict[str, Any]], None], told: str) -> None:
    broken = copy.deepcopy(good)
    change(broken)
    assert any(told in problem for problem in trainer_problems(broken)), trainer_problems(broken)
    assert set(trainer_problems(broken)) <= set(record_problems(broken))


@pytest.mark.parametrize(("change", "told"), OF_OURS)
def test_what_is_promised_besides(
    good: dict[str, Any], change: Callable[[dict[str, Any]], None], told: str | None
) -> None:
    broken = copy.deepcopy(good)
    change(broken)
    if told is None:
        assert record_problems(broken) == []
    else:
        assert any(told in problem for problem in record_problems(broken)), record_problems(broken)


def test_two_pads(good: dict[str, Any]) -> None:
    broken = copy.deepcopy(good)
    broken["annos"].append({**broken["annos"][1], "pad": 1})
    assert any("pad annos" in problem for problem in record_problems(broken))


def test_an_embedding_of_the_right_length_is_no_problem(good: dict[str, Any]) -> None:
    fine = copy.deepcopy(good)
    fine["annos"][1]["blip_clip_embeddings"] = encode_embedding(np.zeros((1, 768), np.float32))
    assert record_problems(fine) == []


def by_the_book(counts: str) -> int | None:
    """What COCO's compressed counts cover. A number is letters that say "more follows" (P to o) and one that does not
    (0 to O), five bits each, the lowest first, in two's complement; from the fourth on it is a difference to the one
    before last.
    """
    if not re.fullmatch("(?:[P-o]*[0-O])*", counts):
        return None
    runs: list[int] = []
    for letters in re.findall("[P-o]*[0-O]", counts):
        bits = "".join(f"{ord(letter) - 48 & 31:05b}" for letter in reversed(letters))
        number = int(bits, 2) - (int(bits[0]) << len(bits))
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
    return None if any(run < 0 for run in runs) else sum(runs)


LETTERS = st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=12)


@given(LETTERS | st.text(max_size=30))
@example("")
@example("52")
@example("0e4")
@example("5233O")
@example("P")
@example("\u00d6")
def test_counts_are_read_as_coco_defines_them_and_nonsense_is_none(counts: str) -> None:
    assert run_lengths_sum(counts) == by_the_book(counts)


def test_some_counts_and_what_they_cover() -> None:
    sums = {"": 0, "52": 7, "0e4": 149, "O": None, "P": None, "0p": None, "\u00d6": None, "1110": 4}
    assert {counts: run_lengths_sum(counts) for counts in sums} == sums
