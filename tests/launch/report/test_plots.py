"""The numbers behind the plots, and where they are drawn."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image

from labelyard.launch.report.charts import Axis, bars, columns, curve, histogram, ticks, whole_columns
from labelyard.launch.report.dataset_counts import Facts
from labelyard.launch.report.plots import TOP, dataset_plots, run_plots
from labelyard.launch.report.png import png
from labelyard.launch.report.run_history import Account, alive, rates
from labelyard.launch.report.shapes import Line, Rect, Text, svg


def record(labels: list[str], caption: str = "two words", masked: bool = True) -> dict[str, Any]:
    annos = [{"category_name": label, "pred_score": 0.5, "caption": f"a {label} here"} for label in labels]
    for anno in annos if masked else []:
        anno["mask_area"] = 25
    annos += [{"pad": 1, "category_name": "", "pred_score": 0.0}] if len(labels) == 1 else []
    return {"width": 10, "height": 10, "original": {"width": 30, "height": 20}, "caption": caption, "annos": annos}


def test_facts_count_instances_and_no_pads() -> None:
    facts = Facts()
    for entry in (record(["cat"]), record(["cat", "dog"]), record([], ""), record(["cup"], masked=False)):
        facts.add(entry)
    assert facts.per_image == [1, 2, 0, 1] and dict(facts.labels) == {"cat": 2, "dog": 1, "cup": 1}
    assert facts.scores == [0.5] * 4 and facts.mask_shares == [0.25] * 3
    assert facts.image_words == [2, 2, 0, 2] and facts.instance_words == [3] * 4
    assert set(facts.sizes) == {(30, 20)}


def test_a_histogram_loses_nothing() -> None:
    counts, edges = histogram([0, 0.1, 0.5, 0.999, 1.0, 7, -3], 4, 0, 1)
    assert counts == [3, 0, 1, 3] and edges == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 7), (3, 1234), (-0.5, 2.5), (0, 0.003), (5, 5)])
def test_ticks_are_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found) and 1 <= len(found) <= 8
    steps = {round(b - a, 9) for a, b in pairwise(found)}
    assert len(steps) <= 1 and all(f"{step:e}"[:3] in ("1.0", "2.0", "2.5", "5.0") for step in steps)


def test_axes_of_counts_have_no_halves_and_long_ones_are_logarithmic() -> None:
    assert Axis(0, 2, 0, 100, whole=True).ticks() == [0, 1, 2]
    assert Axis(1, 1e5, 0, 100, log=True).place(10**2.5) == pytest.approx(50)
    assert Axis(1, 30, 0, 100, log=True).ticks() == [1, 2, 5, 10, 20]


@pytest.mark.parametrize("last", [0.4, 3, 9, 61, 100, 151, 240, 700, 3599, 3600, 5000, 20_000, 90_000, 400_000, 3e6])
@pytest.mark.parametrize("first", [0, 7.3])
def test_an_axis_of_time_says_no_moment_twice_and_cuts_none(first: float, last: float) -> None:
    drawing = curve([(first, 1), (first + last, 2)], "since the run began", "images/s", time=True)
    shown = [shape for shape in drawing.shapes if isinstance(shape, Text) and shape.anchor == "middle"][:-1]
    texts = [shape.text for shape in shown]
    assert 3 <= len(texts) == len(set(texts)) <= 8
    seconds = [sum(float(n) * SECONDS[unit] for n, unit in re.findall(r"([\d.]+) (\w+)", text)) for text in texts]
    across = Axis(first, first + last, 52, 506)
    assert [round(across.place(at), 3) for at in seconds[:-1]] == [round(shape.x, 3) for shape in shown[:-1]], "exactly"
    assert all(shape.x + 3.3 * len(shape.text) <= drawing.width for shape in shown)


SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def test_columns_and_bars_are_as_long_as_their_numbers() -> None:
    heights = [shape.height for shape in whole_columns([4, 0, 2], "x", "y").shapes if isinstance(shape, Rect)]
    assert heights == [pytest.approx(2 * heights[2]), 0, heights[2]]
    lengths = [shape.width for shape in bars([("a", 10, "10"), ("b", 5, "5")]).shapes if isinstance(shape, Rect)]
    assert lengths[0] == pytest.approx(2 * lengths[1])


def test_steps_go_up_and_down_at_right_angles() -> None:
    (line,) = (
        s for s in curve([(0, 0), (0, 2), (5, 1), (9, 0)], "", "", steps=True).shapes if getattr(s, "width", 0) == 2
    )
    assert isinstance(line, Line)
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(line.points))


def test_speed_over_time_adds_up() -> None:
    found = rates([(float(at), 1) for at in range(1, 1001)])
    width = found[1][0] - found[0][0]
    assert len(found) == 60 and sum(rate * width for _, rate in found) == pytest.approx(1000)
    assert all(rate == pytest.approx(1, rel=0.1) for _, rate in found)
    assert len(rates([(5.0, 1)])) == 1 and rates([]) == []


def test_workers_alive() -> None:
    assert alive([(0, 10), (2, 5), (2, 8)]) == [(0, 0), (0, 1), (2, 3), (5, 2), (8, 1), (10, 0)]


def test_labels_of_any_kind_are_drawn_and_escaped() -> None:
    facts = Facts()
    facts.add(record([f"label {n}" for n in range(TOP + 20)] + ['<b>&"', '<b>&"', "椅子"]))
    plots = {plot.name: plot for plot in dataset_plots(facts)}
    assert "72 labels, the 50 most frequent" in plots["labels"].note
    assert plots["label_tail"].note == "71 of 72 labels were found only once"
    drawn = svg(plots["labels"].drawing, plots["labels"].title)
    assert "&lt;b&gt;&amp;&quot;" in drawn and "<b>" not in drawn
    assert len(re.findall("<rect", drawn)) == TOP
    names = [shape.text for shape in plots["labels"].drawing.shapes if isinstance(shape, Text)]
    assert names[0] == '<b>&"'


def test_a_plot_for_each_that_was_asked_the_most_doubted_labels_first() -> None:
    facts = Facts()
    entry = record(["cat", "dog", "dog", "cup"])
    for anno, said in zip(entry["annos"], ({"v/1": 0.9}, {"v/1": 0.2, "b": 1.0}, {"v/1": 0.6}, "high"), strict=True):
        anno["agreement"] = said
    facts.add(entry)
    plots = {plot.name: plot for plot in dataset_plots(facts)}
    assert plots["agreement"].title == "Agreement of b" and plots["agreement_2"].title == "Agreement of v/1"
    assert plots["agreement_2"].note == "on average, by label; 1 of 3 instances below 0.5"
    shapes = plots["agreement_2"].drawing.shapes
    assert [s.text for s in shapes if isinstance(s, Text)] == ["dog", "0.40 of 2, 1 doubted", "cat", "0.90 of 1"]
    (dog, cat) = (s.width for s in shapes if isinstance(s, Rect))
    assert dog / cat == pytest.approx(4 / 9)


def test_a_png_is_the_same_drawing() -> None:
    plot = next(iter(dataset_plots(facts_of_one())))
    image = Image.open(io.BytesIO(png(plot.drawing, plot.title))).convert("RGB")
    colours = {colour for _, colour in image.getcolors(1 << 20) or []}
    assert (53, 105, 214) in colours and (255, 255, 255) in colours
    assert image.size == (1040, 2 * (260 + 34))


def facts_of_one() -> Facts:
    facts = Facts()
    facts.add(record(["cat"]))
    return facts


def test_little_to_draw_is_no_trouble() -> None:
    assert list(dataset_plots(Facts())) == []
    assert list(run_plots(Account([], [], {}, []))) == []
    for plot in dataset_plots(facts_of_one()):
        png(plot.drawing, plot.title)
    columns([0], [0, 0], "x", "y")
