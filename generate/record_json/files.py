"""A finished record goes to disk: first the images that steps made, then the JSON that points to them."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from labelyard.generate.errors import ItemError
from labelyard.generate.file_system import patiently
from labelyard.generate.record import Clip, Record
from labelyard.generate.record_json.beside import clip_to_json, image_to_json
from labelyard.generate.record_json.encode import Write, to_json
from labelyard.generate.run_folder.journal import Outcome
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.jsons import dump


def write(folder: RunFolder, shard: int, record: Record, options: Write, made_by: dict[str, str]) -> Outcome:
    """ItemError if this record can't be written, FatalError if none can."""
    text, instances, images = encoded(folder, shard, record, options, made_by)
    path = folder.record(shard, record.item)
    clips = {name: clip for name, clip in record.clips.items() if clip.place is None}

    def put() -> None:
        for name, data in images.items():
            _write(folder, folder.image(name, shard, record.item, record.images[name].ending), data)
        for name, clip in clips.items():
            _write_clip(folder, folder.clip(name, shard, record.item, clip.ending), clip)
        _write(folder, path, text)

    patiently(put, folder.path)
    for clip in clips.values():
        if clip.path is not None:
            clip.path.unlink(missing_ok=True)
    return Outcome(record.item.id, "done", {"file": path.name, "bytes": len(text), "instances": instances})


def _write(folder: RunFolder, path: Path, data: bytes) -> None:
    """One create and one rename. The folder is nearly always there, and synced once for all when the shard is finished:
    a name that a power cut takes before that is missed by whoever goes on with the shard."""
    try:
        write_atomic(path, data, sync_name=False)
    except FileNotFoundError:
        folder.make_folder(path.parent)
        write_atomic(path, data, sync_name=False)


def _write_clip(folder: RunFolder, path: Path, clip: Clip) -> None:
    if clip.data is not None:
        _write(folder, path, clip.data)
        return
    assert clip.path is not None
    folder.make_folder(path.parent)
    with clip.path.open("rb") as made, replacing(path) as file:
        shutil.copyfileobj(made, file)


def encoded(
    folder: RunFolder, shard: int, record: Record, options: Write, made_by: dict[str, str]
) -> tuple[bytes, int, dict[str, bytes]]:
    """The record's JSON, how many instances it has, and the files of the images that steps made."""
    try:
        _check(record)
        body = to_json(record, options, made_by)
        images = {name: made.encoded() for name, made in record.images.items() if made.place is None}
        if record.images:
            body["images"] = {
                name: image_to_json(made, _within(folder, folder.image(name, shard, record.item, made.ending)))
                for name, made in record.images.items()
            }
        if record.clips:
            body["clips"] = {
                name: clip_to_json(clip, _within(folder, folder.clip(name, shard, record.item, clip.ending)))
                for name, clip in record.clips.items()
            }
        return dump(body), len(record.instances), images
    except ItemError:
        raise
    except Exception as error:
        # Whatever a step left in this record, the others have no part in it.
        raise ItemError(f"{type(error).__name__}: {error}", record.item.id) from error


def _within(folder: RunFolder, path: Path) -> str:
    return path.relative_to(folder.path).as_posix()


def _check(record: Record) -> None:
    for number, instance in enumerate(record.instances):
        if not all(math.isfinite(side) for side in (*instance.box, instance.score)):
            raise ItemError(
                f"a number that is none: instance {number} has box {instance.box}, score {instance.score}",
                record.item.id,
            )
