"""The keys of a record's JSON, each list of them written down once. docs/schema.md says what they mean."""

from __future__ import annotations

SCHEMA = "labelyard/1"
EMBEDDING_WIDTH = 768

# What every record has, and of which kind it is.
ALWAYS = {
    "id": str,
    "file_name": str,
    "width": int,
    "height": int,
    "original": dict,
    "file": dict,
    "tags": list,
    "models": dict,
    "made_by": dict,
    "dataset_name": str,
}
# The record's own keys; what the user gave under one of these names goes to `given`.
OWN_KEYS = frozenset(
    [*ALWAYS, "schema", "data_id", "caption", "image", "is_det", "annos", "images", "given", "segs"],
)

LABEL_EMBEDDING, CAPTION_EMBEDDING = EMBEDDINGS = ("text_embedding_before", "blip_clip_embeddings")
# An instance's own keys; all others are what steps found besides.
OWN_KEYS_OF_INSTANCES = frozenset(
    [
        "id",
        "isfake",
        "isreflected",
        "bbox",
        "mask_value",
        "pred_score",
        "category_id",
        "data_id",
        "category_name",
        "is_stuff",
        "is_thing",
        "area",
        "original",
        "mask",
        "mask_area",
        "caption",
        "caption_source",
        *EMBEDDINGS,
    ]
)
# Base64: of no use to an eye.
HEAVY = ("image", *EMBEDDINGS)
