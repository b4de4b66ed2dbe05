"""A server that says of a picture what is there: of a scene its things, of a photo two things that its bytes choose."""

from __future__ import annotations

import hashlib
import json
import re

from tests.support.fault_server import Asked, Fault, FaultServer, said

THINGS = ("dog", "cat", "truck", "red flower", "cup of coffee", "small table", "street light", "blue door")
GROUP = re.compile(r"^Group \d+: (.*)$", re.MULTILINE)
MOST = 6  # sentences


def narrated(asked: Asked, _: int) -> Fault:
    content = asked.body["messages"][-1]["content"]
    words = of_photo(content) if isinstance(content, list) and len(content) > 1 else of_scene(asked.text)
    return Fault(200, said(words), good=True)


def of_scene(scene: str) -> str:
    """In the words that the scene has for its things, as a good captioner would."""
    things = [thing for group in GROUP.findall(scene) for thing in group.split(", ")]
    described = [words for _, _, words in (thing.partition("/") for thing in things) if words]
    return " ".join(f"There is {words}." for words in list(dict.fromkeys(described))[:MOST]) or "Nothing is there."


def of_photo(content: object) -> str:
    first, second, *_ = hashlib.blake2b(json.dumps(content).encode()).digest()
    one, other = THINGS[first % len(THINGS)], THINGS[second % len(THINGS)]
    return f"A {one} near a {other}."


def narrator() -> FaultServer:
    return FaultServer(narrated)
