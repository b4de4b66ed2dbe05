"""What a source is: it reads one input format and yields its rows, as a stream and in a fixed order.

Where the file itself can't be read on (a wrong encoding, a file that is cut off, a table without the column), the list
is unusable: a UserError. What is wrong with the content of one row is a Refusal: it is counted, and the plan says where
it stands and why it is no item.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shlex
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.media.inside_files import resolve
from labelyard.generate.media.video import check_installed
from labelyard.generate.rows import Entry, Refusal, Row, Rows, grouped
from labelyard.generate.settings import transient
from labelyard.generate.sources.common.input_folder import InputFolder, fitting, refuse_run, told
from labelyard.generate.sources.common.where import Where
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.jsons import finite
from labelyard.utils.locations import how_to_fetch, how_to_fetch_dataset, is_fetched, local, scheme
from labelyard.utils.streams import without_compression

KEY_OF = {"image": "image_key", "video": "video_key", "text": "caption_key"}
ALONE = {"image": ""}  # what a source needs of its rows if nobody says what for
LOCATED = ("path", "root", "max_refused")  # settings that say nothing of how a list is read


@dataclass(kw_only=True)
class Source:
    """The dataclass fields are its configuration; conf/source/<option>.yaml names the class.

    `suffixes` are the names by which `source=auto` recognises the format; what has no telling name is recognised by
    `recognises`.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    peeked: ClassVar[int | None] = 100  # rows of which at least one must be an item; None: of all
    published: ClassVar[str | None] = None  # the data set at the hub that it reads, once that was fetched

    path: str = transient("???")  # the list: a file, a folder or a pattern, as the source has it
    root: str | None = transient(None)  # where relative image locations begin; by default the list's own folder
    # the key (the column) of the image's location; null: the rows have no images
    image_key: str | None = "image"
    video_key: str | None = None  # the key of a video's location; null: the rows have no videos
    caption_key: str | None = "caption"  # null: the images have no captions
    keep: list[str] | None = None  # the other keys that pass through; null: all of them
    # of the rows; more than that (and than a hundred) is no list to work with
    max_refused: float = transient(0.05, least=0, most=1)
    # what makes a row an item: content (its image and caption), row (each is one), or key:NAME (an id of the user's)
    identity: str = "content"
    where: str | None = transient(None)  # a condition on a row's keys; the others are left out, and counted
    row_key: str | None = None  # a key under which each item says which row of the list it is, the first being 0

    def __post_init__(self) -> None:
        self.path = self.there("path", self.path)
        self.root = self.root if self.root is None else self.there("root", self.root)
        if self.identity not in ("content", "row") and not (self.identity.startswith("key:") and self.identity[4:]):
            raise UserError(
                f"source.identity={self.identity}: give content, row, or key:NAME, where NAME is the key of ids of "
                "your own"
            )
        looked_at = set() if self.where is None else set(Where.of(self.where).keys)
        looked_at |= {self.id_key} if self.id_key is not None else set()
        if self.keep is not None:
            self._hidden = sorted(looked_at - {*self.keep, self.image_key, self.video_key, self.caption_key})
            self.keep = [*self.keep, *self._hidden]

    @property
    def id_key(self) -> str | None:
        return self.identity[4:] if self.identity.startswith("key:") else None

    def hidden(self) -> list[str]:
        """Keys that are read to choose by, and pass no further, since `keep` does not name them."""
        hidden: list[str] = self.__dict__.get("_hidden", [])
        return hidden

    def there(self, option: str, location: str) -> str:
        """The path that a setting means; a URL is none."""
        if scheme(location) not in (None, "file"):
            command = how_to_fetch(location)
            first = f"Fetch it first, for example: {command}" if command else "Fetch it to a disk of this machine first"
            raise UserError(
                f"source.{option}={location} is a URL, and lists and images are read from disks. {first}; then give "
                f"source.{option} as the path where it lies"
            )
        return local(location)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """By a look at it, where the name does not tell."""
        return False

    def entries(self) -> Iterator[Row]:
        raise NotImplementedError

    def rows(self) -> Iterator[Rows]:
        """The same, thousands at a time; for a source that can tell them faster that way."""
        return grouped(self.entries())

    def gives(self) -> dict[str, tuple[str, ...]]:
        """The fields of a record that its items bring along, beyond image and caption, by what made them (the name of
        an earlier run's step). Steps may read them."""
        return {}

    def brings(self) -> tuple[str, ...]:
        """Which of image, video and caption its items may have."""
        keys = {"image": self.image_key, "video": self.video_key}
        return (*(field for field, key in keys.items() if key is not None), "caption")

    def serve(self, needs: Mapping[str, str]) -> None:
        """Read for a pipeline that needs these fields of every item; with the step that reads each."""
        self._needs = dict(needs)

    @property
    def needs(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.__dict__.get("_needs", ALONE)
        return found

    def lacking(self, image: object, video: object, caption: object) -> str | None:
        """Why what a row has does not do, if so; of a source that is read by itself without the step that needs it."""
        for field, value in (("image", image), ("video", video)):
            if field in self.needs and not value:
                return f"has no {field}" + (f", which '{self.needs[field]}' reads" if self.needs[field] else "")
        if image or video or caption:
            return None
        of_texts = getattr(self, "image_key", "") is None and getattr(self, "video_key", None) is None
        return "has no text" if of_texts else "has neither an image nor a video nor a text"

    def peek(self, urls: bool = False) -> None:
        """Read as far as the first item: most that can be wrong shows there, before anything is written.
        `urls`: workers fetch images and videos."""
        first: Refusal | None = None
        for row in islice(self.entries(), self.peeked):
            if isinstance(row, Entry):
                self._check_no_url(row, urls)
                if row.video:
                    check_installed()
                return
            first = first or row
        if first is not None:
            raise UserError(f"{first} (and none of the first rows is an item)")

    def _check_no_url(self, row: Entry, fetched: bool) -> None:
        """A list of URLs would fail image by image."""
        for what, location in (("image", row.image), ("video", row.video)):
            if row.place or scheme(location) in (None, "file") or resolve(location, self.root).exists():
                continue
            if fetched and is_fetched(location):
                continue
            raise UserError(
                f"source.path={self.path}: the first {what} is {location!r:.200}, a URL, and {what}s are read from "
                "disks. Fetch them first (img2dataset does that for images, and source=webdataset reads its tars), or "
                f"name the column of paths with source.{what}_key=…"
                f"; a few {what}s workers can fetch, with load.urls=true"
            )

    def how(self) -> dict[str, Any]:
        """The format, and what was said of how to read it: the same file may give other rows when that changes."""
        said = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.metadata.get("transient") and f.name not in LOCATED and getattr(self, f.name) != f.default
        }
        return {"format": type(self).__name__.lower(), **said}

    def left_out(self) -> Counter[str]:
        """What was not read of a folder or of what fits a pattern, by kind, as far as was looked."""
        return Counter(self.__dict__.get("_left_out", {}))

    def image_root(self) -> str:
        if self.root is not None:
            return self.root
        path = Path(self.path)
        if not path.exists() and glob.has_magic(self.path):
            return str(fixed_part(path).resolve())
        return str(path.resolve() if path.is_dir() else path.resolve().parent)

    def fingerprint(self) -> dict[str, Any]:
        """Equal as long as reading again would give the same entries; cheap even for gigabytes."""
        return fingerprint(self.path, self.files())

    def files(self) -> list[Path]:
        """The input: one file, or those that a pattern or a folder stands for, in the order of their names."""
        path = Path(self.path)
        left_out: Counter[str] = Counter()
        if path.is_dir():
            refuse_run(path, f"source={type(self).__name__.lower()}")
            folder = InputFolder(path)
            walked = [Path(at.place, name) for at in folder.folders() for name in at.names if self._is_ours(name)]
            left_out, found = folder.left_out_folders(), sorted(walked)
            if not found:
                raise UserError(f"source.path={self.path}: no file in this folder ends in {' or '.join(self.suffixes)}")
        elif not path.exists() and glob.has_magic(self.path):
            found, left_out = fitting(path, fixed_part(path))
            if not found:
                raise UserError(self._nothing_fits(left_out))
        else:
            found = [path]
        self._left_out = left_out
        return [self.readable(file) for file in found]

    def _nothing_fits(self, left_out: Counter[str]) -> str:
        nothing = f"source.path={self.path}: no file fits this pattern (looked in {Path.cwd()})"
        if not left_out:
            return nothing
        return (
            f"{nothing}, but for what Labelyard has made ({told(left_out)}). If that is meant, name its folder without "
            "a pattern in its path, or say source=records"
        )

    def _is_ours(self, name: str) -> bool:
        return without_compression(name).lower().endswith(self.suffixes) or name.lower().endswith(self.suffixes)

    def readable(self, path: Path | None = None, option: str = "path") -> Path:
        """The input file, known to be there and readable."""
        path = path or Path(self.path)
        if not path.exists():
            raise UserError(
                f"source.{option}={path}: there is no such file (looked in {Path.cwd()}). {self._what_to_give(option)}"
            )
        if path.is_dir():
            raise UserError(f"source.{option}={path} is a folder; {type(self).__name__} reads a file")
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(
                f"source.{option}={path} is a pipe or device, not a file. A list is read more than once: to look "
                f"at it, to plan, to go on. Write it to a file first: cat {shlex.quote(str(path))} > list.jsonl"
            )
        if not os.access(path, os.R_OK):
            raise UserError(f"source.{option}={path} can't be read: no permission. Try: ls -l {path}")
        return path

    def _what_to_give(self, option: str) -> str:
        if self.published is None or option != "path":
            return "Give the list of images, for example source.path=train_data.json"
        command = how_to_fetch_dataset(self.published, self.path)
        return f"To fetch the data set: {command} (a run with dry_run=true asks the hub how large it is)"

    def entry(self, row: Any, where: str) -> Row:
        """A row as an entry; `where` leads a person to it when it can't be one."""
        if not isinstance(row, Mapping):
            return Refusal(where, f"{kind_of(row)}, not an object with '{self.image_key}' and a caption")
        given = dict(row)
        known = self.taken_from(given)
        if isinstance(known, str):
            return Refusal(where, known)
        image, video = (given.pop(key, None) if key is not None else None for key in (self.image_key, self.video_key))
        for what, key, value in (("an image", self.image_key, image), ("a video", self.video_key, video)):
            if value is not None and not isinstance(value, str):
                return Refusal(where, f"'{key}' is {kind_of(value)} ({value!r:.60}), not the location of {what}")
        if (lacking := self.lacking(image, video, self._words(row))) is not None:
            return Refusal(where, self._why(lacking, row))
        return self.made(image or "", video or "", given, where, known)

    def _words(self, row: Mapping[str, Any]) -> Any:
        return None if self.caption_key is None else row.get(self.caption_key)

    def taken_from(self, row: dict[str, Any]) -> Mapping[str, Any] | str | None:
        """What is known of the item by further keys of its row, which are taken out of it; or why it can't be one."""
        return None

    def made(
        self, image: str, video: str, others: dict[str, Any], where: str, known: Mapping[str, Any] | None = None
    ) -> Row:
        """An entry of what has been found, and of the other keys of a row, its caption among them."""
        given = dict(others)
        caption = given.pop(self.caption_key, None) if self.caption_key is not None else None
        if caption is not None and not isinstance(caption, str):
            return Refusal(where, f"'{self.caption_key}' is {kind_of(caption)} ({caption!r:.60}), not text")
        try:
            given = finite(self.kept(given))
        except ValueError as error:
            return Refusal(where, f"{error}; such a thing can't be passed on. Drop it from the list")
        has_caption = self.caption_key is None or self.caption_key in others
        return Entry(image, caption or "", given, has_caption=has_caption, known=known, video=video)

    def kept(self, given: dict[str, Any]) -> dict[str, Any]:
        return given if self.keep is None else {key: given[key] for key in self.keep if key in given}

    def _why(self, lacking: str, row: Mapping[str, Any]) -> str:
        """With what leads to what is missing: the key that was looked for, and those that there are."""
        option = next((name for what, name in KEY_OF.items() if lacking.startswith(f"has no {what}")), "image_key")
        key = getattr(self, option)
        if key is None:
            return f"{lacking}: source.{option}=null"
        if key in row and option == "caption_key":
            detail = f"'{key}' is {kind_of(row[key])} ({row[key]!r:.60})"
        elif key in row:
            what = "a video" if option == "video_key" else "an image"
            detail = f"'{key}' is {kind_of(row[key])} ({row[key]!r:.60}), not the location of {what}"
        else:
            detail = self.no_key(option, row)
        return detail if lacking == "has no image" else f"{lacking}: {detail}"

    def no_key(self, option: str, keys: Iterable[str]) -> str:
        """What to say when the key that `source.<option>` names is not there: which are, and the one probably meant."""
        known, wanted = [str(key) for key in keys], getattr(self, option)
        likely = nearest(wanted, known)
        inside = (
            [] if likely or not isinstance(keys, Mapping) else [k for k in known if _is_list_of_objects(keys.get(k))]
        )
        hint = f"Did you mean source.{option}={likely}?" if likely else f"Name the right one with source.{option}=…"
        hint += " (source.caption_key=null if there are no captions)" if option == "caption_key" else ""
        if inside and option == "image_key":
            hint += f" (if the file is one object around the list: source=train_json source.list_key={inside[0]})"
        return f"has no '{wanted}'; its keys are {', '.join(known) or 'none'}. {hint}"


def fingerprint(path: str, files: list[Path]) -> dict[str, Any]:
    if [str(file) for file in files] == [str(Path(path))]:
        size, *rest = _marks(files[0])
        return {
            "path": str(Path(path).resolve()),
            "bytes": size,
            "mtime_ns": rest[0],
            # An edit may keep size and time; it can't keep these.
            "ctime_ns": rest[1],
            "inode": rest[2],
        }
    digest, total = hashlib.blake2b(digest_size=16), 0
    for file in files:
        marks = _marks(file)
        total += marks[0]
        digest.update(f"{file.resolve()}\0{marks}\n".encode("utf-8", "surrogatepass"))
    return {"path": os.path.abspath(path), "files": len(files), "bytes": total, "digest": digest.hexdigest()}


def _marks(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def fixed_part(pattern: Path) -> Path:
    """The folder above everything that a pattern leaves open; the path itself where it is none."""
    if pattern.exists():
        return pattern
    return Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
