"""What a row has under which key, looked up in thousands of rows that are columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelyard.generate.rows import Rows
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import parse, text_of


class RowValues:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._hidden = source.hidden()

    def of(self, rows: Rows, at: int) -> dict[str, Any]:
        """All that a row has, image and caption among them."""
        source = self._source
        image, caption = rows.images[at], rows.captions[at]
        video = "" if rows.videos is None else rows.videos[at]
        names = (
            (source.image_key, image),
            (getattr(source, "name_key", None), image),
            (source.video_key, video),
            (source.caption_key, caption),
        )
        found: dict[str, Any] = {name: value for name, value in names if name is not None}
        if rows.given is not None and rows.given[at]:
            found |= parse(rows.given[at])
        return found

    def number(self, rows: Rows, which: Sequence[int], places: Sequence[int]) -> None:
        """Each of these rows says under `source.row_key` which row of the list it is; `places`: of all, from 1."""
        key = self._source.row_key
        if key is None:
            return
        rows.given = rows.given if rows.given is not None else [""] * len(rows.images)
        for at in which:
            given = parse(rows.given[at]) if rows.given[at] else {}
            if key in given:
                raise UserError(
                    f"source.row_key={key}: row {places[at]} has a '{key}' of its own ({given[key]!r:.60}). Give "
                    "another name"
                )
            rows.given[at] = text_of({**given, key: places[at] - 1})

    def drop_hidden(self, rows: Rows, which: Sequence[int]) -> None:
        """Keys that were read to choose by pass no further than here."""
        if not self._hidden or rows.given is None:
            return
        for at in which:
            given = parse(rows.given[at]) if rows.given[at] else {}
            left = {key: value for key, value in given.items() if key not in self._hidden}
            rows.given[at] = text_of(left) if left else ""
