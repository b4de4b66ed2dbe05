"""JSON of a form, found in what a model says."""

from __future__ import annotations

from typing import Any

import pytest

from labelyard.generate.steps.models.chat.structured import NotFitting, check_schema, read

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "mood": {"enum": ["calm", "wild"]},
        "boxes": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        },
        "name": {"type": ["string", "null"], "maxLength": 5},
    },
    "required": ["score"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ('{"score": 3}', {"score": 3}),
        ('Sure! Here it is:\n```json\n{"score": 5, "mood": "calm"}\n```\nAnything else?', {"score": 5, "mood": "calm"}),
        ('{"score": 9} no, rather {"score": 4, "name": null}', {"score": 4, "name": None}),
        ('{"score": 1.0, "boxes": [[0, 1, 2.5, 3]]}', {"score": 1.0, "boxes": [[0, 1, 2.5, 3]]}),
        ('a {brace} and [bracket] {"score": 2}', {"score": 2}),
    ],
)
def test_the_first_that_fits_is_found(said: str, value: Any) -> None:
    assert read(said, SCHEMA) == value


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("I can't see it", "there is no JSON in it that is an object"),
        ('{"score": "high"}', "score is string, not integer"),
        ('{"score": true}', "score is boolean, not integer"),
        ('{"score": NaN}', "there is no JSON in it"),
        ('{"mood": "calm"}', "it has no 'score'"),
        ('{"score": 6}', "score is more than 5"),
        ('{"score": 3, "mood": "odd"}', 'mood is "odd", not one of "calm", "wild"'),
        ('{"score": 3, "other": 1}', "other was not asked for"),
        ('{"score": 3, "boxes": [[1, 2]]}', r"boxes\[0\] is less than 4 items"),
        ('{"score": 3, "name": "longer"}', "name is more than 5 characters"),
        ("[" * 100_000, "there is no JSON in it"),
    ],
)
def test_what_does_not_fit_is_said(said: str, trouble: str) -> None:
    with pytest.raises(NotFitting, match=trouble):
        read(said, SCHEMA)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "schema.type='objekt': give one of object"),
        ({"properties": {"a": {"pattern": "x"}}}, "schema.a: 'pattern' is not known here"),
        ("object", "give a JSON schema"),
    ],
)
def test_a_schema_that_is_not_understood_is_refused(schema: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_schema(schema)


def test_values_that_may_be_one_of_several() -> None:
    schema = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "number"}}]}
    assert read('{"a": 1}', schema) == {"a": 1}
    with pytest.raises(NotFitting, match="none of what it may be"):
        read("[1]", schema)
