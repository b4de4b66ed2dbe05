"""Numbers to drawings: columns, bars, curves, dots. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from labelyard.launch.report.shapes import Dot, Drawing, Line, Rect, Shape, Text

WIDTH, HEIGHT = 520.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 26.0, 40.0

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """A range of values laid over a range of places; logarithmic on wish."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False  # of things that are counted: no tick between two numbers
    time: bool = False  # seconds: ticks at whole minutes, hours, days

    def place(self, value: float) -> float:
        low, high = self._on(self.low), self._on(self.high)
        share = (self._on(value) - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def _on(self, value: float) -> float:
        return math.log10(max(value, 1e-12)) if self.log else value

    def ticks(self, wanted: int = 5) -> list[float]:
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            within = (1, 2, 5) if last - first <= 2 else (1,)
            all_of_them = [factor * 10.0**n for n in range(first, last + 1) for factor in within]
            return [value for value in all_of_them if self.low <= value <= self.high * 1.0001]
        step = step_of_time(self.high - self.low, wanted) if self.time else None
        return [value for value in ticks(self.low, self.high, wanted, step) if not self.whole or value == round(value)]


def ticks(low: float, high: float, wanted: int = 5, step: float | None = None) -> list[float]:
    """Round values between the two, about as many as wanted."""
    if high <= low:
        return [low]
    if step is None:
        rough = (high - low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * n for n in range(first, math.floor(high / step + 1e-9) + 1)]


MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
STEPS_OF_TIME = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(factor * MINUTE for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * HOUR for factor in (1, 2, 3, 6, 12)),
)


def step_of_time(span: float, wanted: int) -> float | None:
    """Between two ticks: seconds, minutes or hours as on a clock; None where decimal steps do: below, and of days."""
    rough = span / wanted
    if rough <= STEPS_OF_TIME[0]:
        return None
    whole = next((step for step in STEPS_OF_TIME if step >= rough * 0.999), None)
    return whole or DAY * max(1, math.ceil(rough / DAY))


def moment(seconds: float) -> str:
    """A place on an axis of time, exactly, lest two of them read alike: 45 s, 1 min 30 s, 3 h, 2 d 12 h."""
    parts, left = list[str](), seconds
    for size, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        number, left = divmod(left, size)
        parts += [f"{number:.0f} {name}"] if number else []
    parts += [f"{left:.4g} s"] if left or not parts else []
    return " ".join(parts)


def plain(value: float) -> str:
    """12, 3.5, 0.02, 12k, 3.4M."""
    for size, mark in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            unit = 1e3 if mark == "k" else size
            return f"{value / unit:.3g}{mark}"
    return f"{value:.4g}"


def columns(counts: Sequence[int], edges: Sequence[float], x: str, y: str, whole: bool = False) -> Drawing:
    """A histogram: as many counts as gaps between the edges. Of whole numbers each has a column around it."""
    drawing = Drawing(WIDTH, HEIGHT)
    across = Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT, whole=whole)
    up = Axis(0, max([1, *counts]), HEIGHT - BOTTOM, TOP, whole=True)
    _frame(drawing, across, up, x, y)
    gap = 1 if len(counts) <= 60 else 0
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        left, right, top = across.place(low), across.place(high), up.place(count)
        title = f"{plain((low + high) / 2)}: {count}" if whole else f"{plain(low)} to {plain(high)}: {count}"
        drawing.shapes.append(Rect(left, top, max(1, right - left - gap), HEIGHT - BOTTOM - top, "one", title))
    return drawing


def whole_columns(counts: Sequence[int], x: str, y: str) -> Drawing:
    """A column for 0, for 1, and so on."""
    return columns(counts, [number - 0.5 for number in range(len(counts) + 1)], x, y, whole=True)


