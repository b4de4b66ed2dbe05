"""Side images are encoded while the next step is at work: thirty beside each of many records fit into memory then."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from labelyard.generate.media.side_images import SideImage
from labelyard.generate.record import Record

MOST_THREADS = 4


class Encoding:
    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: list[Future[None]] = []

    def hand_over(self, records: Sequence[Record]) -> None:
        """Those that are pixels. What an earlier step made is encoded by then, or waited for: so many are in memory as
        one step makes."""
        self.wait()
        images = [image for record in records for image in record.images.values() if not image.is_encoded]
        if images:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), "encode")
            self._under_way = [self._threads.submit(_encode, image) for image in images]

    def wait(self) -> None:
        wait(self._under_way)
        self._under_way = []


def _encode(image: SideImage) -> None:
    with suppress(Exception):  # one that no file can hold is its record's trouble, when that is written
        image.encode()
