"""The few rules of English that a template needs, and a message."""

from __future__ import annotations

import re

SPELLED_LIKE_A_CONSONANT = re.compile(
    r"^(eu|ewe|one\b|once|ubiq|uku|u(?=[^aeiou\W]e\b)|uni(?!n|mp|d)|us[aeu]|ut[aei]|ur[aio])", re.I
)
SILENT_H = re.compile(r"^(hour|hono|honest|heir)", re.I)
LETTERS_WITH_VOWEL = "AEFHILMNORSX"  # as one says their names: an SUV, a TV
NUMBERS_WITH_VOWEL = re.compile(r"^(8|11(?!\d)|18(?!\d))")
UNCOUNTED = {
    "art", "asphalt", "bacon", "bread", "broccoli", "butter", "cheese", "clothing", "coffee", "concrete", "dirt",
    "equipment", "fog", "food", "furniture", "graffiti", "grass", "gravel", "hair", "ice", "jewelry", "juice",
    "ketchup", "lettuce", "luggage", "machinery", "meat", "metal", "milk", "money", "mud", "pasta", "rice",
    "rubble", "salt", "sand", "scenery", "seafood", "smoke", "snow", "soil", "soup", "sugar", "tea", "traffic",
    "water", "wheat", "wine", "wood",
}  # fmt: skip
PLURALS = {"children", "feet", "geese", "men", "mice", "oxen", "people", "police", "skis", "taxis", "teeth", "women"}
ENDS_LIKE_A_PLURAL = re.compile(r"(ss|us|is|lens|gas|canvas|atlas|news|series|species|christmas|chaos)$", re.I)
IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "ox": "oxen", "leaf": "leaves", "knife": "knives", "shelf": "shelves",
    "loaf": "loaves", "half": "halves", "calf": "calves", "wolf": "wolves", "scarf": "scarves", "bus": "buses",
    "potato": "potatoes", "tomato": "tomatoes", "sheep": "sheep", "fish": "fish", "deer": "deer",
    "aircraft": "aircraft", "skis": "skis", "scissors": "scissors", "stairs": "stairs", "lens": "lenses",
    "gas": "gases",
}  # fmt: skip


def article(words: str) -> str:
    """'a' or 'an', by the sound with which the words begin."""
    first = words.split()[0] if words.split() else ""
    start = re.split(r"[-/]", first)[0]
    if start[:1].isdigit():
        return "an" if NUMBERS_WITH_VOWEL.match(start) else "a"
    if start.isupper():  # spelled out, letter by letter
        return "an" if start[0] in LETTERS_WITH_VOWEL else "a"
    if SILENT_H.match(start):
        return "an"
    return "an" if start[:1].lower() in tuple("aeiou") and not SPELLED_LIKE_A_CONSONANT.match(start) else "a"


def noun_phrase(words: str, head: str | None = None) -> str:
    """The words with what belongs before them: 'a bus', 'an umbrella', 'some grass', 'some skis'.

    `head` is the noun, if more stands before or behind it in `words`.
    """
    last = (head or words).split()[-1].lower() if (head or words).split() else ""
    uncounted = last in UNCOUNTED
    plural = last in PLURALS or (last.endswith("s") and len(last) > 3 and not ENDS_LIKE_A_PLURAL.search(last))
    return f"some {words}" if uncounted or plural else f"{article(words)} {words}"


def counted(number: int, what: str) -> str:
    """'1 item', '2 items'."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def plural(words: str) -> str:
    """'dogs', 'baseball bats', 'people'; what can't be counted, or is a plural already, stays as it is."""
    before, space, last = words.rpartition(" ")
    low = last.lower()
    if low in IRREGULAR:
        made = IRREGULAR[low]
    elif not low.isalpha() or low in UNCOUNTED or low in PLURALS or (low.endswith("s") and not _ends_like_one(low)):
        return words
    elif low.endswith(("s", "x", "z", "ch", "sh")):
        made = f"{last}es"
    elif low.endswith("y") and low[-2:-1] not in tuple("aeiou"):
        made = f"{last[:-1]}ies"
    else:
        made = f"{last}s"
    return f"{before}{space}{last[0]}{made[1:]}" if last else words


def _ends_like_one(word: str) -> bool:
    return bool(ENDS_LIKE_A_PLURAL.search(word)) or len(word) < 4
