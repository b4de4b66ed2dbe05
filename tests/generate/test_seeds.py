"""Seeds are the same tomorrow, and each of their parts counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labelyard.generate.seeds import seed_of

WORDS = st.text(max_size=8)
NUMBERS = st.integers(-(2**70), 2**70)
PARTS = st.tuples(WORDS, WORDS, NUMBERS, NUMBERS)


def test_seeds_of_runs_planned_before_stay_what_they_are() -> None:
    assert seed_of("00f1d2c3b4a59687", "fill", 0, 0) == 8729395100245706953
    assert seed_of("00f1d2c3b4a59687", "fill", 1, 0) == 8251070633315757145


@given(PARTS, PARTS)
def test_whatever_differs_makes_another_seed(one: tuple[str, str, int, int], other: tuple[str, str, int, int]) -> None:
    assert (seed_of(*one) == seed_of(*other)) == (one == other)


@given(PARTS)
def test_a_seed_is_one_that_every_generator_takes(parts: tuple[str, str, int, int]) -> None:
    import random

    seed = seed_of(*parts)
    assert 0 <= seed < 2**63
    random.Random(seed)


def test_where_one_part_ends_and_the_next_begins_is_told() -> None:
    assert seed_of("ab", "c", 1, 2) != seed_of("a", "bc", 1, 2)
    assert seed_of("a", "b", 1, 12) != seed_of("a", "b", 11, 2)
