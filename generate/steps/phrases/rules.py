"""The things that an English caption names, by rules of thumb, where there is no parser.

A phrase ends where something stands that can't be within one (a preposition, an auxiliary, a comma), and a verb is
known by its ending or by being common in captions. Rough: a parser of sentences is right more often.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from labelyard.generate.steps.phrases.spans import Span


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]")
BEGIN = _words(
    "a an the this that these those my your his her its our their some several many few one two three four five six "
    "seven eight nine ten both each every another other no any all more"
)
AUXILIARY = _words("is are was were be been being am")
END = AUXILIARY | _words(
    "in on at of with without by from to into onto over under above below behind beside besides between near next "
    "around along across through against towards toward inside outside off out up down upon within during before "
    "after while as like for about among amid and or but nor so than then if because though when where which who "
    "whose what how there here he she it they we you i him them us me has have had having do does did can could will "
    "would may might must not very too also just only still together away sits sit sat stands stand stood lies lie "
    "lay laying lying holds hold held wears wear wore rides ride rode looks look looked walks walk runs run plays play "
    "eats eat sleeps sleep shows show shown contains includes features hangs hang hung flies fly flew jumps jump "
    "swims swim drives drive waits wait rests rest reads read takes take gets get makes make made"
)
IN_ING = _words(
    "building ceiling railing clothing painting wedding string ring king wing awning morning evening lightning swing "
    "spring sling icing dressing filling thing earring duckling sibling ceilings parking dining"
)
IN_ED = _words("bed shed sled seed weed reed moped seabed")
NO_THING = _words(
    "front side top back left right middle center centre background foreground photo photograph picture image view "
    "shot close-up lot kind type pair bunch couple number way day time"
)


@dataclass
class _Phrase:
    words: list[re.Match[str]] = field(default_factory=list)
    after_auxiliary: bool = False


def things(text: str) -> list[Span]:
    """As parts of the text, without articles; the noun is the last word."""
    found, phrase = [], _Phrase()
    for word in [*WORD.finditer(text), None]:
        small = word[0].lower() if word else ""
        if word and _is_inside(small, phrase):
            phrase.words.append(word)
            continue
        if phrase.words and phrase.words[-1][0].lower() not in NO_THING and not _is_verb(phrase.words[-1][0].lower()):
            noun = phrase.words[-1]
            found.append(Span(noun[0], phrase.words[0].start(), noun.end()))
        phrase = _Phrase(after_auxiliary=small in AUXILIARY)
    return found


def _is_inside(small: str, phrase: _Phrase) -> bool:
    if not small[0].isalpha() or small in BEGIN or small in END:
        return False
    # 'smiling woman' and 'parked car' are things, 'man riding' and 'is parked' are not.
    return not (_is_verb(small) and (phrase.words or phrase.after_auxiliary))


def _is_verb(small: str) -> bool:
    ing = small.endswith("ing") and len(small) > 4 and small not in IN_ING
    return ing or (small.endswith("ed") and len(small) > 3 and small not in IN_ED)
