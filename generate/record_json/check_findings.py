"""What texts, findings and asides of a record must be (docs/schema.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from labelyard.generate.phrases import ABOUT, is_about_instances
from labelyard.generate.record_json.check_masks import is_number, mask_problems
from labelyard.generate.record_json.fields import NEWER, SOURCES_OF_TEXTS

Size = tuple[int, int]


def findings_problems(record: Mapping[str, Any], ids: Collection[int], original: Size | None) -> Iterator[str]:
    """`ids`: of the record's annos. `original`: the size of the image as it was read, in whose pixels asides are."""
    for key in NEWER:
        if key in record and not (isinstance(record[key], dict) and record[key]):
            yield f"{key} is {record[key]!r:.40}, not an object with something in it"
    yield from _texts_problems(_object(record, "texts"), "texts", ids)
    for name, found in _object(record, "found").items():
        if is_about_instances(found):
            yield from _found_problems(found, f"found.{name}", ids)
    for name, aside in _object(record, "aside").items():
        where = f"aside.{name}"
        if not isinstance(aside, dict) or not aside:
            yield f"{where} is {aside!r:.40}, not an object with something in it"
            continue
        yield from _aside_problems(aside, where, ids, original)


def _object(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def _found_problems(found: Sequence[Any], where: str, ids: Collection[int]) -> Iterator[str]:
    for place, entry in enumerate(found):
        if isinstance(entry, dict) and ABOUT in entry:
            yield from _annos_problems(entry[ABOUT], f"{where}[{place}]", ids)


def _texts_problems(texts: Any, where: str, ids: Collection[int]) -> Iterator[str]:
    if not isinstance(texts, dict):
        yield f"{where} is {texts!r:.40}, not an object"
        return
    for name, entry in texts.items():
        here = f"{where}.{name}"
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
            yield f"{here} is {entry!r:.40}, without a text"
            continue
        if entry.get("source") not in SOURCES_OF_TEXTS:
            yield f"{here}.source is {entry.get('source')!r:.40}, not one of {', '.join(SOURCES_OF_TEXTS)}"
        phrases = entry.get("phrases", [])
        if not isinstance(phrases, list) or ("phrases" in entry and not phrases):
            yield f"{here}.phrases is {phrases!r:.40}, not a list with something in it"
            continue
        for number, phrase in enumerate(phrases):
            yield from _phrase_problems(phrase, f"{here}.phrases[{number}]", entry["text"], ids)


def _phrase_problems(phrase: Any, where: str, text: str, ids: Collection[int]) -> Iterator[str]:
    start, end = (phrase.get(key) if isinstance(phrase, dict) else None for key in ("start", "end"))
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        yield f"{where} is from {start!r:.20} to {end!r:.20}, not within the text of {len(text)} characters"
        return
    yield from _annos_problems(phrase.get(ABOUT), where, ids)


def _annos_problems(annos: Any, where: str, ids: Collection[int]) -> Iterator[str]:
    if not isinstance(annos, list) or not annos or len({*map(repr, annos)}) != len(annos):
        yield f"{where}.annos is {annos!r:.40}, not a list of different annos"
        return
    for number in annos:
        if type(number) is not int or number not in ids:
            yield f"{where} speaks of anno {number!r:.20}, which is not there"


def _aside_problems(aside: Mapping[str, Any], where: str, ids: Collection[int], size: Size | None) -> Iterator[str]:
    if unknown := [key for key in aside if key not in ("tags", "instances", "texts")]:
        yield f"{where} has {', '.join(unknown)}, which no step writes"
    tags, instances = aside.get("tags", []), aside.get("instances", [])
    if not isinstance(tags, list) or not isinstance(instances, list):
        yield f"{where}: tags and instances are lists"
        return
    for number, tag in enumerate(tags):
        if not (isinstance(tag, dict) and isinstance(tag.get("name"), str) and is_number(tag.get("score"))):
            yield f"{where}.tags[{number}] is {tag!r:.60}, not {{'name': text, 'score': number}}"
    for number, found in enumerate(instances):
        if not isinstance(found, dict):
            yield f"{where}.instances[{number}] is {found!r:.40}, not an object"
            continue
        for problem in _instance_problems(found, size):
            yield f"{where}.instances[{number}]: {problem}"
    if "texts" in aside:
        about = range(len(instances)) if "instances" in aside else ids
        yield from _texts_problems(aside["texts"], f"{where}.texts", about)


def _instance_problems(found: Mapping[str, Any], size: Size | None) -> Iterator[str]:
    box = found.get("box")
    if not (isinstance(box, list) and len(box) == 4 and all(map(is_number, box))):
        yield f"box is {box!r:.60}, not [x0, y0, x1, y1]"
    if not is_number(found.get("score")):
        yield f"score is {found.get('score')!r:.40}, not a number"
    if not isinstance(found.get("label"), str):
        yield f"label is {found.get('label')!r:.40}, not text"
    if "mask" in found:
        yield from mask_problems(found["mask"], size)
