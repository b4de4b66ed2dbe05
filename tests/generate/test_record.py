"""Items: their ids and their lines."""

from __future__ import annotations

import json

from hypothesis import assume, example, given
from hypothesis import strategies as st

from labelyard.generate.record import Item, item_id
from labelyard.utils.jsons import dump

ANY = st.text(alphabet=st.characters(), max_size=60)


@given(ANY, ANY)
def test_an_id_is_sixteen_hexadecimal_digits_and_depends_on_nothing_else(image: str, caption: str) -> None:
    found = item_id(image, caption)
    assert len(found) == 16 and int(found, 16) >= 0 and found == item_id(image, caption)


@given(ANY, ANY, ANY, ANY)
@example("a\0b", "c", "a", "b\0c")
@example("a", "b", "ab", "")
@example("e\u0301.jpg", "", "\u00e9.jpg", "")
@example("A.jpg", "", "a.jpg", "")
@example("x/a.jpg", "same", "y/a.jpg", "same")
def test_other_image_or_caption_is_another_id(image: str, caption: str, image2: str, caption2: str) -> None:
    assume((image, caption) != (image2, caption2))
    assert item_id(image, caption) != item_id(image2, caption2)


@given(ANY, st.text(alphabet=st.characters(), max_size=4000), st.dictionaries(ANY, ANY, max_size=3))
def test_an_item_survives_its_line_in_the_shard(image: str, caption: str, given_: dict[str, str]) -> None:
    item = Item(item_id(image, caption), 7, image, caption, given_)
    line = dump(item.to_json())
    assert line.count(b"\n") == 1
    assert Item.from_json(json.loads(line)) == item
    assert line[7:23].decode() == item.id, "ids are read off their fixed place"


def test_names_of_items_with_one_basename_differ() -> None:
    items = [Item(item_id(f"{n}/a.jpg", ""), n, f"{n}/a.jpg", "") for n in range(100)]
    assert len({item.name for item in items}) == 100
