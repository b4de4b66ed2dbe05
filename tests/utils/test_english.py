import pytest

from labelyard.utils.english import article, noun_phrase


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        ("bus", "a bus"),
        ("umbrella", "an umbrella"),
        ("orange", "an orange"),
        ("unicycle", "a unicycle"),
        ("uniform", "a uniform"),
        ("unidentified object", "an unidentified object"),
        ("used car", "a used car"),
        ("utensil", "a utensil"),
        ("urn", "an urn"),
        ("European", "a European"),
        ("one-way sign", "a one-way sign"),
        ("onion", "an onion"),
        ("hourglass", "an hourglass"),
        ("horse", "a horse"),
        ("SUV", "an SUV"),
        ("TV", "a TV"),
        ("X-ray", "an X-ray"),
        ("T-shirt", "a T-shirt"),
        ("8-ball", "an 8-ball"),
        ("11th floor", "an 11th floor"),
        ("1st prize", "a 1st prize"),
        ("wine glass", "a wine glass"),
        ("tennis", "a tennis"),
        ("lens", "a lens"),
        ("skis", "some skis"),
        ("scissors", "some scissors"),
        ("people", "some people"),
        ("green grass", "some green grass"),
        ("broccoli", "some broccoli"),
        ("pizza", "a pizza"),
    ],
)
def test_what_belongs_before_the_noun(words: str, phrase: str) -> None:
    assert noun_phrase(words) == phrase


def test_the_noun_may_stand_before_other_words() -> None:
    assert noun_phrase("skis against a wall", "skis") == "some skis against a wall"


def test_no_words_are_no_error() -> None:
    assert article("") == "a"
