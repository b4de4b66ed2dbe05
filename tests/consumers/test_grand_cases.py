"""GranD's rules, case by case: what its own functions answer to the same input, and what is answered here.

GRAND_CASES names the folder of cases, which were made elsewhere by running those functions: a .json for each of them,
with `input`, `upstream` and, where that is a mistake, `differs` and what is `wanted` instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.affordances import KINDS, affordances
from labelyard.generate.record import Aside, Box, Instance, Record, Tag, Text
from labelyard.generate.roles import ATTRIBUTES, LABELS, attributes_of, floats, labels_of, set_role
from labelyard.generate.steps.depth.depth_maps import Pixels
from labelyard.generate.steps.depth.dpt import Dpt
from labelyard.generate.steps.label.clip import Choice, ClipLabel
from labelyard.generate.steps.merge.attributes import MergeAttributes
from labelyard.generate.steps.merge.level1 import MODELS, MergeLevel1
from labelyard.generate.steps.merge.level2 import MergeLevel2
from labelyard.generate.steps.merge.masks import MergeMasks
from labelyard.generate.steps.merge.voting import Seen, Trust, best_of_each
from labelyard.generate.steps.phrases.dense import DensePhrases
from labelyard.generate.steps.phrases.parser import Parse, Token
from labelyard.generate.steps.phrases.short import ShortPhrases
from labelyard.generate.steps.phrases.spans import Span, narrow, noun_phrases, wide
from labelyard.generate.steps.text.chat import TextChat
from labelyard.utils import rle
from tests.conftest import call
from tests.generate.conftest import item
from tests.generate.exporters.conftest import export

Json = dict[str, Any]
FOLDER = Path(os.environ.get("GRAND_CASES", "nowhere"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="GRAND_CASES names no folder of cases")

# GranD's names of its models, and those of pipeline=grand's steps
STEPS = dict(zip(("eva-02-01", "co_detr", "eva-02-02", "ov_sam", "owl_vit", "pomp", "grit"), MODELS, strict=True))
TAGGERS = ("ram", "tag2text", "landmark")  # of `raw`: no boxes
# Where its functions are not followed, and why; whatever is not here has to come out as they have it.
OTHERWISE = {
    "big_boxes/two_labels": "a box that wins by two of its labels is one object, and not two",
    "converters/png": "a file's name loses its ending as a whole, whatever it is",
    "dense_caption/hyphen": "a phrase is a part of the caption as it was written, not its tokens with blanks",
    "dense_caption/word_inside_a_word": "a man is not a woman: words are looked for, not letters",
    "scene_text/no_landmark": "a scene without a landmark is told without one",
    "short_captions/inside_a_word": "a dog is not in a dogma: words are looked for, not letters",
}


def cases(name: str) -> list[Any]:
    found = json.loads((FOLDER / f"{name}.json").read_bytes()) if FOLDER.is_dir() else []
    return [pytest.param(case, id=case["name"]) for case in found]


def each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases(name))


def check(ours: Any, case: Json, subject: str, theirs: Any, wanted: Any = None) -> None:
    """Equal to theirs; or, where that is a mistake, to what is wanted, and then not to theirs."""
    if "differs" not in case:
        assert ours == theirs
        return
    assert ours == wanted and ours != theirs
    place = f"{subject}/{case['name']}"
    print(f"{place}: {OTHERWISE.get(place, case['differs'])}")


def box(entry: Json, key: str = "bbox") -> Box:
    x0, y0, x1, y1 = map(float, entry[key])
    return x0, y0, x1, y1


def words(entry: Json) -> list[str]:
    said = entry.get("attributes") or []
    return [said] if isinstance(said, str) else list(said)


def instances(level: Json) -> list[Instance]:
    """By their ids, which are those of their places."""
    found: dict[int, Instance] = {}
    for key in ("objects", "floating_objects"):
        for entry in level[key]:
            label = entry.get("label") or entry["labels"][0] if entry["labels"] else ""
            one = Instance(box(entry), entry.get("score", 0.0), label, extra={LABELS: list(entry["labels"])})
            one.extra |= {ATTRIBUTES: words(entry)} if words(entry) else {}
            one.extra |= {"median_depth": entry["depth"]} if entry.get("depth") is not None else {}
            set_role(one, floating=key == "floating_objects")
            found[entry["id"]] = one
    assert sorted(found) == list(range(len(found)))
    return [found[number] for number in sorted(found)]


def record(made: list[Instance] | None = None, size: Sequence[int] = (64, 48)) -> Record:
    return Record(item(0), Image.new("RGB", (size[0], size[1])), instances=made or [])


def related(grounding: Iterable[Json]) -> list[Json]:
    return [{"phrase": one["phrase"], "annos": list(one["object_ids"])} for one in grounding]


def parse(tokens: Iterable[Json]) -> Parse:
    return [
        Token(one["text"], one["start"], one["pos"], one["lemma"], one["stop"], one["punct"], tuple(one["subtree"]))
        for one in tokens
    ]


def told(one: Instance, number: int, *keys: str) -> Json:
    whole = {
        "bbox": list(one.box),
        "labels": labels_of(one),
        "score": one.score,
        "attributes": attributes_of(one) or None,
        "id": number,
    }
    return {key: whole[key] for key in keys or whole}


def both(made: Sequence[Instance], *keys: str) -> Json:
    numbered = list(enumerate(made))
    return {
        "objects": [told(one, n, *keys) for n, one in numbered if not floats(one)],
        "floating_objects": [told(one, n, *keys) for n, one in numbered if floats(one)],
    }


@each("nms")
def test_the_best_boxes_of_one_model(case: Json) -> None:
    seen = [Seen(box(one), one["score"], one["label"]) for one in case["input"]["detections"]]
    found = [{"bbox": list(one.box), "score": one.score, "label": one.label} for one in best_of_each(seen)]
    check(found, case, "nms", case["upstream"])


class AsTheyCome(MergeLevel1):
    """Theirs is given what the program before it has left of each model's boxes, in that order."""

    def _seen(self, record: Record, name: str, trust: Trust) -> list[Seen]:
        return [Seen(one.box, one.score, one.label) for one in record.aside[name].instances or ()]


