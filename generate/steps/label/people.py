"""Words for people, of which training data for detectors makes one."""

from __future__ import annotations

ONE = frozenset(
    {
        *("woman", "man", "child", "boy", "girl", "teenager", "adult", "senior", "male", "female", "infant", "toddler"),
        *("youth", "adolescent", "baby", "elderly", "teen", "kid", "gentleman", "lady"),
    }
)
SEVERAL = frozenset(
    {
        *("women", "men", "children", "boys", "girls", "teenagers", "adults", "seniors", "males", "females", "infants"),
        *("toddlers", "elders", "adolescents", "babies", "kids", "gentlemen", "ladies"),
    }
)


def as_person(label: str) -> str:
    """person or persons for a word that means people, in whichever case; any other label as it is."""
    word = label.lower()
    return "person" if word in ONE else "persons" if word in SEVERAL else label
