"""Records as rows of Graph200K's own columns, as the hub's dataset has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelyard.generate.exporters.graph200k.entries import Scale, as_object, finding, made_metas, texts
from labelyard.generate.exporters.graph200k.images import RecordImages
from labelyard.generate.record_json.finished import Finished
from labelyard.utils.graph200k import IMAGES, SCORES, TARGET
from labelyard.utils.jsons import dump

if TYPE_CHECKING:
    from datasets import Features

DESCRIPTION = ("item", "description_0", "description_1")
AT_ONCE = 16  # rows of a group: thirty images are in each


def features() -> Features:
    from datasets import Features, Image, List, Value

    text, number = Value("string"), Value("int64")
    fill = {"name": List(text), "description": List(text), "box": List(number), "subject": text, "seed": List(number)}
    return Features(
        {
            **{name: Image() for name in (TARGET, *IMAGES)},
            "description": dict.fromkeys(DESCRIPTION, text),
            "quality_assessment": dict.fromkeys(SCORES, number),
            "collection": text,
            "qwen_2_5_meta": text,  # JSON, whatever it is: nobody agrees on more
            "FillEdit_meta": {**fill, "model": text},
        }
    )


def row_of(record: Finished, images: RecordImages) -> dict[str, Any]:
    names = (TARGET, *images.there(record))
    encoded = {name: images.encoded(record, name) for name in names}
    scale = Scale.of(record.size(original=True), images.size(record), images.pictures.shape)
    meta, fill = made_metas(record, scale)
    description, _ = texts(record, finding(record, "description"))
    scores, collection = as_object(finding(record, "quality_assessment")), finding(record, "collection")
    return {
        **{
            name: {"bytes": data, "path": f"{record.item.name}_{name}.{kind}"} for name, (data, kind) in encoded.items()
        },
        "description": {name: _text(description.get(name)) for name in DESCRIPTION},
        "quality_assessment": {name: _whole(scores.get(name)) for name in SCORES} if scores else None,
        "collection": _text(collection),
        "qwen_2_5_meta": _text(meta),
        "FillEdit_meta": _fill(fill),
    }


def _fill(meta: Any) -> dict[str, Any] | None:
    fill = as_object(meta)
    if fill is None:
        return None
    lists = {name: _list(fill.get(name)) for name in ("name", "description", "box", "seed")}
    return {**lists, "subject": _text(fill.get("subject")), "model": _text(fill.get("model"))}


def _list(value: Any) -> list[Any] | None:
    return value if value is None or isinstance(value, list) else [value]


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dump(value).decode().strip()


def _whole(value: Any) -> int | None:
    return None if value is None else round(value)
