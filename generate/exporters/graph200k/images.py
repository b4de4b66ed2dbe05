"""A record's images, as they are exported: from where they lie, in the size and coding that are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.exporters.graph200k.pictures import Pictures, Size
from labelyard.generate.media.inside_files import read_reference
from labelyard.generate.media.load import read
from labelyard.generate.media.parts import cut
from labelyard.generate.record import Item
from labelyard.generate.record_json.beside import place_of
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.graph200k import IMAGES, TARGET
from labelyard.utils.images import UnreadableImage, decode_as_it_is, encode_png


@dataclass(frozen=True)
class RecordImages:
    run: Path
    root: str  # where relative places begin
    original: bool  # the target's size is that of the image as it was read, not of the record
    pictures: Pictures

    @classmethod
    def of_run(cls, run: RunFolder, original: bool, pictures: Pictures) -> RecordImages:
        return cls(run.path, run.read_run()["config"]["image_root"], original, pictures)

    def there(self, record: Finished) -> dict[str, Any]:
        """What the record says of each image that it has of Graph200K's, beside its own."""
        return {name: entry for name, entry in record.body.get("images", {}).items() if name in IMAGES}

    def size(self, record: Finished) -> Size:
        return record.size(self.original)

    def encoded(self, record: Finished, column: str) -> tuple[bytes, str]:
        """Bytes and ending. UnreadableImage or ItemError where it can't be had."""
        entry = record.body.get("images", {}).get(column, {})
        try:
            return self.pictures.of(column, self._bytes(record, column, entry), entry, self.size(record))
        except (UnreadableImage, OSError) as error:
            raise UnreadableImage(f"{column}: {error}") from None

    def _bytes(self, record: Finished, column: str, entry: dict[str, Any]) -> bytes:
        if column == TARGET:
            inside = not self.original and "image" in record.body
            return record.image() if inside else _own(record.item, self.root)
        if "path" in entry:
            return Path(self.run, str(entry["path"])).read_bytes()
        return read_reference(place_of(entry), self.root, record.item.id)


def _own(item: Item, root: str) -> bytes:
    """The image's own bytes; of a part of a picture a PNG of it."""
    data = read(item, root)
    if item.place is None or "part" not in item.place:
        return data
    return encode_png(cut(decode_as_it_is(data), item.place["part"]))
