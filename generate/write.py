"""A finished record goes to disk: first the images that steps made, then the JSON that points to them."""

from __future__ import annotations

import errno
import json
from typing import Any

from generate.annotation import Write, to_json
from generate.errors import FatalError
from generate.journal import Outcome
from generate.record import Record
from generate.run_folder import RunFolder
from generate.shard import done_facts
from utils.atomic import write_atomic
from utils.images import encode_png

FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file is too large",
}
REFUSED = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission",
    errno.EPERM: "not permitted",
}


def write(folder: RunFolder, shard: int, record: Record, options: Write, made_by: dict[str, str]) -> Outcome:
    body = to_json(record, options, made_by)
    images = {name: encode_png(made.image) for name, made in record.images.items()}
    if images:
        body["images"] = {name: _image_entry(folder, shard, record, name) for name in images}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n"
    path = folder.record(shard, record.item)
    try:
        for name, data in images.items():
            target = folder.image(name, shard, record.item)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise explained(error, str(folder.path)) from error
    return Outcome(record.item.id, "done", done_facts(path, body))


def explained(error: OSError, place: str) -> Exception:
    """A full or refusing disk is fatal, with what to do; other trouble stays what it is."""
    if error.errno in FULL:
        return FatalError(f"{place}: {FULL[error.errno]}. Make room and run the same command again; nothing is lost")
    if error.errno in REFUSED:
        return FatalError(f"{place}: {REFUSED[error.errno]}. Nothing is lost; mend it and run the same command again")
    return error


def _image_entry(folder: RunFolder, shard: int, record: Record, name: str) -> dict[str, Any]:
    made = record.images[name]
    path = folder.image(name, shard, record.item).relative_to(folder.path)
    return {"path": path.as_posix(), "width": made.image.width, "height": made.image.height, **made.meta}