@each("level1")
def test_votes_of_all_models(case: Json) -> None:
    made, raw = record(), case["input"]["raw"]
    assert set(raw) <= {*STEPS, *TAGGERS}
    for theirs, step in STEPS.items():
        there = [
            Instance(box(one), one["score"], one.get("description") or one["label"]) for one in raw.get(theirs, ())
        ]
        made.aside[step] = Aside(instances=there)
    AsTheyCome()([made])
    of = affordances((number, labels_of(one)) for number, one in enumerate(made.instances))
    ours = {
        **both(made.instances),
        "floating_attributes": made.found["floating_attributes"],
        "affordances": {kind: {"object_ids": one.numbers, "labels": one.labels} for kind, one in of.items()},
    }
    answer = {key: case["upstream"][key] for key in ours}
    for one in (*answer["objects"], *answer["floating_objects"]):
        one["labels"] = list(dict.fromkeys(one["labels"]))
    check(ours, case, "level1", answer)


def test_what_people_do_with_things() -> None:
    theirs = json.loads((FOLDER / "affordances.json").read_bytes())
    assert {kind: list(labels) for kind, (_, labels) in KINDS.items()} == theirs


@each("phrases")
def test_the_noun_phrases_of_a_caption(case: Json) -> None:
    caption, tokens = case["input"]["caption"], parse(case["input"]["parse"])
    found = noun_phrases(caption, tokens)
    assert [[one.noun, one.start, one.end, one.of(caption)] for one in found] == case["wanted_spans"]
    for ours, key in ((narrow(caption, tokens), "narrow"), (wide(caption, tokens), "wide"), (found, "used")):
        # Theirs are put together of tokens: the same letters, at no place in the caption.
        assert _letters(ours, caption) == [(noun.lower(), _close(text)) for noun, text in case["upstream"][key]]


def _letters(spans: Iterable[Span], caption: str) -> list[tuple[str, str]]:
    return [(span.noun.lower(), _close(span.of(caption))) for span in spans]


def _close(text: str) -> str:
    return "".join(text.lower().split())


