"""What is known of an item before the first step: an earlier run's record of it, or instances that the list gave.

{"record": "/runs/first/records/00000/label_….json"}          taken over in the image's own pixels, nothing rounded
{"record": …, "from": "record"}                               likewise, but in the record's frame, with its image
{"record": …, "join": [paths]}                                with what other runs have found of the same item
{"record": …, "image": …, "caption": …, "video": …}           and shown otherwise (chosen.py)
{"record": …, "stay": true}                                   images that the earlier run made are left where they lie
{"instances": [{"box": [x, y, width, height], "label": …}]}   and "score", "caption", "mask" (COCO: RLE or polygons)
                                                              and "extra", what else is said of an instance
{"instances": …, "size": [width, height]}                     likewise, for an image of that size alone
{"instances": …, "phrases": [[start, end, [numbers]]]}        parts of the caption, and the instances they speak of

Known by reference: it stays where it lies, and nobody reads it who does not want it. `file` and `row` are those of the
item's own place where they are not said, so that a line of the plan stays short.

{"images": {name: [offset, bytes]}}                           side images: so many bytes of `file`
{"columns": {name: "canny.bytes"}}                            likewise, cells of a table's row; or a list of cells
{"files": {name: "ref/17.jpg"}}                               likewise, files of their own
{…, "part": {name: "left", or [x0, y0, x1, y1]}}              of one of them only a part (media/parts.py)
{"by": "mine.boxes.take", "offset": …, "bytes": …}            an annotation: take(record, known) reads it in the worker
                                                              (by read_known), and fills the record's fields

{"found": ["description"]}                                    what the list gives under these keys are findings
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labelyard.generate.media.inside_files import read_reference
from labelyard.generate.record import Instance, Item, Phrase, Record, Text
from labelyard.generate.record_json.beside import given_image
from labelyard.generate.record_json.decode import from_record
from labelyard.generate.record_json.given_masks import check_size, mask_of
from labelyard.generate.settings import target

CAPTION = "caption"  # the name of the caption among the record's texts, where parts of it speak of instances


def take_over(record: Record, known: Mapping[str, Any], root: str | None = None) -> None:
    """`root`: where relative places begin."""
    if "record" in known:
        in_frame = known.get("from") == "record"
        how = {"pictured": "image" not in known, "stay": known.get("stay", False)}
        from_record(record, Path(known["record"]), in_frame, root, **how)
        if "join" in known:
            from labelyard.generate.record_json.join import add

            add(record, known["join"], in_frame, root)
    if "instances" in known:
        check_size(known.get("size"), record)
        record.instances = [_given(entry, record) for entry in known["instances"]]
    if "phrases" in known:
        phrases = tuple(Phrase(start, end, tuple(numbers)) for start, end, numbers in known["phrases"])
        record.texts[CAPTION] = Text(record.caption, "given", phrases)
    for name in known.get("found", ()):
        if record.item.given.get(name) is not None:
            record.found[name] = record.item.given[name]
    if known.keys() & {"images", "columns", "files"}:
        for name, place in side_places(record.item, known):
            record.images[name] = given_image(place, root, record.item.id)
    if "by" in known:
        target(known["by"])(record, {**_where(record.item, known), **known, "root": root})


def side_places(item: Item, known: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each side image lies."""
    where, parts = _where(item, known), known.get("part", {})
    found: dict[str, dict[str, Any]] = {}
    for name, (offset, size) in known.get("images", {}).items():
        found[name] = {"file": where["file"], "offset": offset, "bytes": size}
    columns = known.get("columns", {})
    columns = {cell.removesuffix(".bytes"): cell for cell in columns} if isinstance(columns, list) else columns
    for name, cell in columns.items():
        found[name] = {"file": where["file"], "row": where["row"], "column": cell}
    for name, location in known.get("files", {}).items():
        found[name] = {"file": location}
    for name, place in found.items():
        yield name, {**place, "part": parts[name]} if name in parts else place


def _where(item: Item, known: Mapping[str, Any]) -> dict[str, Any]:
    own = item.place or {}
    return {key: known.get(key, own.get(key)) for key in ("file", "row") if key in known or key in own}


def read_known(record: Record, known: Mapping[str, Any]) -> bytes:
    """For a `take`: the bytes of the annotation that `known` points to."""
    place = {key: known[key] for key in ("file", "offset", "bytes", "row", "column") if key in known}
    return read_reference(place, known.get("root"), record.item.id)


def _given(entry: Mapping[str, Any], record: Record) -> Instance:
    x, y, width, height = entry["box"]
    caption = entry.get("caption")
    mask = entry.get("mask")
    return Instance(
        (float(x), float(y), float(x + width), float(y + height)),
        float(entry.get("score", 1.0)),
        entry["label"],
        mask=None if mask is None else mask_of(mask, record),
        caption=caption,
        caption_source="given" if caption else None,
        extra={**entry.get("extra", {}), **({"given": dict(entry["given"])} if entry.get("given") else {})},
    )
