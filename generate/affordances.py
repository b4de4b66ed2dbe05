"""What people do with a thing, by its label: derived from the instances wherever it is wanted, and kept nowhere.

Kinds and labels are those of GranD; a label may be of several kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# kind: (what is done with its things, their labels)
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Play-1": ("Strings that are bowed or plucked to make music.", ("violin", "cello", "erhu fiddle", "viola")),
    "Play-2": ("Fingers pluck them to make music.", ("guitar", "banjo", "harp", "pipa")),
    "Play-3": ("Music is made on their keys.", ("piano", "accordion", "electric piano")),
    "Play-4": ("Music is made by blowing.", ("flute", "trumpet", "french horn", "harmonica", "cucurbit flute")),
    "Take photo": ("Pictures are taken with them.", ("camera",)),
    "Contain-1": (
        "Goods and belongings are carried or kept inside.",
        ("backpack", "gift box", "handbag", "purse", "shopping trolley", "suitcase", "storage box", "pushchair"),
    ),
    "Contain-2": (
        "Liquids are kept or poured.",
        (
            "cup", "bowl", "beaker", "pitcher", "milk can", "beer bottle", "vase", "soap dispenser", "watering can",
        ),
    ),
    "Contain-3": ("Food is served or cooked in them.", ("bowl", "frying pan", "plate")),
    "Scoop": ("Food is lifted out with them.", ("spatula", "spoon", "soup ladle")),
    "Wear-1": ("Worn on the head.", ("hat", "helmet")),
    "Wear-2": ("Worn before the eyes.", ("glasses",)),
    "Wear-3": ("Worn on the feet.", ("high heels", "boots", "slippers", "sports shoes")),
    "Wear-4": ("Worn on the hands.", ("gloves",)),
    "Sit": ("People sit on them.", ("stool", "sofa", "bench", "swing", "wheelchair", "rocking chair")),
    "Cut": ("Other things are cut with them.", ("knife", "scissors")),
    "Pick up": ("Bites of food are picked up with them.", ("chopsticks",)),
    "Brush": ("Swept, cleaned or painted with.", ("toothbrush", "broom", "brushes", "cosmetic brushes")),
    "Ride": ("Ridden from place to place.", ("bicycle", "motorbike")),
    "Kick": ("Kicked by the foot.", ("soccer ball", "punching bag", "rugby ball")),
    "Hit": ("Struck against other things.", ("axe", "hammer", "baseball bat", "hoe", "rolling pin")),
    "Beat": ("Beaten for a rhythm.", ("drum",)),
    "Jump": ("Stood on, to glide or to leap.", ("snowboard", "surfboard", "skis", "skateboard")),
    "Swing": ("Swung at a ball.", ("baseball bat", "tennis racket", "table tennis bat")),
    "Lie": ("People lie down on them.", ("sofa", "baby bed", "bench", "pushchair", "rocking chair")),
    "Bounce": ("Bounced off the ground or the hands.", ("basketball", "volleyball")),
    "Mix": ("Stirred with.", ("whisk", "chopsticks", "spoon", "soup ladle", "spatula")),
    "Look out": ("Looked through, into the distance.", ("binoculars",)),
    "Fork": ("Food is speared with them.", ("fork",)),
    "Shelter": ("Held up against rain or sun.", ("umbrella",)),
    "Roll dough": ("Dough is flattened with them.", ("rolling pin",)),
    "Rolling": (
        "Small balls that are hit or rolled.",
        ("table tennis ball", "croquet ball", "tennis ball", "golf ball", "baseball"),
    ),
    "Lift": ("Lifted for exercise.", ("dumbbell",)),
    "Throw": (
        "Thrown, as far or as exactly as one can.",
        ("frisbee", "bowling", "dart", "javelin", "basketball", "weight throw", "baseball", "rugby ball"),
    ),
    "Boxing": ("Punched in training.", ("punching bag",)),
    "Push&Pull": (
        "Pushed or pulled along on wheels.",
        ("wheelchairs", "bicycle", "motorbike", "suitcase", "pushchair"),
    ),
    "Crutches": ("Leaned on while walking.", ("crutch", "umbrella")),
    "Standing": ("Firm enough to stand on.", ("stool", "desk", "bench", "sofa")),
    "Support": ("Other things are put on them.", ("desk",)),
    "Write": ("Written with.", ("pen", "writing brush")),
}  # fmt: skip


@dataclass
class Affordance:
    description: str
    numbers: list[int] = field(default_factory=list)  # of the instances
    labels: list[str] = field(default_factory=list)  # by which they have it


def affordances(labels: Iterable[tuple[int, Sequence[str]]]) -> dict[str, Affordance]:
    """`labels`: the number of each instance, with all that it is called. Labels are taken exactly."""
    found: dict[str, Affordance] = {}
    for number, names in labels:
        for name in names:
            for kind in _KINDS_OF.get(name, ()):
                one = found.setdefault(kind, Affordance(KINDS[kind][0]))
                if number not in one.numbers:
                    one.numbers.append(number)
                if name not in one.labels:
                    one.labels.append(name)
    return found


_KINDS_OF: dict[str, list[str]] = {}
for _kind, (_, _names) in KINDS.items():
    for _name in _names:
        _KINDS_OF.setdefault(_name, []).append(_kind)