def bars(
    rows: Sequence[tuple[str, float, str]],
    roles: Sequence[str] = ("one",),
    width: float = WIDTH,
    full: float | None = None,
) -> Drawing:
    """Name, length and what to write behind it; one below the other. `full`: the length that fills the width, if not
    the longest."""
    pitch, names = 21.0, min(260.0, 16 + 6.6 * max([4, *(len(cut(name)) for name, _, _ in rows)]))
    drawing = Drawing(width, pitch * len(rows) + 8)
    longest = full or max([0.0, *(length for _, length, _ in rows)]) or 1.0
    behind = 10 + 6.6 * max([1, *(len(text) for _, _, text in rows)])
    for number, (name, length, text) in enumerate(rows):
        y = 4 + pitch * number
        wide = length / longest * (width - names - behind)
        drawing.shapes += [
            Text(names - 8, y + 14, cut(name), "ink", 12, "end"),
            Rect(names, y + 2, max(1.0, wide), pitch - 6, roles[number % len(roles)], f"{name}: {text}"),
            Text(names + wide + 6, y + 14, text, "dim", 11),
        ]
    return drawing


def cut(name: str, most: int = 34) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def curve(points: Points, x: str, y: str, *, log: bool = False, steps: bool = False, time: bool = False) -> Drawing:
    """A line, over seconds with `time`; with `steps` each value stays until the next point, and is a whole number."""
    drawing = Drawing(WIDTH, HEIGHT)
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    across = Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT, log, time=time)
    up = Axis(min(ys) if log else 0, max(ys) or 1, HEIGHT - BOTTOM, TOP, log, whole=steps)
    _frame(drawing, across, up, x, y)
    placed = [(across.place(a), up.place(b)) for a, b in points]
    if steps:
        corners = [(later[0], earlier[1]) for earlier, later in pairwise(placed)]
        placed = [place for pair in zip(placed, [*corners, placed[-1]], strict=True) for place in pair]
    if len(points) == 1:
        drawing.shapes.append(Dot(*placed[0], 3, "one"))
    else:
        drawing.shapes.append(Line(tuple(placed), "one", 2))
    return drawing


def dots(points: Points, x: str, y: str, titles: Sequence[str]) -> Drawing:
    """Both axes alike, from zero."""
    drawing = Drawing(WIDTH, HEIGHT + 60)
    most = max(max(point) for point in points)
    across, up = Axis(0, most, LEFT, WIDTH - RIGHT), Axis(0, most, HEIGHT + 60 - BOTTOM, TOP)
    _frame(drawing, across, up, x, y)
    drawing.shapes += [
        Dot(across.place(a), up.place(b), 3.5, "one", title) for (a, b), title in zip(points, titles, strict=True)
    ]
    return drawing


def _frame(drawing: Drawing, across: Axis, up: Axis, x: str, y: str) -> None:
    bottom = drawing.height - BOTTOM
    shapes: list[Shape] = []
    for value in up.ticks():
        place = up.place(value)
        shapes.append(Line(((LEFT, place), (WIDTH - RIGHT, place)), "grid"))
        shapes.append(Text(LEFT - 6, place + 4, plain(value), "dim", 11, "end"))
    for value in across.ticks(6):
        text = moment(value) if across.time else plain(value)
        most = drawing.width - 3.3 * len(text)  # half of its width from the edge
        shapes.append(Text(min(across.place(value), most), bottom + 16, text, "dim", 11, "middle"))
    shapes.append(Line(((LEFT, bottom), (WIDTH - RIGHT, bottom)), "dim"))
    shapes.append(Text((LEFT + WIDTH - RIGHT) / 2, drawing.height - 6, x, "dim", 12, "middle"))
    shapes.append(Text(6, 12, y, "dim", 11))
    drawing.shapes += shapes


def histogram(values: Sequence[float], bins: int, low: float, high: float) -> tuple[list[int], list[float]]:
    """Counts and edges; what lies outside belongs to the outermost bins."""
    counts = [0] * bins
    width = (high - low) / bins or 1.0
    for value in values:
        counts[min(bins - 1, max(0, int((value - low) / width)))] += 1
    return counts, [low + width * number for number in range(bins + 1)]
