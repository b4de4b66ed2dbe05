"""Items: their ids and their lines. Records, and the images beside their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Clip, Item, Record, SideImage, item_id
from labelyard.utils.images import UnreadableImage, encode_png
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


def test_an_item_without_an_image_survives_its_line_and_has_a_name() -> None:
    text, video = Item("0" * 16, 0, "", "a text"), Item("1" * 16, 1, "", "", video="clips/a b.mp4")
    for item in (text, video):
        assert Item.from_json(json.loads(dump(item.to_json()))) == item
    assert (text.name, video.name) == (f"text-{text.id}", f"a_b-{video.id}")


def test_whoever_asks_for_an_image_that_is_not_there_is_told_of_which_item() -> None:
    record = Record(Item("0" * 16, 0, "", "a text"))
    assert not record.has_image and "text-0000" in repr(record)
    with pytest.raises(ItemError, match=r"text-0000000000000000 has no image.* 'image' in `reads`") as told:
        _ = record.width
    assert told.value.item_id == "0" * 16
    record.image = Image.new("RGB", (3, 2))
    assert record.has_image and (record.width, record.height) == (3, 2)


def test_a_side_image_is_the_same_before_and_after_it_is_encoded() -> None:
    noise = Image.effect_noise((40, 30), 90)
    for ending in ("png", "jpg"):
        made = SideImage(noise, {"low": 1}, ending=ending)
        before, data = made.image.tobytes(), made.encoded()
        made.encode()
        assert (made.image.tobytes(), made.encoded(), made.size) == (before, data, (40, 30))
        assert (before == noise.tobytes()) == (ending == "png")
    given = SideImage(data=data, ending="jpg")
    assert given.image.tobytes() == before and given.encoded() is data


def test_a_side_image_that_lies_somewhere_is_read_when_it_is_asked_for() -> None:
    calls = []

    def read() -> bytes:
        calls.append(1)
        return encode_png(Image.new("I;16", (4, 4), 40_000))

    given = SideImage(place={"file": "a.tar", "offset": 7, "bytes": 9}, reader=read)
    assert not calls and "a.tar" in repr(given)
    assert given.image.getpixel((0, 0)) == 40_000 and calls == [1]
    with pytest.raises(UnreadableImage, match="an HTML page"):
        _ = SideImage(data=b"<html>").image


@pytest.mark.parametrize("arguments", [{}, {"data": b"", "reader": bytes}, {"data": b"", "ending": "gif"}])
def test_a_side_image_is_one_thing(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        SideImage(**arguments)
    with pytest.raises(TypeError):
        Clip(data=arguments.get("data"), path=Path("a.mp4") if arguments else None)
