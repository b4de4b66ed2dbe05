"""Draws at random that come out the same again: for an item alone or in company, first or last, on any machine."""

from __future__ import annotations

import hashlib


def seed_of(item_id: str, step_name: str, number: int, run_seed: int) -> int:
    """For the `number`-th draw of a step about an item: 63 bits, as torch, numpy and Python's own generators take them.

    One generator for each item, on the CPU: one for a batch would give an item what its company leaves over.
    """
    parts = (item_id, step_name, str(number), str(run_seed))
    # The lengths tell where one ends and the next begins.
    told = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big") >> 1
