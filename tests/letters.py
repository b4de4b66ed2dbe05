"""Letters that a file's name may hold, and some that programs stumble over."""

from __future__ import annotations

# All of ASCII that can be seen, and the blank; / alone parts folders.
ASCII = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "/")
LATIN = "".join(chr(code) for code in range(0xA1, 0x100) if code != 0xAD)
PRINTABLE = (
    ASCII + LATIN + "日本語 한국어 中文 кот ελ 😀🏳️‍🌈 e\u0301 a\u0308\u0323 \u200fשלום مرحبا\u200e \u00a0\u3000\u2028ﬁ"
)
ODD = (
    "fotos ü (1)",
    "a=b,c#d",
    "~ ' ! \" $HOME `x` \\ ; & | < > * ? [a] {b} % ^ @",
    "日本語 😀 e\u0301 \u200fשלום",
    " padded ",
    "-x --y",
    "1e3",
    "\\",
)


def names(number: int) -> list[str]:
    """So many names of files, no two the same, in which together every letter stands in every kind of place."""
    letters = list(dict.fromkeys(PRINTABLE))
    found = []
    for n in range(number):
        turn, place = divmod(n, len(letters))
        letter, other = letters[place], letters[(place * 7 + turn) % len(letters)]
        found.append((f"{letter}{n}{other}", f"{n}{letter}{other}", f"a{letter}{letter}{n}", f"{n} {letter}")[turn % 4])
    return found
