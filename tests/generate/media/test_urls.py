"""Images that a list names by addresses: fetched where that was allowed, each failure its item's own."""

from __future__ import annotations

import socket

import pytest

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.media.load import Load, load, look
from labelyard.generate.record import Item
from tests.support.pictures_server import picture, pictures_server


def named(location: str) -> Item:
    return Item("i", 0, location, "")


def test_what_a_server_says_decides_whether_it_is_tried_again() -> None:
    allowed = Load(urls=True, max_bytes=5000)
    with pictures_server() as server:
        at = server.address
        assert load(named(f"{at}/20.png"), None, allowed).original_bytes == picture(20)
        assert load(named(f"{at}/elsewhere"), None, allowed).image.size == (21, 10)
        look(named(f"{at}/20.png"), None, urls=True)
        for path, reason in {
            "gone-404": "the server says 404 Not Found: http",
            "gone-403": "the server says 403",
            "page.jpg": "not an image",
            "files": "leads to ftp://127.0.0.1/x",
            "5000.png?x": "too large: more than load.max_bytes=20",
        }.items():
            most = 20 if "large" in reason else 5000
            with pytest.raises(ItemError, match=reason):
                load(named(f"{at}/{path}"), None, Load(urls=True, max_bytes=most))
        passing = {"cut.png": "after .* of 10000 bytes", "gone-500": "says 500", "gone-429": "says 429"}
        for path, reason in passing.items():
            with pytest.raises(PassingError, match=reason):
                load(named(f"{at}/{path}"), None, allowed)
        with pytest.raises(ItemError, match=r"or let workers fetch: load\.urls=true"):
            load(named(f"{at}/20.png"), None, Load())
        assert server.asked["/20.png"] == 2
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(PassingError, match="can't be reached"):
            load(named(f"http://127.0.0.1:{nobody.getsockname()[1]}/1.png"), None, allowed)
    with pytest.raises(ItemError, match="not an address"):
        load(named("http://[x/1.png"), None, allowed)
