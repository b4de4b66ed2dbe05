"""The report: what it holds, and the page in a real browser."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.report import sample as sampling
from labelyard.launch.report.build import STATIC, build
from labelyard.launch.report.subject import Subject
from tests.conftest import call, crops
from tests.launch.made import HOSTILE, ODD, make_run
from tests.support.browser import CHROMIUM, Browser, chromium

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="NO CHROMIUM: the page is not tried in a browser. apt-get install chromium"
)


@pytest.fixture(scope="module")
def pictures(photos: dict[str, Image.Image]) -> list[Image.Image]:
    return [picture.convert("RGB") for picture in crops(photos, 12, 160)]


@pytest.fixture(scope="module")
def run(pictures: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """24 items: 5 and 6 quarantined, the last one pending, hostile captions on 1 and 7."""
    folder = tmp_path_factory.mktemp("view") / "run"
    captions = {1: HOSTILE, 7: ODD}
    made = make_run(folder, pictures, 24, 8, failing=(5, 6), captions=captions, open_shards=1)
    done = call("view", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("21 of 21 records, 2 quarantined items: ")
    return made


def data_of(run: RunFolder, name: str) -> dict[str, Any]:
    """What the page is told, as the page reads it."""
    text = next((run.path / "report").glob(f"report-*/{name}.js")).read_text(encoding="ascii")
    found = re.fullmatch(r'labelyard\.put\("(?:[^"\\]|\\.)*", (".*")\);\n', text)
    assert found is not None
    data: dict[str, Any] = json.loads(json.loads(found[1]))
    return data


def report_folder(run: RunFolder) -> Path:
    (found,) = (run.path / "report").glob("report-*")
    return found


def test_every_card_has_its_pictures_and_says_what_was_found(run: RunFolder) -> None:
    cards = data_of(run, "cards")["records"]
    assert [card["at"] for card in cards] == [n for n in range(23) if n not in (5, 6)]
    for card in cards:
        record = json.loads((run.path / "report" / unquote(card["path"])).read_text())
        assert card["id"] == record["id"] and card["caption"] == record["caption"]
        real = [anno for anno in record["annos"] if not anno.get("pad")]
        assert len(card["found"]) == card["at"] % 4 == len(real)
        assert [found[2] for found in card["found"]] == [anno["bbox"] for anno in real]
        assert ("masks" in card) == bool(real)
        assert [name for name, _ in card["sides"]] == ["edges", "depth"]
        for file in [card["thumb"], card["full"], *(file for _, file in card["sides"])]:
            with Image.open(report_folder(run) / file) as image:
                image.load()


def test_masks_lie_where_the_instances_are(run: RunFolder) -> None:
    card = next(card for card in data_of(run, "cards")["records"] if len(card["found"]) == 1)
    with Image.open(report_folder(run) / card["masks"]) as image:
        alpha = image.convert("RGBA").getchannel("A")
    scale = image.width / card["size"][0]
    x, y, width, height = (side * scale for side in card["found"][0][2])
    left, top, right, bottom = alpha.point(lambda value: 255 if value else 0).getbbox() or (0, 0, 0, 0)
    for seen, told in ((left, x), (top, y), (right, x + width), (bottom, y + height)):
        assert abs(seen - told) <= 2


def test_deep_side_images_are_stretched_to_be_seen(run: RunFolder) -> None:
    card = data_of(run, "cards")["records"][0]
    with Image.open(report_folder(run) / dict(card["sides"])["depth"]) as image:
        low, high = image.convert("L").getextrema()
    assert low < 20 and high > 235


def test_the_detail_is_the_record_without_what_is_heavy(run: RunFolder) -> None:
    card = next(card for card in data_of(run, "cards")["records"] if card["at"] == 3)
    detail = data_of(run, f"detail/{card['id']}")
    assert re.fullmatch(r"\(\d+ characters of base64\)", detail["image"])
    assert detail["annos"][0]["text_embedding_before"] == "(4096 characters of base64)"
    assert detail["annos"][0]["mask"]["size"] == [card["size"][1], card["size"][0]]


def test_quarantined_items_are_listed_with_their_reasons(run: RunFolder) -> None:
    listed = data_of(run, "quarantined")
    assert [(item["image"], item["step"], item["kind"]) for item in listed["items"]] == [
        ("/pictures/0005.jpg", "load", "load: no such file"),
        ("/pictures/0006.jpg", "load", "load: no such file"),
    ]
    assert listed["reasons"] == [["load: no such file", 2]] and listed["total"] == 2


def test_plots_are_on_the_page_and_beside_it(run: RunFolder) -> None:
    page = (run.path / "report" / "index.html").read_text()
    names = {path.stem for path in (run.path / "report" / "plots").glob("*.png")}
    assert names == set(re.findall(r'href="plots/(\w+)\.png"', page))
    dataset = {"instances_per_image", "labels", "label_tail", "scores", "mask_areas", "image_captions"}
    dataset |= {"agreement", "agreement_2"}
    dataset |= {"instance_captions", "image_sizes"}
    assert names == dataset | {"rate", "workers", "steps", "failures"}
    assert page.count("<svg class=") == len(names)
    for path in (run.path / "report" / "plots").glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert image.width > 500 and len(image.convert("RGB").getcolors(1 << 20) or []) > 3
    assert "ground: 60.0 %, 12 s" in page and "<title>load: no such file: 2</title>" in page


def test_the_page_is_small_and_asks_for_nothing_else(run: RunFolder) -> None:
    assert sum(path.stat().st_size for path in STATIC.iterdir()) <= 150_000
    for path in (run.path / "report").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"https?:|//", text.replace("</", "")), path
        assert "onerror" not in text and "pwned" not in text
    for path in STATIC.iterdir():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text()), path
        # The one address is SVG's name for itself.
        assert set(re.findall(r"https?://[^\"' ]+", path.read_text())) <= {"http://www.w3.org/2000/svg"}


def test_a_sample_opens_no_other_record(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 60, 5)
    first, again, other = (sampling.sample(run, 7, seed) for seed in (1, 1, 2))
    assert first == again != other and first.done == 60 and len(first.chosen) == 7
    kept = {one.path for one in first.chosen}
    shards = {one.shard for one in first.chosen}
    for path in run.path.glob("records/*/*.json"):
        if path not in kept:
            path.unlink()
    for path in run.done.iterdir():
        if int(path.stem) not in shards:
            path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + b"not read\n")
    report = build(Subject.open(run.path), 7, 1)
    assert (report.records, report.done, report.unreadable) == (7, 60, [])
    assert "7 records picked at random of 60" in report.index.read_text()


def test_all_records_are_drawn_alike(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 20, 6, failing=(3,), open_shards=1)
    drawn = Counter(one.path for seed in range(300) for one in sampling.sample(run, 4, seed).chosen)
    assert set(drawn) == set(run.path.glob("records/*/*.json")) and len(drawn) == 18
    assert 30 < min(drawn.values()) <= max(drawn.values()) < 105, "67 on average; the seeds are fixed"


def test_a_new_report_takes_the_place_of_the_old(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 8, 8)
    place = run.path / "report"
    build(Subject.open(run.path), 8, 0)
    (old,) = place.glob("report-*")
    left = place / f".report-20200101T000000-1.~{os.uname().nodename[:40]}~999999999~00.tmp"
    left.mkdir()
    old.rename(place / "report-20200101T000000-1")
    torn, damaged, *_ = sorted(run.path.glob("records/*/*.json"))
    torn.write_bytes(torn.read_bytes()[:100])
    record = json.loads(damaged.read_text())
    damaged.write_text(json.dumps({**record, "image": record["image"][:400]}))
    report = build(Subject.open(run.path), 8, 0)
    assert set(report.unreadable) == {torn, damaged} and report.records == 6
    (new,) = place.glob("report-*")
    assert f'src="{new.name}/cards.js"' in report.index.read_text()
    assert sorted(path.name for path in place.iterdir()) == ["index.html", "plots", "quarantine.html", new.name]


def test_after_a_retry(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 16, 8, failing=(3, 12))
    assert call("retry", run.path, "--reason", "0012.jpg").returncode == 0
    report = build(Subject.open(run.path), 20, 0)
    assert (report.records, report.quarantined) == (14, 1)
    assert [item["image"] for item in data_of(run, "quarantined")["items"]] == ["/pictures/0003.jpg"]


def test_a_side_image_from_elsewhere_is_not_taken_in(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 4, 4)
    pictures[0].save(tmp_path / "secret.png")
    for path in run.path.glob("records/*/*.json"):
        record = json.loads(path.read_text())
        record["images"]["edges"]["path"] = "../secret.png"
        path.write_text(json.dumps(record))
    build(Subject.open(run.path), 4, 0)
    assert {tuple(name for name, _ in card["sides"]) for card in data_of(run, "cards")["records"]} == {("depth",)}


def test_an_empty_run_and_no_run(pictures: list[Image.Image], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", pictures, 1, 1, open_shards=1)
    assert build(Subject.open(run.path), 10, 0).records == 0
    assert "Nothing is known yet" in (run.path / "report" / "index.html").read_text()
    done = call("view", tmp_path)
    assert done.returncode == 1 and "no run.json" in done.stderr and "Traceback" not in done.stderr
    done = call("view", run.path, "--sample", 0)
    assert done.returncode == 1 and "--sample 0" in done.stderr


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        opened.size(1200, 800)
        yield opened


@pytest.fixture
def page(run: RunFolder, browser: Browser) -> Iterator[Browser]:
    browser.errors.clear()
    browser.open(run.path / "report" / "index.html")
    browser.until("document.querySelectorAll('.card img').length > 0")
    yield browser
    assert browser.errors == []


def shown(page: Browser) -> int:
    return int(page.js("document.querySelectorAll('#grid .card').length"))


def fill(page: Browser, selector: str, value: str) -> None:
    kind = "change" if selector in ("#label", "#order", "#who") else "input"
    page.js(
        f"(() => {{ const e = document.querySelector('{selector}'); e.value = {json.dumps(value)};"
        f"e.dispatchEvent(new Event('{kind}')); }})()"
    )


def counted(page: Browser, number: int) -> None:
    page.until(f"document.querySelectorAll('#grid .card').length === {number}")


@needs_chromium
def test_filters_and_order(page: Browser) -> None:
    assert shown(page) == 21
    page.js("document.querySelector('#text').focus()")
    for letter in "number 12":
        page.key(letter)
    counted(page, 1)
    assert "picture number 12" in page.js("document.querySelector('.card .caption').textContent")
    page.click(".tools .clear")
    counted(page, 21)
    fill(page, "#least", "3")
    counted(page, 5)
    fill(page, "#least", "1")
    fill(page, "#most", "2")
    counted(page, 10)
    page.click(".tools .clear")
    fill(page, "#label", "__proto__")
    labelled = page.until("document.querySelectorAll('#grid .card').length < 21 && shownLabels()".replace(
        "shownLabels()", "[...document.querySelectorAll('.card')].map((c) => c.record.found.map((f) => f[0]))"
    ))  # fmt: skip
    assert labelled and all("__proto__" in labels for labels in labelled)
    page.click(".tools .clear")
    fill(page, "#score", "65")
    counted(page, 5)
    fill(page, "#label", "cat")
    scores = page.js("[...document.querySelectorAll('.card')].map((c) => c.record.found)")
    assert all(any(f[0] == "cat" and f[1] >= 0.65 for f in found) for found in scores)
    page.click(".tools .clear")
    fill(page, "#agrees", "0.6")  # the lowest of both: siglip's 0.7 of second ones, where vlm says yes
    counted(page, 5)
    fill(page, "#who", "siglip")
    counted(page, 10)
    fill(page, "#agrees", "")
    fill(page, "#doubts", "0.3")
    counted(page, 15)
    fill(page, "#order", "doubted")
    assert page.js("document.querySelectorAll('#order option').length") == 9
    page.click(".tools .clear")
    counted(page, 21)
    fill(page, "#order", "most")
    counts = page.js("[...document.querySelectorAll('.card')].map((c) => c.record.found.length)")
    assert counts == sorted(counts, reverse=True)
    fill(page, "#text", "no such words anywhere")
    counted(page, 0)
    assert page.js("!document.querySelector('#none').hidden")


@needs_chromium
def test_a_record_opens_and_its_instances_go_off_and_on(page: Browser) -> None:
    fill(page, "#text", "number 15")
    counted(page, 1)
    page.click(".card")
    page.until("document.querySelectorAll('#instances li').length === 3")
    painted = (
        "(() => { const c = document.querySelector('#canvas');"
        "const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        "for (let i = 3; i < p.length; i += 4) n += p[i] > 0; return n; })()"
    )
    record = page.js("JSON.parse(document.querySelector('#json').textContent)")
    areas = [anno["mask_area"] for anno in record["annos"]]
    every = page.js(painted)
    assert max(areas) < every < sum(areas), "the masks overlap"
    for number in (1, 2):
        page.click(f"#instances input[data-number='{number}']")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=5, y=400)
    assert page.js(painted) == areas[0], "only the first one's mask is left, pixel by pixel"
    assert page.js("document.querySelectorAll('#overlay .box').length") == 1
    page.key("2")
    assert page.js("document.querySelectorAll('#overlay .box').length") == 2
    page.click("#nothing")
    assert page.js(painted) == 0
    page.key("a")
    assert page.js(painted) == every
    page.key("m")
    assert page.js("getComputedStyle(document.querySelector('#canvas')).display") == "none"
    page.key("m")
    page.click("#sides .side:nth-child(3)")
    page.until("document.querySelector('#photo').src.includes('depth') && document.querySelector('#photo').complete")
    page.key("Escape", 27)
    page.until("!document.querySelector('#record').open")
    assert page.js("document.activeElement.className") == "card", "the focus is back where it was"


@needs_chromium
def test_no_label_is_cut_at_the_right_edge(pictures: list[Image.Image], browser: Browser, tmp_path: Path) -> None:
    """On the cards a long one ends in dots, before its number; in a record it stays within the image."""
    run = make_run(tmp_path / "run", pictures, 4, 4, sides=False)
    for path in run.path.glob("records/*/*.json"):
        record = json.loads(path.read_text())
        for anno, name in zip(
            record["annos"], ("a potted plant with leaves of every size", "W" * 90, "cup"), strict=False
        ):
            anno |= {"category_name": name, "bbox": [record["width"] - 20, 60, 19, 30]}
        path.write_text(json.dumps(record) + "\n")
    index = build(Subject.open(run.path), 4, 0).index
    browser.open(index)
    browser.until("document.querySelectorAll('.card .chip small').length >= 3")
    inside = "[...document.querySelectorAll('.card .chip')].map((chip) => [chip, chip.querySelector('small')])"
    inside += ".filter(([chip, small]) => small).map(([chip, small]) => chip.scrollWidth <= chip.clientWidth"
    inside += " && small.getBoundingClientRect().right <= chip.getBoundingClientRect().right)"
    assert set(browser.js(inside)) == {True}
    browser.open(index, "#" + browser.js("[...document.querySelectorAll('.card')].at(-1).record.id"))
    browser.until("document.querySelectorAll('#overlay text').length === 3")
    ends = "(() => { const stage = document.querySelector('#overlay').getBoundingClientRect();"
    ends += (
        "return [...document.querySelectorAll('#overlay text, #overlay .under')].map((e) => e.getBoundingClientRect())"
    )
    ends += ".map((r) => [r.left - stage.left, stage.right - r.right]); })()"
    gaps = browser.js(ends)
    assert len(gaps) == 6 and all(gap > -1 for pair in gaps for gap in pair), gaps


@needs_chromium
def test_the_keyboard_leads_from_record_to_record(page: Browser) -> None:
    first, second = page.js("[...document.querySelectorAll('.card')].slice(0, 2).map((c) => c.record.id)")
    page.js("document.querySelector('.card').focus()")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13, text="\r")
    page.until(f"document.querySelector('#record').open && location.hash === '#{first}'")
    page.key("ArrowRight", 39)
    page.until(f"location.hash === '#{second}' && document.querySelector('#place').textContent === '2 / 21'")
    page.key("ArrowLeft", 37)
    page.until(f"location.hash === '#{first}'")
    page.key("Escape", 27)
    page.until("!document.querySelector('#record').open")
    page.key("/")
    assert page.js("document.activeElement.id") == "text"


@needs_chromium
def test_what_comes_from_the_web_is_text(page: Browser, run: RunFolder) -> None:
    fill(page, "#text", "onerror")
    counted(page, 1)
    page.until("document.querySelector('.card .caption')")
    assert page.js("document.querySelector('.card .caption').textContent") == HOSTILE
    page.click(".card")
    page.until("document.querySelector('#json').textContent.includes('note')")
    assert page.js("document.querySelector('#title').textContent") == HOSTILE
    assert page.js("JSON.parse(document.querySelector('#json').textContent).note") == HOSTILE
    assert page.js("document.querySelectorAll('img[src=x], .card script, #record script').length") == 0
    assert page.js("document.title").endswith("Labelyard")
    page.key("Escape", 27)
    fill(page, "#text", "日本語")
    page.until("document.querySelector('.card').record.caption.startsWith('日本語')")
    assert page.js("document.querySelector('.card').record.caption.charCodeAt(4)") == 0xD800


@needs_chromium
def test_inline_scripts_would_not_run_either(page: Browser) -> None:
    page.js("document.body.insertAdjacentHTML('beforeend', '<img id=z src=x onerror=\"document.title=1\">')")
    page.until("document.querySelector('#z').complete")
    assert page.js("document.title").endswith("Labelyard")
    assert any("Content Security Policy" in error for error in page.errors)
    page.errors.clear()


@needs_chromium
def test_the_quarantine_has_a_page(run: RunFolder, browser: Browser) -> None:
    browser.errors.clear()
    browser.open(run.path / "report" / "quarantine.html")
    browser.until("document.querySelectorAll('#rows tr').length === 2")
    assert "no such file" in browser.js("document.querySelector('#rows').textContent")
    fill(browser, "#text", "0006")
    browser.until("document.querySelectorAll('#rows tr').length === 1")
    assert browser.errors == []


@needs_chromium
def test_narrow_and_dark(page: Browser) -> None:
    try:
        page.size(360, 700)
        page.dark(True)
        assert page.js("document.documentElement.scrollWidth") <= 360, "nothing sticks out"
        dark = page.js("getComputedStyle(document.body).backgroundColor")
        page.click(".card")
        page.until("document.querySelector('#record').open")
        assert page.js("document.querySelector('#record').scrollWidth") <= 360
        page.key("Escape", 27)
        page.click("#theme")
        assert page.js("getComputedStyle(document.body).backgroundColor") != dark
    finally:
        page.js("localStorage.clear()")
        page.size(1200, 800)
        page.dark(False)


@needs_chromium
def test_of_a_thousand_records_only_those_in_view_are_loaded(
    pictures: list[Image.Image], browser: Browser, tmp_path: Path
) -> None:
    small = [picture.resize((48, 36)) for picture in pictures]
    run = make_run(tmp_path / "run", small, 1000, 250, sides=False)
    report = build(Subject.open(run.path), 1000, 0)
    browser.open(report.index)
    loaded = browser.until("[...document.images].filter((image) => image.naturalWidth).length")
    assert browser.js("document.querySelectorAll('#grid .card').length") == 1000
    filled = browser.js("document.querySelectorAll('.card:not(:empty)').length")
    assert loaded < 300 and 0 < filled < 200
    browser.js("document.querySelector('.card:nth-child(990)').scrollIntoView()")
    browser.until("document.querySelector('.card:nth-child(990) img')?.complete")
