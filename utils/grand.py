"""The words of GranD's data set that its reader and its writers share."""

from __future__ import annotations

SHORT = ("blip2", "llava")  # the texts that are its short captions, in its order
DENSE, CONTEXT = "dense", "context"  # the texts that are its dense caption and additional context
LANDMARK, RELATIONSHIPS, FLOATING_ATTRIBUTES = "landmark", "relationships", "floating_attributes"  # findings
DEPTH = "median_depth"  # of an instance
DEPTHS = ("depth", "median_depth")  # as it was published: both
