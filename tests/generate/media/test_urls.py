"""Images and videos that a list names by addresses: fetched where that was allowed, each failure its item's own."""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path

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


def kept_in(folder: Path) -> int:
    """Files that are open, and have no name any more."""
    gc.collect()
    there = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]
    return sum(os.readlink(path).startswith(f"{folder}/") for path in there if path.is_symlink())


def film(location: str) -> Item:
    return Item("i", 0, "", "", video=location)


def test_a_video_is_fetched_to_a_file_that_goes_with_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    allowed = Load(urls=True, max_bytes=50_000)
    with pictures_server() as server:
        at = server.address
        record = load(film(f"{at}/film.mp4"), None, allowed)
        assert record.facts["video"]["frames"] == 20 and not os.listdir(tmp_path)
        assert len(record.video.frames(3)) == len(record.video.frames(per_second=1.5)) == 3, "as often as wanted"
        assert kept_in(tmp_path) == 1
        look(film(f"{at}/film.mp4"), None, urls=True)
        assert server.asked["/film.mp4"] == 2
        del record
        assert kept_in(tmp_path) == 0
        for path, reason in {
            "half-film.mp4": r"not a video, or a damaged one: .*: http://127.0.0.1:\d+/half-film.mp4",
            "20.png": "not a video",
            "gone-404": "the server says 404",
        }.items():
            with pytest.raises(ItemError, match=reason):
                load(film(f"{at}/{path}"), None, allowed)
        with pytest.raises(ItemError, match=r"more than load\.max_bytes=500"):
            load(film(f"{at}/film.mp4"), None, Load(urls=True, max_bytes=500))
        with pytest.raises(ItemError, match=r"or let workers fetch: load\.urls=true"):
            load(film(f"{at}/film.mp4"), None, Load())
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
        with pytest.raises(PassingError, match=r"No such file or directory: .*gone, for what comes from http"):
            load(film(f"{at}/film.mp4"), None, allowed)
