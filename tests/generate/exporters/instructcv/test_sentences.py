"""Which sentence a sample gets, and which group its image is in."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelyard.generate.exporters.instructcv import codings, draws
from labelyard.generate.exporters.instructcv.groups import Shares, kept
from labelyard.generate.exporters.instructcv.names import Taken, clean
from labelyard.generate.exporters.instructcv.templates import WORDS, rendered, templates
from labelyard.utils.errors import UserError

LEAST = {"det": 30, "seg": 30, "depes": 20, "cls": 10}
VALUES = {"%": "apple", "*": "red", "#": "gold"}


def test_there_are_enough_sentences_and_each_is_whole_when_its_places_are_filled() -> None:
    for word, lines in templates(None).items():
        assert len(lines) >= LEAST.get(word, 5) and len({line.lower() for line in lines}) == len(lines)
        for line in lines:
            said = rendered(line, VALUES)
            assert not set("%*#") & set(said) and " a apple" not in said
            assert word not in ("det", "seg", "cls") or "apple" in said
            assert word != "cls" or ("red" in said and "gold" in said)
    assert {len(lines) for lines in templates("fixed").values()} == {1}


@pytest.mark.parametrize(
    ("line", "label", "said"),
    [
        ("Box the %s.", "baseball bat", "Box the baseball bats."),
        ("A % or a %", "apple", "An apple or an apple"),
        ("Is there a %?", "grass", "Is there some grass?"),
        ("%s, and %-like", "person", "people, and person-like"),
    ],
)
def test_a_sentence_is_english_whatever_the_class(line: str, label: str, said: str) -> None:
    assert rendered(line, {**VALUES, "%": label}) == said


def test_a_folder_of_ones_own_comes_first_and_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("// mine\n\nLook, a %!\n")
    found = templates(str(tmp_path))
    assert found["det"] == ("Look, a %!",) and found["seg"] == templates(None)["seg"] and set(found) == set(WORDS)
    (tmp_path / "cls.txt").write_text("Show * for % and # for none.\nShow * if there is a %.\n")
    with pytest.raises(UserError, match=r"cls.txt, line 2 lacks #: 'Show \* if there is a %\.'"):
        templates(str(tmp_path))
    (tmp_path / "cls.txt").write_text("// nothing\n")
    with pytest.raises(UserError, match="has no sentence"):
        templates(str(tmp_path))


def test_every_sentence_is_as_likely_as_any_other() -> None:
    counts = np.zeros(30)
    for item in range(3000):
        counts[draws.one_of(range(30), 0, f"{item:016x}", "det", "cat", "template")] += 1
    expected = 100.0
    assert ((counts - expected) ** 2 / expected).sum() < 58.3, "0.1 % of fair draws come to more, of 29 degrees"


def test_another_class_beside_them_changes_at_most_one_choice() -> None:
    classes = [f"class {n}" for n in range(40)]
    before = draws.some_of(classes, 5, "x")
    after = draws.some_of([*classes, "one more"], 5, "x")
    assert len(before) == 5 and len(set(before) - set(after)) <= 1


@given(st.lists(st.integers(1, 30), min_size=1, max_size=400))
def test_no_image_is_on_both_sides_of_a_cut(sizes: list[int]) -> None:
    found = kept(sizes)
    if found is None:
        assert len(sizes) < 4
        return
    images, samples = found.images, found.samples
    total = sum(samples)
    cuts = (math.floor(0.9 * total), math.floor((0.9 + 0.05) * total))
    assert (samples[0], samples[0] + samples[1]) == cuts and sum(images) == len(sizes)
    start = 0
    for count, number in zip(images, samples, strict=True):
        assert number <= sum(sizes[start : start + count])
        start += count
    assert sum(sizes) - total <= 40 or max(sizes) > 10 or len(sizes) < 20


def test_few_samples_stay_out_of_a_long_list() -> None:
    dice = random.Random(0)
    for _ in range(50):
        sizes = [dice.randint(1, 9) for _ in range(dice.randint(100, 2000))]
        found = kept(sizes)
        assert found is not None and sum(sizes) - sum(found.samples) <= 20


def test_an_image_stays_in_its_folder_when_the_list_grows() -> None:
    shares = Shares.of("train=.9,val=.05,test=.05")
    names = [shares.name_at(draws.place(0, f"{n}.jpg", "split")) for n in range(4000)]
    assert 3500 < names.count("train") < 3700 and 150 < names.count("val") < 250
    for wrong in ("train=.9", "train=2,val=-1", "train", "tr/ain=1"):
        with pytest.raises(UserError, match="split="):
            Shares.of(wrong)


def test_a_name_is_a_files_name_and_given_away_once() -> None:
    taken = Taken()
    assert [taken.of("a", "id"), taken.of("A", "id"), taken.of("a", "id")] == ["a", "A-id", "a-id-2"]
    for label in (" bed ", "a/b", "..", "ü" * 300, "a\nb\0", "\\"):
        name = clean(label)
        assert name and "/" not in name and not name.startswith(".") and len(name.encode()) <= 180


def test_depth_is_read_back_within_a_step_and_the_far_is_white() -> None:
    metres = np.array([[0.0, 0.001, 1.0, 7.333, 9.999, 10.0, 10.2, 300.0, np.nan]])
    for nearest, most in ((False, 0.040), (True, 0.020)):
        back = codings.metres_in(codings.greys(metres, 10.0, nearest), 10.0)
        assert np.abs(back - metres)[0, :6].max() <= most
        assert back[0, 6] == back[0, 7] == 10.0 and back[0, 8] == 0


def test_every_colour_is_told_from_all_others_after_jpeg() -> None:
    import io

    from PIL import Image

    for name, colour in codings.PALETTE.items():
        picture = Image.open(io.BytesIO(codings.plain(colour, (64, 48), "jpg")))
        assert codings.colour_in(picture) == name
