"""A drawing as plain shapes, and the drawing as SVG. `png.py` has the same as pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

# A colour is a role: the page's style gives it a value for light and for dark, the PNG has the light one.
ROLES = {
    "ink": "#1f2430",
    "dim": "#6b7280",
    "grid": "#e3e6ec",
    "one": "#3569d6",
    "two": "#e0803a",
    "three": "#2b9a66",
    "four": "#b04a9c",
    "five": "#8b6f47",
    "six": "#4aa3b8",
    "seven": "#c9a227",
    "bad": "#cc3d3d",
}
SERIES = ("one", "two", "three", "four", "five", "six", "seven")


@dataclass(frozen=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    role: str
    title: str = ""  # shown when the mouse is over it


@dataclass(frozen=True)
class Line:
    points: tuple[tuple[float, float], ...]
    role: str
    width: float = 1.0


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    role: str
    title: str = ""


@dataclass(frozen=True)
class Text:
    x: float
    y: float  # of the baseline
    text: str
    role: str = "ink"
    size: float = 12
    anchor: str = "start"  # or middle, end


Shape = Rect | Line | Dot | Text


@dataclass
class Drawing:
    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)


def svg(drawing: Drawing, label: str) -> str:
    body = "".join(_element(shape) for shape in drawing.shapes)
    return (
        f'<svg class="plot" viewBox="0 0 {drawing.width:g} {drawing.height:g}" role="img" '
        f'aria-label="{escape(label)}">{body}</svg>'
    )


def _element(shape: Shape) -> str:
    if isinstance(shape, Rect):
        return (
            f'<rect class="f-{shape.role}" x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" '
            f'height="{shape.height:.1f}">{_title(shape.title)}</rect>'
        )
    if isinstance(shape, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        return f'<polyline class="s-{shape.role}" points="{points}" stroke-width="{shape.width:g}"/>'
    if isinstance(shape, Dot):
        return (
            f'<circle class="f-{shape.role} dot" cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:g}">'
            f"{_title(shape.title)}</circle>"
        )
    return (
        f'<text class="f-{shape.role}" x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" '
        f'text-anchor="{shape.anchor}">{escape(shape.text)}</text>'
    )


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
