"""What is made lies under the names that rows give it, in the format that they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from labelyard.generate.media.video import Limits, Part, look_through
from labelyard.launch.dataflow_gen.media import harmless, put
from tests.launch.dataflow_gen.support import FILM, FILMS, PAINT, lines, pictures, pipeline, run, write_rows


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a/b.png", "a/b.png"), ("/etc/passwd", "passwd"), ("../../x.png", "x.png"), ("a/../b.png", "b.png"),
        ("./a.png", "a.png"), ("..", ""), ("C:\\x\\y.jpg", "y.jpg"), ("", ""),
        (f"b/{'a' * 300}.png", f"b/{'a' * 176}.png"), (f"{'é' * 300}", "é" * 90), ("a/" * 1500 + "b.png", "b.png"),
        ("half \ud800.png", "half ?.png"), ("a\0b.png", "ab.png"),
    ],
)  # fmt: skip
def test_a_name_leads_nowhere_else(given: str, name: str) -> None:
    assert harmless(given) == name


def test_images_are_in_the_format_of_their_names(tmp_path: Path) -> None:
    names = ["a.jpg", "b.webp", "c.bmp", "d", "/somewhere/e.png", "a.jpg"]
    longest = ["e" * 300 + ".png", "e" * 301 + ".png"]
    rows = [*({"image": name, "text": "red"} for name in names), {"text": "no name"}]
    rows += [{"image": name, "text": "red"} for name in longest]
    write_rows(tmp_path / "list.jsonl", rows)
    assert run(pipeline(tmp_path, [PAINT])) == 0
    found = [Path(line["image"]) for line in lines(tmp_path / "out" / "result.jsonl")]
    folder = tmp_path / "out" / "generated"
    assert [path.relative_to(folder).as_posix() for path in found[:5]] == ["a.jpg", "b.webp", "c.png", "d.png", "e.png"]
    assert found[5].name.startswith("a-") and found[5].suffix == ".jpg", "the second of one name"
    assert found[6].name == "000000006.png"
    assert len({path.name for path in found[7:]}) == 2, "where they are cut to the same, too"
    for path in found:
        with Image.open(path) as image:
            assert image.format == {".jpg": "JPEG", ".webp": "WEBP", ".png": "PNG"}[path.suffix]
            red, green, _ = image.convert("RGB").getpixel((1, 1))
            assert abs(red - 200) < 6 and abs(green - 10) < 6


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    pictures(tmp_path, ["made.png"])
    made, linked, converted = tmp_path / "made.png", tmp_path / "x" / "a.png", tmp_path / "x" / "a.jpg"
    for _ in range(2):
        put(made, linked)
        put(made, converted)
        assert linked.stat().st_ino == made.stat().st_ino
        moment = converted.stat().st_ino
    assert converted.stat().st_ino == moment
    Image.new("RGB", (9, 9)).save(tmp_path / "other.png")
    (tmp_path / "other.png").replace(made)
    put(made, linked)
    with Image.open(linked) as image:
        assert image.size == (9, 9)
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["a.jpg", "a.png"]


def test_videos_begin_at_the_images_that_rows_name(tmp_path: Path) -> None:
    pictures(tmp_path, ["start.png"])
    rows = [{"text": "ab", "image_path": "start.png", "video": name} for name in ("a.mp4", "b.gif", "c.jpg")]
    write_rows(tmp_path / "list.jsonl", rows)
    config = pipeline(tmp_path, [FILM])
    with (tmp_path / "mine.py").open("a") as file:
        file.write(FILMS)
    assert run(config) == 0
    found = lines(tmp_path / "out" / "result.jsonl")
    assert [Path(line["video"]).name for line in found] == ["a.mp4", "b.gif", "c.mp4"]
    assert [line["image_path"] for line in found] == ["start.png"] * 3
    for line in found:
        video = look_through(Part(Path(line["video"])), Limits(10**6, 60), 60, "")
        assert (video.count, video.facts["width"], video.facts["height"]) == (4, 20, 10)
