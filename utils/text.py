"""Text that becomes a file name or a line."""

from __future__ import annotations

import re
import unicodedata


def safe_stem(location: str, limit: int = 60) -> str:
    """A short, harmless file name part that still reminds of the image's own name.

    It only helps the eye: what tells files apart is the item's id behind it. Letters of every script are kept, all else
    becomes '_'; the length is counted in bytes, since file systems count those.
    """
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", location)[-1])
    stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
    stem = re.sub(r"[^\w.\-]+", "_", stem).strip("._-")
    data = stem.encode("utf-8", "ignore")[:limit]
    return data.decode("utf-8", "ignore") or "image"


def harmless(text: str) -> str:
    """Somebody's text (a file's name, a value out of a list) for a terminal: nothing in it steers the terminal, and
    every terminal can show it. Line breaks stay."""
    return "".join(c if c == "\n" or c.isprintable() else " " if c.isspace() else "?" for c in text)


def one_line(text: str, limit: int = 300) -> str:
    """Somebody's text (an exception's, a file's) as one printable line of bounded length."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