@each("level2")
def test_phrases_that_were_found_become_relations(case: Json) -> None:
    given = case["input"]
    made = record(instances(given["level1"]))
    grounded = given["grounded"]
    nouns = {one["phrase"]: one["label"] for one in grounded}
    made.aside["phrases"] = Aside(tags=[Tag(phrase, 1.0, extra={"noun": noun}) for phrase, noun in nouns.items()])
    made.aside["phrase_boxes"] = Aside(instances=[Instance(box(one), 0.0, one["phrase"]) for one in grounded])
    MergeLevel2()([made])
    relations = made.found["relationships"]
    met = {number for one in relations for number in one["annos"]}
    floating = {number for number, one in enumerate(made.instances) if floats(one)}
    theirs = case["upstream"]
    boxed = ("bbox", "labels", "attributes", "id")
    ours = {
        **both(made.instances, *boxed),
        "relationships": {
            "object_ids": sorted(met - floating),
            "floating_object_ids": sorted(met & floating),
            "grounding": [{"phrase": one["phrase"], "object_ids": sorted(one["annos"])} for one in relations],
        },
    }
    wanted = {
        **{
            key: [{"attributes": None, **{k: one[k] for k in boxed if k in one}} for one in theirs[key]]
            for key in ("objects", "floating_objects")
        },
        "relationships": {
            **{key: sorted(theirs["relationships"][key]) for key in ("object_ids", "floating_object_ids")},
            "grounding": [
                {"phrase": one["phrase"], "object_ids": sorted(one["object_ids"])}
                for one in theirs["relationships"]["grounding"]
            ],
        },
    }
    check(ours, case, "level2", wanted)
    # Who was there keeps the score; one that a phrase has made has none in theirs, and its box's here.
    scores = {
        tuple(one["bbox"]): one["score"]
        for key in ("objects", "floating_objects")
        for one in theirs[key]
        if "score" in one
    }
    assert all(scores.get(one.box, one.score) == one.score for one in made.instances)


@each("large_enough")
def test_objects_that_are_worth_a_description(case: Json) -> None:
    given = case["input"]
    made = record([*instances({"objects": given["objects"], "floating_objects": []})], given["size"])
    for one in made.instances:
        one.caption = "said of it"
    MergeAttributes(min_part=given["part"], promote=False)([made])
    check([n for n, one in enumerate(made.instances) if attributes_of(one)], case, "large_enough", case["upstream"])


@each("big_boxes")
def test_large_things_that_are_promoted(case: Json) -> None:
    given = case["input"]
    there = instances(given)
    made = record(list(there), given["size"])
    MergeAttributes()([made])
    number = {one.box: n for n, one in enumerate(there)}
    assert len(number) == len(there)
    ours = {
        "objects": [number[one.box] for one in made.instances if not floats(one)],
        "floating_objects": [number[one.box] for one in made.instances if floats(one)],
    }
    theirs = {key: [one["id"] for one in case["upstream"][key]] for key in ours}
    check(ours, case, "big_boxes", theirs, case.get("wanted"))


class Measured(Dpt):
    """Whose depth is known."""

    known: Any = None

    def _framed(self, image: Image.Image) -> Pixels:
        import torch

        return Pixels(torch.zeros(1), image.size)

    def _estimate(self, images: Sequence[Pixels]) -> list[Any]:
        return [self.known for _ in images]


class Assigned(ClipLabel):
    """Of several names the one that somebody chose."""

    def _ready(self, choice: Choice) -> Any:
        return choice


class Choosing:
    def __init__(self, chosen: dict[int, str]) -> None:
        self._chosen = chosen  # by the instance's id() in Python

    def seen(self, choices: Sequence[Choice]) -> list[str | None]:
        return [self._chosen.get(id(one.instance)) for one in choices]

    def read(self, names: Sequence[str], _: object) -> Sequence[str]:
        return names

    def scores(self, chosen: str | None, names: Sequence[str]) -> Any:
        return np.array([name == chosen for name in names])


