"""What is shown beside the image: side images, clips, texts with their phrases, findings, asides."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.record import Aside, Clip, Instance, Phrase, Record, SideImage, Tag, Text
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import write
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.report.beside import Beside, first_frame
from labelyard.launch.report.build import build
from labelyard.launch.report.cards import card, detail
from labelyard.launch.report.own_media import OwnMedia
from labelyard.launch.report.pictures import pictures as of_record
from labelyard.launch.report.subject import Subject
from labelyard.utils import rle
from tests.conftest import crops
from tests.launch.made import HOSTILE, make_run
from tests.launch.report.test_view import data_of
from tests.support.browser import CHROMIUM, Browser, chromium

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the page is not tried in a browser")
SAID = "😀 a cat beside a cup and a person"  # the first character is two halves for JavaScript
PHRASES = [
    {"start": 2, "end": 7, "annos": [0]},
    {"start": 2, "end": 20, "annos": [0, 1]},
    {"start": 15, "end": 20, "annos": [1]},
    {"start": 25, "end": 99, "annos": [77]},
]


def film(path: Path, colours: list[tuple[int, int, int]]) -> Path:
    import cv2

    code = cv2.VideoWriter.fourcc(*("VP80" if path.suffix == ".webm" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, 5, (64, 48))
    assert writer.isOpened()
    for red, green, blue in colours:
        writer.write(np.full((48, 64, 3), (blue, green, red), np.uint8))
    writer.release()
    return path


def give(run: RunFolder, **more: Any) -> dict[str, Any]:
    """Every record with three instances gets these keys; its JSON as it is then."""
    changed: dict[str, Any] = {}
    for path in sorted(run.path.glob("records/*/*.json")):
        record = json.loads(path.read_text())
        if record["data_id"] % 4 == 3:
            changed = {**record, "schema": "labelyard/2", **more}
            path.write_text(json.dumps({key: value for key, value in changed.items() if value is not None}) + "\n")
    return changed


@pytest.fixture(scope="module")
def pictures(photos: dict[str, Image.Image]) -> list[Image.Image]:
    return [picture.convert("RGB") for picture in crops(photos, 6, 160)]


@pytest.fixture(scope="module")
def run(pictures: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """8 records; on the fourth and the last: 31 side images, four clips, texts, findings, asides."""
    place = tmp_path_factory.mktemp("beside")
    run = make_run(place / "run", pictures, 8, 8)
    clips = run.path / "clips" / "walk" / "00000"
    clips.mkdir(parents=True)
    film(clips / "a.webm", [(200, 30, 20)] * 6 + [(20, 30, 200)] * 6)
    film(place / "given.mp4", [(10, 200, 30)] * 4)
    (place / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and nothing else")
    inside = place / "all.tar"
    inside.write_bytes(b"x" * 512 + (place / "given.mp4").read_bytes())
    pictures[0].save(place / "seen.jpg")
    images: dict[str, Any] = {}
    for number in range(31):
        target = run.path / "images" / f"made{number:02d}" / "00000" / "a.png"
        target.parent.mkdir(parents=True)
        Image.new("RGB", (700, 500), (number * 8, 120, 90)).save(target)
        images[f"made{number:02d}"] = {"path": target.relative_to(run.path).as_posix(), "width": 700, "height": 500}
    images["given"] = {"file": str(place / "seen.jpg")}
    one = {"box": [16.0, 8.0, 80.0, 64.0], "score": 0.25, "label": HOSTILE, "text_embedding_before": "A" * 4096}
    mask = np.zeros((600, 960), bool)  # of the photo as it was read, of which the record has a quarter
    mask[100:400, 200:600] = True
    masked = {**one, "mask": rle.encode(mask)}
    give(
        run,
        images=images,
        clips={
            "walk": {"path": "clips/walk/00000/a.webm", "fps": 5},
            "given": {"file": str(place / "given.mp4")},
            "broken": {"file": str(place / "broken.mp4")},
            "inside": {"file": str(inside), "offset": 512, "bytes": (place / "given.mp4").stat().st_size},
        },
        texts={
            "llava": {"text": SAID, "source": "model", "phrases": PHRASES, "tokens": 12},
            HOSTILE: {"text": HOSTILE, "source": "given", "phrases": [{"start": 0, "end": 30, "annos": [0]}]},
        },
        found={"landmark": {"name": HOSTILE, "sure": True}},
        aside={
            "boxes1": {"tags": [{"name": HOSTILE, "score": 0.5}], "instances": [masked, {**one, "label": "cup"}]},
            "words": {"texts": {"plain": {"text": "only words", "source": "template"}}},
        },
    )
    build(Subject.open(run.path), 8, 0)
    return run


def test_first_frames_are_those_of_the_clips_wherever_they_lie(run: RunFolder, tmp_path: Path) -> None:
    (card,) = [card for card in data_of(run, "cards")["records"] if card["at"] == 3]
    clips = {name: (file, place) for name, file, place in card["clips"]}
    assert list(clips) == ["walk", "given", "broken", "inside"]
    assert clips["walk"][1] == "../clips/walk/00000/a.webm" and clips["given"][1].startswith("file:///")
    assert clips["broken"][0] == "" and clips["inside"][1] == ""
    (report,) = (run.path / "report").glob("report-*")
    for name, expected in (("walk", (200, 30, 20)), ("given", (10, 200, 30)), ("inside", (10, 200, 30))):
        with Image.open(report / clips[name][0]) as frame:
            seen = frame.convert("RGB").getpixel((30, 20))
        assert isinstance(seen, tuple) and max(abs(a - b) for a, b in zip(seen, expected, strict=True)) < 25, name
    Image.new("P", (20, 10)).save(tmp_path / "x.gif")
    frame = first_frame(tmp_path / "x.gif")
    assert frame is not None and frame.size == (20, 10)


def test_of_many_side_images_all_are_there_and_each_is_small(run: RunFolder) -> None:
    (card,) = [card for card in data_of(run, "cards")["records"] if card["at"] == 3]
    assert [name for name, _ in card["sides"]] == [f"made{n:02d}" for n in range(31)] + ["given"]
    (report,) = (run.path / "report").glob("report-*")
    with Image.open(report / card["sides"][0][1]) as image:
        assert image.size == (512, 366)
    assert "clips" not in data_of(run, "cards")["records"][0] and data_of(run, "cards")["records"][0]["own"] == []


def test_of_a_pair_in_one_picture_the_half_is_shown(tmp_path: Path) -> None:
    pair = Image.new("RGB", (26, 14), "white")
    pair.paste((255, 0, 0), (14, 2, 24, 12))
    pair.save(tmp_path / "pair.png")
    place = {"file": "pair.png", "offset": 0, "bytes": (tmp_path / "pair.png").stat().st_size, "part": "right"}
    shown = Beside(tmp_path, str(tmp_path)).images({"ref": place}, "0" * 16)["ref"]
    assert shown.size == (10, 10) and shown.getcolors() == [(100, (255, 0, 0))]


def test_what_is_added_to_a_depth_s_numbers_is_no_place_in_a_file(tmp_path: Path) -> None:
    Image.new("I;16", (6, 4)).save(tmp_path / "depth.png")
    entries = {
        "made": {"path": "depth.png", "scale": 0.5, "offset": 0.25},
        "given": {"file": "depth.png", "offset": 1.5},
    }
    assert list(Beside(tmp_path, str(tmp_path)).images(entries, "0" * 16)) == ["made", "given"]


def test_what_lies_outside_of_the_run_is_no_file_of_the_run(run: RunFolder, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    beside = Beside(run.path, None)
    outside = os.path.relpath(tmp_path / "secret.png", run.path)
    assert beside.images({"a": {"path": outside}}, "0") == {}
    assert beside.clips({"a": {"path": outside}}, "0") == {"a": ("", None)}
    assert list(beside.images({"a": {"file": str(tmp_path / "secret.png")}, "b": {}}, "0")) == ["a"]


def test_embeddings_aside_are_not_shown_to_eyes(run: RunFolder) -> None:
    (card,) = [card for card in data_of(run, "cards")["records"] if card["at"] == 3]
    one = data_of(run, f"detail/{card['id']}")["aside"]["boxes1"]["instances"][0]
    assert one["text_embedding_before"] == "(4096 characters of base64)" and one["box"] == [16.0, 8.0, 80.0, 64.0]


def test_a_key_of_an_older_record_is_the_user_s(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 4, 4)
    give(run, schema="labelyard/1", texts={"a": "mine"}, found={"b": 1}, aside={"c": 3}, clips={"d": "x"})
    assert build(Subject.open(run.path), 4, 0).unreadable == []
    card = data_of(run, "cards")["records"][3]
    assert card["own"] == [] and "texts" not in card and "clips" not in card
    give(run, texts="mine", found=["a"], aside=3, clips="x")  # somebody was at it: what is none of ours is not shown
    assert build(Subject.open(run.path), 4, 0).unreadable == []
    assert data_of(run, "cards")["records"][3]["own"] == []


def test_records_without_an_image_have_a_card(pictures: list[Image.Image], tmp_path: Path) -> None:
    """One of text alone, and one whose image lies elsewhere: read from there, or left out if it is gone."""
    run = make_run(tmp_path / "run", pictures, 8, 8)
    for path in sorted(run.path.glob("records/*/*.json")):
        record = json.loads(path.read_text())
        own = {"schema": "labelyard/2", "texts": {"a": {"text": "<b>words</b>", "source": "given"}}, "caption": ""}
        gone = ("image", "images") if record["data_id"] else ("image", "images", "width", "height", "original")
        record = {key: value for key, value in {**record, **own}.items() if key not in gone}
        path.write_text(json.dumps(record) + "\n")
    report = build(Subject.open(run.path), 8, 0)
    assert report.unreadable == [] and report.records == 8
    first, second, *_ = data_of(run, "cards")["records"]
    assert first["texts"] == ["<b>words</b>"] and "thumb" not in first and first["size"] == [4, 3]
    assert "thumb" not in second and second["size"] == list(pictures[1].size)
    shard = run.shard(0).read_bytes()
    run.shard(0).write_bytes(shard.replace(b"/pictures/", os.fsencode(tmp_path) + b"/"))
    pictures[1].save(tmp_path / "0001.jpg")
    build(Subject.open(run.path), 8, 0)
    again = data_of(run, "cards")["records"]
    assert ["thumb" in card for card in again[:3]] == [False, True, False] and again[1]["full"].endswith(".jpg")


def test_of_an_item_that_is_a_video_the_video_is_shown(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 4, 4, sides=False)
    film(tmp_path / "v.mp4", [(10, 200, 30)] * 4)
    lines = [json.loads(line) for line in run.shard(0).read_bytes().splitlines()]
    lines[0] |= {"image": "", "video": str(tmp_path / "v.mp4")}
    run.shard(0).write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    (path,) = run.path.glob("records/*/*0000-*.json")
    record = json.loads(path.read_text())
    kept = {key: value for key, value in record.items() if key not in ("image", "width", "height", "original")}
    path.write_text(json.dumps({**kept, "schema": "labelyard/2"}) + "\n")
    assert build(Subject.open(run.path), 4, 0).unreadable == []
    card = data_of(run, "cards")["records"][0]
    ((name, frame, place),) = card["clips"]
    assert (name, place) == ("video", (tmp_path / "v.mp4").resolve().as_uri()) and frame
    assert card["size"] == [64, 48] and "thumb" in card


def test_what_a_worker_writes_is_what_is_shown(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 4, 4, sides=False)
    item = next(iter(run.items(0)))
    record = Record(item, Image.new("RGB", (300, 200)), None, {"format": "JPEG"}, item.caption)
    record.instances = [Instance((10, 10, 100, 90), 0.5, "cat"), Instance((50, 10, 200, 90), 0.6, "cup")]
    pictures[0].save(tmp_path / "given.jpg")
    given = SideImage(place={"file": str(tmp_path / "given.jpg")}, reader=bytes)
    record.images = {"given": given, "photo": SideImage(pictures[1], ending="jpg")}
    record.clips = {"made": Clip(path=film(tmp_path / "made.mp4", [(1, 200, 2)] * 3), meta={"fps": 5})}
    record.texts = {"llava": Text("a cat", "model", (Phrase(2, 5, (0,)),), {"tokens": 1})}
    record.found = {"landmark": {"sure": True}}
    dog = Instance((30, 20, 90, 60), 0.5, "dog", rle.encode(np.tri(200, 300, 10, dtype=bool)))
    record.aside = {"boxes1": Aside([Tag("x", 0.5)], [dog], None)}
    outcome = write(run, 0, record, Write(short_side=100), {})
    body = json.loads((run.records_of(0) / outcome.facts["file"]).read_text())
    made = of_record(body, Beside(run.path, None), OwnMedia())
    shown = card(body, made.entry)
    assert shown["size"] == [150, 100] and shown["original"] == [300, 200] and shown["texts"] == ["a cat"]
    (dog_shown,), (dog_written,) = (each["aside"]["boxes1"].pop("instances") for each in (detail(body), body))
    assert shown["own"] == ["texts", "found", "aside"] and dog_written["mask"]["size"] == [200, 300]
    assert dog_shown == {**dog_written, "mask": rle.resize(dog_written["mask"], 150, 100)}
    assert [name for name, file in shown["sides"] if file in made.files] == ["given", "photo"]
    assert [(name, place) for name, file, place in shown["clips"] if file in made.files] == [
        ("made", f"../{body['clips']['made']['path']}")
    ]


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        opened.size(1300, 850)
        yield opened


@pytest.fixture
def page(run: RunFolder, browser: Browser) -> Iterator[Browser]:
    (card,) = [card for card in data_of(run, "cards")["records"] if card["at"] == 3]
    browser.errors.clear()
    browser.open(run.path / "report" / "index.html", f"#{card['id']}")
    browser.until("document.querySelectorAll('#texts mark').length > 0")
    yield browser
    assert browser.errors == []


@needs_chromium
def test_phrases_have_the_colours_of_their_instances_and_light_them(page: Browser) -> None:
    marks = page.js(
        "[...document.querySelectorAll('#texts p:first-of-type mark')]"
        ".map((mark) => [mark.textContent, mark.style.getPropertyValue('--phrase'), mark.title])"
    )
    assert [text for text, _, _ in marks] == ["a cat", " beside ", "a cup", "a person"]
    first, second = page.js("[0, 1].map((n) => gallery.colour(gallery.neighbours().find((r) => r.at === 3), n))")
    (_, one, title), (_, both, titles), (_, other, _), (_, nobody, _) = marks
    assert first in one and second not in one and title == "instance 1"
    assert first in both and second in both and titles == "instance 1, instance 2"
    assert second in other and first not in other and nobody == "", "no such instance: marked, and of no colour"
    assert page.js("document.querySelector('#texts p').textContent") == SAID
    page.js("document.querySelector('#texts mark').dispatchEvent(new Event('mouseenter'))")
    opacities = page.js("[...document.querySelectorAll('#overlay .named')].map((g) => g.getAttribute('opacity'))")
    assert opacities == ["1", "0.25", "0.25"]
    page.js("document.querySelector('#texts mark').dispatchEvent(new Event('mouseleave'))")
    assert "tokens 12" in page.js("document.querySelector('#texts').textContent")


@needs_chromium
def test_what_comes_from_a_list_or_a_model_is_text_here_too(page: Browser) -> None:
    page.js("for (const d of document.querySelectorAll('#asides details, #findings details')) d.open = true")
    page.until("document.querySelectorAll('#asides li').length === 2 && document.querySelector('#findings pre')")
    page.click("#asides input[data-aside=boxes1]")
    page.until("document.querySelectorAll('.of-aside').length === 2")
    texts = page.js(
        "['#texts h3:nth-of-type(2) span', '#texts p:last-of-type', '#asides .chip span', '#asides li',"
        "'.of-aside text']"
        ".map((s) => document.querySelector(s).textContent)"
    )
    assert all(HOSTILE in text for text in texts), texts
    assert page.js("JSON.parse(document.querySelector('#findings pre').textContent).name") == HOSTILE
    assert page.js("document.querySelectorAll('img[src=x], #record script').length") == 0
    assert page.js("document.title").endswith("Labelyard")
    page.click("#asides input[data-aside=boxes1]")


@needs_chromium
def test_boxes_and_masks_aside_lie_where_they_were_found_and_go_off_and_on(page: Browser) -> None:
    assert page.js("document.querySelectorAll('.of-aside').length") == 0
    page.click("#asides input[data-aside=boxes1]")
    box = page.until(
        "(() => { const e = document.querySelector('.of-aside rect');"
        "return e && ['x', 'y', 'width', 'height'].map((name) => Number(e.getAttribute(name))); })()"
    )
    assert box == [16, 8, 64, 56]
    width, height = page.js("[document.querySelector('#canvas').width, document.querySelector('#canvas').height]")
    inside, outside = (
        page.js(f"[...document.querySelector('#canvas').getContext('2d').getImageData({x}, {y}, 1, 1).data]")
        for x, y in ((width * 580 // 960, height * 380 // 600), (width * 940 // 960, height * 580 // 600))
    )
    colour = page.js("gallery.colour(gallery.neighbours().find((r) => r.at === 3), 0)")
    seen = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    assert max(abs(a - b) for a, b in zip(inside[:3], seen, strict=True)) <= 2 and inside[3] > 0 == outside[3]
    page.click("#asides input[data-aside=boxes1]")
    page.until("document.querySelectorAll('.of-aside').length === 0")


@needs_chromium
def test_thirty_one_side_images_leave_the_image_its_room(page: Browser) -> None:
    assert page.js("document.querySelectorAll('#sides .side').length") == 1 + 32 + 4
    stage, strip = page.js(
        "['#stage', '#sides'].map((s) => { const r = document.querySelector(s).getBoundingClientRect();"
        "return [r.width, r.height, r.bottom, r.right]; })"
    )
    assert stage[1] > 400 and strip[1] < 110 and strip[2] <= 850, "one line of them, in the window"
    for _ in range(32):
        page.key("]")
    assert page.js("document.querySelector('#sides [aria-pressed=true]').title") == "given"
    page.until("document.querySelector('#photo').complete && document.querySelector('#photo').src.includes('given')")
    left, right = page.js(
        "(() => { const r = document.querySelector('#sides [aria-pressed=true]').getBoundingClientRect();"
        "return [r.left, r.right]; })()"
    )
    assert left >= 0 and right <= strip[3] + 2, "the strip has moved along"
    try:
        page.size(360, 700)
        assert page.js("document.querySelector('#record').scrollWidth") <= 360, "nothing sticks out"
    finally:
        page.size(1300, 850)


@needs_chromium
def test_a_clip_plays_from_its_place_and_one_that_can_t_be_played_says_so(page: Browser) -> None:
    assert page.js("document.querySelector('#clip').hidden")
    page.click("#sides .side[title=walk]")
    page.until("document.querySelector('#clip').currentTime > 0")
    assert page.js("document.querySelector('#clip').videoWidth") == 64
    assert page.js("document.querySelector('#clip').src").endswith("/run/clips/walk/00000/a.webm")
    for name in ("broken", "inside"):
        page.click(f"#sides .side[title={name}]")
        page.until(f"document.querySelector('#trouble').textContent.startsWith('{name}: this browser')")
        assert page.js("document.querySelector('#clip').hidden && !document.querySelector('#trouble').hidden")
    page.click("#sides .side[title=image]")
    assert page.js("document.querySelector('#clip').hidden && document.querySelector('#trouble').hidden")
    page.errors[:] = [error for error in page.errors if "broken.mp4" not in error]
