"""A drawing as a PNG file, on white."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from labelyard.launch.report.shapes import ROLES, Dot, Drawing, Line, Rect, Text

SCALE = 2  # pixels per unit
# The first that is installed; Pillow's own has Latin letters only.
FONTS = ("NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf")
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(drawing: Drawing, heading: str) -> bytes:
    """With its heading: the file stands alone, as the page's drawing does not."""
    from PIL import Image, ImageDraw

    margin = 34
    image = Image.new("RGB", (round(drawing.width * SCALE), round((drawing.height + margin) * SCALE)), "white")
    draw = ImageDraw.Draw(image)
    _draw(draw, Text(12, 22, heading, "ink", 14), 0)
    for shape in drawing.shapes:
        _draw(draw, shape, margin)
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw(draw: Any, shape: Rect | Line | Dot | Text, down: float) -> None:
    colour = ROLES[shape.role]

    def at(x: float, y: float) -> tuple[float, float]:
        return x * SCALE, (y + down) * SCALE

    if isinstance(shape, Rect):
        if shape.width > 0 and shape.height > 0:
            right, bottom = at(shape.x + shape.width, shape.y + shape.height)
            left, top = at(shape.x, shape.y)
            draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=colour)
    elif isinstance(shape, Line):
        draw.line([at(*point) for point in shape.points], fill=colour, width=max(1, round(shape.width * SCALE)))
    elif isinstance(shape, Dot):
        left, top = at(shape.x - shape.radius, shape.y - shape.radius)
        right, bottom = at(shape.x + shape.radius, shape.y + shape.radius)
        draw.ellipse((left, top, right, bottom), fill=colour)
    else:
        font = _font(round(shape.size * SCALE))
        draw.text(at(shape.x, shape.y), shape.text, fill=colour, font=font, anchor=ANCHORS[shape.anchor])


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