@each("label_and_depth")
def test_the_label_and_the_depth_of_each(case: Json) -> None:
    given = case["input"]
    made = record(instances(given))
    depth = Measured(keep=False, within="box", of_floating=False, nothing=0.0)
    depth.known = np.array(given["depth_uint8"], np.float32) / 255 * (given["max"] - given["min"]) + given["min"]
    label = Assigned()
    label.loaded.matching = Choosing(
        {id(made.instances[int(n)]): name for n, name in (given["assigned"] or {}).items()}
    )
    depth([made])
    label([made])
    theirs, said = case["upstream"], [one for one in made.instances if not floats(one)]
    assert [one.label for one in said] == [one["label"] for one in theirs["objects"]]
    entries = {one["id"]: one for key in ("objects", "floating_objects") for one in theirs[key]}
    for number, one in enumerate(made.instances):
        wanted = entries[number].get("depth")
        found = one.extra.get("median_depth")
        assert found is wanted is None or found == pytest.approx(wanted, abs=0.01), number


@each("scene_text")
def test_a_scene_as_text(case: Json) -> None:
    given = case["input"]
    made = record(instances(given))
    made.found["relationships"] = related(given["relationships"]["grounding"])
    made.found["landmark"] = given["landmark"]
    made.texts = {str(number): Text(text, "model") for number, text in enumerate(given["captions"])}
    ours = {
        level: TextChat(task=task, captions=list(made.texts)).scene(made)
        for level, task in (("level3", "dense"), ("level4", "context"))
    }
    check(ours, case, "scene_text", case["upstream"], case.get("wanted"))


@each("short_captions")
def test_what_short_captions_speak_of(case: Json) -> None:
    given = case["input"]
    made = record(instances(given))
    made.found["relationships"] = related(given["relationships"]["grounding"])
    made.texts = {str(number): Text(text, "model") for number, text in enumerate(given["captions"])}
    ShortPhrases(texts=list(made.texts))([made])
    ours = [
        {
            "caption": text.text,
            "details": [
                {
                    "phrase": text.text[one.start : one.end],
                    "tokens_positive": [one.start, one.end],
                    "id": min(one.instances),
                    "bbox": list(made.instances[min(one.instances)].box),
                }
                for one in text.phrases
            ],
        }
        for text in made.texts.values()
    ]
    wanted = json.loads(json.dumps(case["upstream"]))
    if "wanted_tokens" in case:
        start, end = case["wanted_tokens"]
        wanted[0]["details"][0] |= {"phrase": wanted[0]["caption"][start:end], "tokens_positive": [start, end]}
    check(ours, case, "short_captions", case["upstream"], case.get("wanted", wanted))


@each("dense_caption")
def test_what_a_dense_caption_speaks_of(case: Json) -> None:
    given = case["input"]
    made = record(instances(given))
    made.found["relationships"] = related(given["grounding"])
    made.texts["dense"] = Text(given["caption"], "model")
    step = DensePhrases(parser="en_core_web_sm")
    parses = {text: parse(tokens) for text, tokens in given["parses"].items()}
    step._parser = lambda texts: [parses[text] for text in texts]
    step([made])
    text = made.texts["dense"]
    details = [
        {
            "phrase": text.text[one.start : one.end].lower(),  # theirs are in small letters
            "tokens_positive": [one.start, one.end],
            "ids": list(one.instances),
            "bbox": [list(made.instances[number].box) for number in one.instances],
        }
        for one in text.phrases
    ]
    check({"caption": text.text, "details": details}, case, "dense_caption", case["upstream"], case.get("wanted"))


@each("masks")
def test_masks_that_are_there_already(case: Json) -> None:
    given = case["input"]
    made, masks = record(instances(given)), Masks()
    sa1b = [([x, y, x + w, y + h], one["segmentation"]) for one in given["sam"] for x, y, w, h in [one["bbox"]]]
    made.aside["sa1b"] = Aside(instances=masks.of(sa1b))
    made.aside["masks1"] = Aside(instances=masks.of((one["bbox"], one["sam_mask"]) for one in given["eva"]))
    MergeMasks()([made])
    ours = both(made.instances)
    for one in (*ours["objects"], *ours["floating_objects"]):
        there = made.instances[one["id"]]
        if there.mask is not None:
            one["segmentation"] = masks.told(there.mask)
            one["segmentation_source"] = there.extra["mask_source"]
    theirs = json.loads(json.dumps(case["upstream"]))
    for one in (*theirs["objects"], *theirs["floating_objects"]):
        if one.get("segmentation_source", "SAM") != "SAM":
            one["segmentation_source"] = "masks1"  # ours is called by its step, whatever its model
    check(ours, case, "masks", theirs)


