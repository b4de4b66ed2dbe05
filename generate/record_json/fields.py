"""The keys of a record's JSON, each list of them written down once. docs/schema.md says what they mean."""

from __future__ import annotations

SCHEMA = "labelyard/1"
# Of records that have one of NEWER, a video, or no image inside; all others are as they were.
SCHEMA_2 = "labelyard/2"
NEWER = ("texts", "found", "aside", "clips")
EMBEDDING_WIDTH = 768

# What a record has that is of an image, inside or not.
OF_AN_IMAGE = ("width", "height", "original")
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
OWN_KEYS_2 = OWN_KEYS | frozenset([*NEWER, "video"])

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
OWN_KEYS_OF_INSTANCES_ASIDE = frozenset(["box", "score", "label", "mask", "caption", "caption_source", *EMBEDDINGS])
OWN_KEYS_OF_TAGS = frozenset(["name", "score", "prompt"])
OWN_KEYS_OF_TEXTS = frozenset(["text", "source", "phrases"])
SOURCES_OF_TEXTS = ("given", "model", "template")
# Base64: of no use to an eye.
HEAVY = ("image", *EMBEDDINGS)
