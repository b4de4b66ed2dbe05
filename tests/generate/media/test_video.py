"""Videos: which frames are shown, and why one is none."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError, ItemError, PassingError
from labelyard.generate.media.load import Load, load, look
from labelyard.generate.media.video import Part, Video, spread
from labelyard.generate.record import Item, Record
from tests.support.videos import sound, video, without_frames


def loaded(path: Path, options: Load | None = None, place: dict[str, Any] | None = None) -> Record:
    item = Item("0" * 16, 0, "", "a film", place=place, video=path.name)
    return load(item, str(path.parent), options or Load())


def put(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def numbers(frames: list[Image.Image]) -> list[int]:
    """Which frames they are, by their grey."""
    return [round((frame.convert("L").getpixel((frame.width - 4, frame.height - 4)) - 20) / 10) for frame in frames]  # type: ignore[operator]


@pytest.mark.parametrize("ending", ["mp4", "webm"])
def test_frames_by_number_and_by_time(ending: str, tmp_path: Path) -> None:
    record = loaded(put(tmp_path, f"a.{ending}", video(ending)))
    film = record.video
    assert not record.has_image and film.count == 20
    assert numbers(film.frames(5)) == [0, 4, 9, 14, 19]
    assert numbers(film.frames(1)) == [0] and len(film.frames(100)) == 20
    assert numbers(film.frames(per_second=2)) == [0, 5, 10, 15]
    assert numbers(film.frames(per_second=10, most=4)) == [0, 5, 10, 15]
    facts = record.facts["video"]
    assert (facts["width"], facts["height"], facts["frames"], facts["seconds"]) == (64, 48, 20, 2.0)
    assert film.frames(1)[0].size == (64, 48) and "rotation" not in facts


def test_frames_of_a_gif(tmp_path: Path) -> None:
    """Its 256 colours do not hold every grey."""
    record = loaded(put(tmp_path, "a.gif", video("gif")))
    shown = numbers(record.video.frames(4))
    assert shown == sorted(shown) and len({*shown}) == 4 and record.facts["video"]["frames"] == 20
    assert len(record.video.frames(per_second=2)) == 4


def test_numbers_are_spread_from_the_first_to_the_last() -> None:
    assert spread(10, 4) == [0, 3, 6, 9] and spread(3, 8) == [0, 1, 2] and spread(1, 4) == [0]


def test_a_film_that_was_taken_upright_is_shown_upright(tmp_path: Path) -> None:
    plain = loaded(put(tmp_path, "a.mp4", video())).video.frames(1)[0]
    record = loaded(put(tmp_path, "b.mp4", video(quarter_turn=True)))
    (frame,) = record.video.frames(1)
    assert frame.size == (48, 64) == (record.facts["video"]["width"], record.facts["video"]["height"])
    assert frame.tobytes() == plain.transpose(Image.Transpose.ROTATE_270).tobytes()  # with the clock
    assert frame.convert("L").getpixel((44, 4)) == pytest.approx(255, abs=4)


def test_a_video_inside_a_larger_file(tmp_path: Path) -> None:
    data = video()
    put(tmp_path, "all.tar", b"x" * 1000 + data + b"y" * 500)
    place: dict[str, Any] = {"video": {"file": "all.tar", "offset": 1000, "bytes": len(data)}}
    record = loaded(tmp_path / "all.tar#a.mp4", place=place)
    assert numbers(record.video.frames(3)) == [0, 9, 19]
    with pytest.raises(ItemError, match="too large"):
        loaded(tmp_path / "all.tar#a.mp4", Load(max_bytes=100), place)


def reason(path: Path, options: Load | None = None) -> str:
    with pytest.raises(ItemError) as told:
        loaded(path, options)
    assert told.value.item_id == "0" * 16
    return told.value.reason


def test_what_is_no_video_says_why(tmp_path: Path) -> None:
    whole = {ending: video(ending) for ending in ("mp4", "webm")}
    for ending, size in (("mp4", len(whole["mp4"]) - 300), ("webm", len(whole["webm"]) * 4 // 5)):
        assert "cut off" in reason(put(tmp_path, f"cut.{ending}", whole[ending][:size]))
    said = "not a video, or a damaged one"
    assert said in reason(put(tmp_path, "half.mp4", whole["mp4"][: len(whole["mp4"]) // 2]))
    assert "no video in it" in reason(put(tmp_path, "head.mp4", whole["mp4"][:100]))
    assert said in reason(put(tmp_path, "nothing.mp4", b""))
    assert said in reason(put(tmp_path, "words.mp4", b"<html>not found</html>" * 100))
    assert "no frame" in (told := reason(put(tmp_path, "frameless.mp4", without_frames()))) or "no video" in told
    assert "no video in it" in reason(put(tmp_path, "sound.mp4", sound()))
    assert "no such file" in reason(tmp_path / "gone.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert "a folder, not a file" in reason(tmp_path / "folder.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "a pipe or device" in reason(tmp_path / "pipe.mp4")
    playlist = put(tmp_path, "list.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    assert said in reason(playlist)


def test_limits_hold(tmp_path: Path) -> None:
    path = put(tmp_path, "a.mp4", video())
    assert "too large: frames of 64x48, more than load.max_pixels=1000" in reason(path, Load(max_pixels=1000))
    assert "more than load.max_bytes=500" in reason(path, Load(max_bytes=500))
    assert "too long: 2 s, more than load.max_seconds=1.5" in reason(path, Load(max_seconds=1.5))


def test_a_video_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = put(tmp_path, "a.mp4", video())
    film = Video(Part(path), "0" * 16, 20, {"seconds": 2.0}, patience=0.05)
    never = threading.Event()
    monkeypatch.setattr(os, "pread", lambda *_: never.wait())
    with pytest.raises(PassingError, match=r"no answer within 0.05 s: .*a.mp4"):
        film.frames(2)
    never.set()


def test_a_missing_package_is_told_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = put(tmp_path, "a.mp4", video())
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FatalError, match=r"videos need the package av. Try: pip install -e '.\[video\]'"):
        loaded(path)


def test_whether_a_video_can_still_be_read(tmp_path: Path) -> None:
    path = put(tmp_path, "a.mp4", video())
    item = Item("0" * 16, 0, "", "", video="a.mp4")
    look(item, str(tmp_path))
    look(Item("0" * 16, 0, "", "a text"), str(tmp_path))
    path.unlink()
    with pytest.raises(ItemError, match="no such file"):
        look(item, str(tmp_path))


def test_whoever_asks_for_a_video_that_is_not_there_is_told() -> None:
    record = Record(Item("0" * 16, 0, "", "a text"))
    assert not record.has_video
    with pytest.raises(ItemError, match=r"has no video.* 'video' in `reads`"):
        _ = record.video