class Masks:
    """Those of the cases decode to nothing: real ones in their stead, each told from the others by its area."""

    def __init__(self) -> None:
        self._theirs: list[Json] = []

    def of(self, several: Iterable[tuple[Sequence[float], Json]]) -> list[Instance]:
        made = []
        for corners, mask in several:
            self._theirs.append(mask)
            pixels = np.zeros(mask["size"], dtype=bool)
            pixels.flat[: len(self._theirs)] = True
            made.append(Instance(box({"bbox": corners}), 1.0, "", rle.encode(pixels)))
        return made

    def told(self, mask: rle.Rle) -> Json:
        return self._theirs[int(rle.area(mask)) - 1]


@each("converters")
def test_what_is_made_for_training(case: Json, tmp_path: Path) -> None:
    """By a run that takes the file over, and two exports of it."""
    given = json.loads(json.dumps(case["input"]))
    image, masks = given["image"], {}
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (100, 100)).save(tmp_path / "pictures" / image)
    for number, one in enumerate(given["body"]["objects"]):
        if one.get("segmentation"):  # theirs decode to nothing
            pixels = np.zeros((100, 100), dtype=bool)
            pixels[0, : number + 1] = True
            masks[number + 1], one["segmentation"] = one["segmentation"], rle.encode(pixels)
    (tmp_path / "level-4").mkdir()
    stem, ending = os.path.splitext(image)
    body = {"floating_attributes": [], "relationships": {"grounding": []}, **given["body"]}
    (tmp_path / "level-4" / f"{stem}.json").write_text(json.dumps({image: body}))
    settings = ["source=grand", f"source.root={tmp_path / 'pictures'}", f"source.ending={ending}", "pipeline=given"]
    run = ["cluster=debug", f"source.path={tmp_path / 'level-4'}", f"output={tmp_path / 'run'}"]
    assert call("run", *settings, *run).returncode == 0
    for name in ("grand", "grand_lmdb"):
        assert export(tmp_path / "run", name, tmp_path / name).returncode in (0, 3)
    (file,) = (tmp_path / "grand").glob("*.json")
    (level,) = json.loads(file.read_bytes()).values()

    def told(one: Json) -> Json:
        return {**one, "segmentation": masks[int(rle.area(one["segmentation"]))]}

    ours = {
        "prepare_object_lvl_data": [told(one) for one in level["objects"]],
        "prepare_grand_caption_grounding": database(tmp_path, "Grand_Caption_Grounding_lmdb").get(image, []),
        "prepare_grand_referring_expression": [
            told(one) for one in database(tmp_path, "Grand_Referring_Expression_lmdb").get(image, [])
        ],
    }
    for key, there in ours.items():
        theirs = case["upstream"][key]
        check(file.name, case, "converters", theirs["file"], case.get("wanted_file"))
        known = [
            {**one, "attributes": words(one) or None} if "attributes" in one else one for one in theirs["body"][image]
        ]
        assert [{k: one[k] for k in (known[0] if known else ())} for one in there] == known


def database(folder: Path, name: str) -> Json:
    import lmdb

    place = folder / "grand_lmdb" / "GranD_Data" / name
    with lmdb.open(str(place), readonly=True, lock=False) as environment, environment.begin() as there:
        return {k: v for _, value in there.cursor() for k, v in json.loads(bytes(value)).items()}


def test_what_is_otherwise_is_a_mistake_in_theirs() -> None:
    """Of each that is in the folder, its own word says so."""
    for place in OTHERWISE:
        subject, name = place.split("/")
        there = {case.values[0]["name"]: case.values[0] for case in cases(subject)}
        assert name not in there or "differs" in there[name], place
