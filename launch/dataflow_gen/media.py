"""Made images and videos under the names that their rows give them: linked where the file system can, else copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from labelyard.generate.record import Item
from labelyard.launch.dataflow_gen.flow import Flow
from labelyard.launch.dataflow_gen.in_order import row_of
from labelyard.launch.planning.seen_ids import Marks
from labelyard.utils.atomic import temporary_beside
from labelyard.utils.images import decode_as_it_is, encode_jpeg, encode_png

ENDINGS = {"image": (".jpg", ".jpeg", ".png", ".webp"), "video": (".mp4", ".gif", ".webm", ".avi", ".mov")}
USUAL = {"image": ".png", "video": ".mp4"}
QUALITY = 95
SEEN = 1
LONGEST_NAME, LONGEST_PATH, LONGEST_ENDING = 180, 2000, 10  # file systems take 255 bytes; ids and numbers go behind it


def harmless(name: str) -> str:
    """A path below the folder of what is made: absolute ones, those that lead out of it, and those that no file system
    takes, are cut to their names, and the names to what it takes."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("", ".")]
    if path.is_absolute() or ".." in parts or any("\0" in part or ":" in part for part in parts):
        parts = parts[-1:]
    kept = [_short(part.replace("\0", "").replace("/", "")) for part in parts if part not in ("..", "/")]
    whole = "/".join(kept)
    return whole if len(whole) <= LONGEST_PATH else kept[-1]


def _short(name: str) -> str:
    data = name.encode("utf-8", "surrogateescape" if _is_a_file_name(name) else "replace")
    if len(data) <= LONGEST_NAME:
        return data.decode("utf-8", "surrogateescape")
    ending = PurePosixPath(name).suffix.encode("utf-8", "replace")
    ending = ending if len(ending) <= LONGEST_ENDING else b""
    return (data[: LONGEST_NAME - len(ending)] + ending).decode("utf-8", "ignore")


def _is_a_file_name(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


@dataclass(frozen=True)
class Names:
    """What each row's file is called. Of rows that give one name to theirs the first has it, and the others' have their
    item's id in it: none overwrites another's."""

    flow: Flow
    layout: str
    taken: frozenset[tuple[str, str]] = frozenset()  # kind and id of items whose name an earlier one has

    @classmethod
    def among(cls, flow: Flow, layout: str, items: Iterable[Item]) -> Names:
        """`items`: all of the list, in its order."""
        names, seen = cls(flow, layout), Marks()
        kinds = [kind for kind in ENDINGS if flow.maker(kind, len(flow.stages)) is not None]
        return replace(names, taken=frozenset(names._later(items, kinds, seen)) if kinds else frozenset())

    def of(self, kind: str, item: Item, number: int = 1) -> str:
        """`number`: of several that are made of one row."""
        path = self._own(kind, item)
        if (kind, item.id) in self.taken:
            path = path.with_name(f"{path.stem}-{item.id}{path.suffix}")
        return f"{self._folder(kind)}/{_numbered(path, number)}"

    def _later(self, items: Iterable[Item], kinds: Sequence[str], seen: Marks) -> Iterator[tuple[str, str]]:
        for item in items:
            for kind in kinds:
                names = [_numbered(self._own(kind, item), n + 1) for n in range(self.flow.repeats(kind))]
                told = (f"{kind}\0{name}".encode("utf-8", "surrogatepass") for name in names)
                before = seen.mark(b"".join(blake2b(name, digest_size=8).digest() for name in told), SEEN)
                if any(mark & SEEN for mark in before):
                    yield kind, item.id

    def _own(self, kind: str, item: Item) -> PurePosixPath:
        given = self.flow.own(kind, item)
        name = harmless(given) if isinstance(given, str) else ""
        path = PurePosixPath(name or f"{row_of(item):09d}{USUAL[kind]}")
        if path.suffix.lower() not in ENDINGS[kind]:
            path = path.with_suffix(USUAL[kind])
        return PurePosixPath(f"{path.stem}_generated{path.suffix}") if self.layout == "document" else path

    def _folder(self, kind: str) -> str:
        return f"generated_{kind}s" if self.layout == "document" else "generated"


def _numbered(path: PurePosixPath, number: int) -> PurePosixPath:
    return path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")


def made_file(body: Mapping[str, Any], kind: str, name: str, run: Path) -> Path | None:
    """Where a record says that what a step made lies."""
    entry = (body.get("images" if kind == "image" else "clips") or {}).get(name)
    if not isinstance(entry, Mapping):
        return None
    return run / entry["path"] if "path" in entry else Path(entry["file"])


def put(made: Path, target: Path) -> None:
    """`target` shows what `made` does, in the format that its ending says."""
    if _is_there(made, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    try:
        if _kind(made) == _kind(target):
            _link(made, temporary)
        else:
            _convert(made, temporary, target.suffix.lower())
            status = made.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):  # a rename onto a link of the same file does nothing, and leaves it
            temporary.unlink()


def _is_there(made: Path, target: Path) -> bool:
    try:
        there, source = target.stat(), made.stat()
    except FileNotFoundError:
        return False
    if (there.st_dev, there.st_ino) == (source.st_dev, source.st_ino):
        return True
    same_size = there.st_size == source.st_size or _kind(made) != _kind(target)
    return there.st_mtime_ns == source.st_mtime_ns and same_size


def _kind(path: Path) -> str:
    return {".jpeg": ".jpg"}.get(path.suffix.lower(), path.suffix.lower())


def _link(made: Path, temporary: Path) -> None:
    try:
        os.link(made, temporary)
    except OSError:
        shutil.copy2(made, temporary)


def _convert(made: Path, temporary: Path, ending: str) -> None:
    if ending in ENDINGS["video"]:
        from labelyard.launch.dataflow_gen.videos import convert_video

        convert_video(made, temporary, ending)
        return
    image = decode_as_it_is(made.read_bytes())
    if ending == ".png":
        temporary.write_bytes(encode_png(image))
    elif ending == ".webp":
        with temporary.open("wb") as file:
            image.save(file, "WEBP", lossless=True)
    else:
        temporary.write_bytes(encode_jpeg(image if image.mode in ("RGB", "L") else image.convert("RGB"), QUALITY))
