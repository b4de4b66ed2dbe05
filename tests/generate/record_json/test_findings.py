"""Texts, findings, asides, side images and clips: written, read back, checked."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Aside, Clip, Instance, Item, Phrase, Record, SideImage, Tag, Text
from labelyard.generate.record_json.beside import given_image
from labelyard.generate.record_json.body import given_of, newer
from labelyard.generate.record_json.check import record_problems
from labelyard.generate.record_json.encode import Write, to_json
from labelyard.generate.record_json.files import encoded, write
from labelyard.generate.record_json.finished import Finished, Wanted
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils import rle
from labelyard.utils.images import encode_png
from labelyard.utils.jsons import dump

NONE = Write(image="none", short_side=None)
VECTOR = np.linspace(0, 1, 768, dtype=np.float32)[None]


def mask(width: int = 40, height: int = 30) -> Any:
    found = np.zeros((height, width), bool)
    found[3:9, 5:20] = True
    return rle.encode(found)


def record(place: Path, given: dict[str, Any] | None = None) -> Record:
    image = Image.effect_noise((40, 30), 60).convert("RGB")
    image.save(place / "a.png")
    text = Text("a small dog near a red car", "model", (Phrase(0, 11, (0,)), Phrase(17, 26, (1, 2))), {"tokens": 7})
    made = Record(Item("0123456789abcdef", 0, "a.png", "c", given or {}), image, None, {"format": "PNG"}, "c")
    made.instances = [Instance((n + 0.25, 1, n + 9.5, 20), 0.5, f"thing {n}", mask()) for n in range(3)]
    for one in made.instances:
        one.label_embedding = VECTOR
    made.texts = {"llava": text, "plain": Text("näïve 🐕", "given")}
    made.found = {
        "landmark": {"category": "Outdoor scene"},
        "score": 3,
        "relations": [{"phrase": "x", "annos": [1, 2]}],
    }
    made.aside = {
        "ram": Aside(tags=[Tag("dog", 0.9, extra={"noun": "dog", "spans": [["llava", 0, 11]]})]),
        "boxes1": Aside(instances=[Instance((0.125, 0, 39.5, 30), 0.25, "dog", mask(), "a dog", "template", VECTOR)]),
        "grounded": Aside(instances=made.instances[:1], texts={"t": replace(text, phrases=(Phrase(2, 7, (0,)),))}),
    }
    made.aside["boxes1"].instances[0].extra = {"raw": [1, 2]}  # type: ignore[index]
    return made


def written(made: Record, place: Path, options: Write = NONE) -> tuple[dict[str, Any], Path]:
    run = RunFolder(place / "run")
    run.make()
    write(run, 0, made, options, {"labelyard": "0", "config": "c"})
    path = run.record(0, made.item)
    return json.loads(path.read_bytes()), path


def read_back(made: Record, path: Path, root: Path, **known: str) -> Record:
    return load(replace(made.item, known={"record": str(path), **known}), str(root), Load())


@pytest.mark.parametrize("options", [NONE, Write(), Write(short_side=None), replace(NONE, short_side=90)])
def test_what_is_written_is_what_is_read_back(tmp_path: Path, options: Write) -> None:
    made = record(tmp_path)
    body, path = written(made, tmp_path, options)
    assert body["schema"] == "labelyard/2" and record_problems(body, options.embedded) == []
    again = read_back(made, path, tmp_path)
    assert again.texts == made.texts and again.found == made.found
    assert again.aside["ram"] == made.aside["ram"] and list(again.aside) == list(made.aside)
    for one, other in zip(again.aside["boxes1"].instances or (), made.aside["boxes1"].instances or (), strict=True):
        assert (one.box, one.mask, one.caption, one.extra) == (other.box, other.mask, other.caption, other.extra)
        np.testing.assert_array_equal(one.label_embedding, other.label_embedding)
    assert [(one.box, one.mask) for one in again.instances] == [(one.box, one.mask) for one in made.instances]
    same = {
        key: value for key, value in to_json(again, options, body["made_by"]).items() if key not in ("image", "file")
    }
    assert same == {key: value for key, value in body.items() if key not in ("image", "file")}


def test_boxes_aside_are_unrounded_and_of_the_image_whatever_the_frame(tmp_path: Path) -> None:
    body, path = written(record(tmp_path), tmp_path, Write(short_side=300))
    found = body["aside"]["boxes1"]["instances"][0]
    assert found["box"] == [0.125, 0.0, 39.5, 30.0] and found["mask"]["size"] == [30, 40]
    place = {"file": str(path), "record": True}
    item = replace(record(tmp_path).item, place=place, known={"record": str(path), "from": "record"})
    again = load(item, None, Load())
    assert again.width == 400 and list(again.aside) == ["ram"], "boxes of other pixels are left out"
    assert again.texts == record(tmp_path).texts


def test_without_asides_where_they_are_not_wanted(tmp_path: Path) -> None:
    body, _ = written(record(tmp_path), tmp_path, replace(NONE, aside=False))
    assert "aside" not in body and body["texts"].keys() == {"llava", "plain"}


def test_a_users_key_of_a_new_name_stays_where_it_was_unless_the_name_is_taken(tmp_path: Path) -> None:
    made = record(tmp_path, {"found": "in a box", "clips": 3})
    body, _ = written(made, tmp_path)
    assert body["given"] == {"found": "in a box", "clips": 3} and "clips" not in body
    assert given_of(body) == {} and newer(body, "found") == made.found
    made.texts, made.found, made.aside = {}, {}, {}
    body, path = written(made, tmp_path, Write())
    assert (body["schema"], body["found"], body["clips"]) == ("labelyard/1", "in a box", 3) and "given" not in body
    assert given_of(body) == {"found": "in a box", "clips": 3} and newer(body, "found") == {}
    assert record_problems(body) == [] and read_back(made, path, tmp_path).found == {}


def test_without_images_every_mask_is_there_once_and_nothing_is_for_the_trainer_alone(tmp_path: Path) -> None:
    made = record(tmp_path)
    made.instances[1].mask = None
    made.texts, made.aside = {}, {}
    body, path = written(made, tmp_path)
    assert "image" not in body and body["schema"] == "labelyard/2"
    assert ["mask" in entry for entry in body["annos"]] == [True, False, True]
    assert all("mask" not in entry["original"] for entry in body["annos"])
    finished = Finished(made.item, path)
    assert [one.mask for one in finished.instances(original=True)] == [mask(), None, mask()]
    assert [one.mask for one in read_back(made, path, tmp_path).instances] == [mask(), None, mask()]
    del made.instances[1:], made.found["relations"]
    alone, _ = written(made, tmp_path)
    assert len(alone["annos"]) == 1 and record_problems(alone, embedded=False) == []
    assert any("a single anno" in text for text in record_problems(alone)), "the trainer's rules are as they were"
    with_image = len(dump(to_json(made, Write(short_side=None), {})))
    assert len(dump(alone)) < with_image / 2
    other = written(made, tmp_path, replace(NONE, short_side=60))[0]["annos"][0]
    assert other["mask"]["size"] == [60, 80] and other["original"]["mask"]["size"] == [30, 40]


def test_with_images_not_a_byte_is_another_than_before(tmp_path: Path) -> None:
    made = record(tmp_path)
    made.texts, made.found, made.aside = {}, {}, {}
    body, _ = written(made, tmp_path, Write(short_side=None))
    assert body["schema"] == "labelyard/1" and all(entry["original"]["mask"] == mask() for entry in body["annos"])
    assert not body.keys() & {"texts", "found", "aside", "clips"}


def test_an_export_without_low_scores_takes_the_phrases_along(tmp_path: Path) -> None:
    made = record(tmp_path)
    made.instances[1].score = 0.1
    _, path = written(made, tmp_path)
    body = Finished(made.item, path).written(Wanted(0.3), image=True)
    assert [entry["id"] for entry in body["annos"]] == [0, 2]
    assert [p["annos"] for p in body["texts"]["llava"]["phrases"]] == [[0], [2]]
    assert body["found"]["relations"] == [{"phrase": "x", "annos": [2]}]
    assert record_problems(body, embedded=False) == []
    made.instances[0].score = 0.1
    _, path = written(made, tmp_path)
    body = Finished(made.item, path).written(Wanted(0.3), image=True)
    assert [p["start"] for p in body["texts"]["llava"]["phrases"]] == [17] and len(body["annos"]) == 1


def test_a_text_alone_is_a_record(tmp_path: Path) -> None:
    made = Record(Item("0123456789abcdef", 0, "", "only words"), caption="only words")
    made.texts = {"it": Text("only words", "given")}
    body, _ = written(made, tmp_path)
    assert not body.keys() & {"image", "width", "height", "original"} and body["annos"] == []
    assert record_problems(body, embedded=False) == []
    made.instances = [Instance((0, 0, 1, 1), 1.0, "x")]
    with pytest.raises(ItemError, match="1 instances, and no image"):
        written(made, tmp_path)


def test_an_image_that_lies_somewhere_is_not_copied_but_named(tmp_path: Path) -> None:
    made = record(tmp_path)
    data = encode_png(Image.new("I;16", (5, 4), 40_000))
    (tmp_path / "b.tar").write_bytes(b"front" + data + b"behind")
    place = {"file": "b.tar", "offset": 5, "bytes": len(data)}
    made.images = {
        "depth": SideImage(place=place, reader=lambda: pytest.fail("read, and nobody wanted it"), meta={"unit": "m"}),
        "edges": SideImage(Image.new("L", (6, 4)), {"low": 3}),
        "photo": SideImage(Image.effect_noise((8, 8), 50), ending="jpg"),
    }
    body, path = written(made, tmp_path)
    assert body["images"]["depth"] == {**place, "unit": "m"}
    assert body["images"]["photo"]["path"] == "images/photo/00000/a-0123456789abcdef.jpg"
    again = read_back(made, path, tmp_path)
    assert again.images["depth"].encoded() == data and again.images["depth"].image.getpixel((0, 0)) == 40_000
    assert [again.images[name].meta for name in made.images] == [{"unit": "m"}, {"low": 3}, {}]
    photo = (tmp_path / "run" / body["images"]["photo"]["path"]).read_bytes()
    assert photo == made.images["photo"].encoded() == again.images["photo"].encoded() and photo[:2] == b"\xff\xd8"
    second = encoded(RunFolder(tmp_path / "second"), 0, again, NONE, body["made_by"])
    assert json.loads(second[0])["images"] == body["images"] and second[2].keys() == {"edges", "photo"}
    gone = given_image({"file": "gone.png"}, str(tmp_path), made.item.id)
    with pytest.raises(ItemError, match=r"what the item knows can't be read: No such file.*gone\.png"):
        gone.encoded()


def test_clips_that_are_made_lie_in_the_run_and_those_given_where_they_are(tmp_path: Path) -> None:
    made = record(tmp_path)
    (tmp_path / "made.webm").write_bytes(b"moving")
    made.clips = {
        "given": Clip(place={"file": "film.mp4"}, meta={"fps": 25}),
        "bytes": Clip(data=b"pictures"),
        "file": Clip(path=tmp_path / "made.webm", ending="webm", meta={"seconds": 2}),
    }
    body, path = written(made, tmp_path)
    stem = "00000/a-0123456789abcdef"
    assert body["clips"] == {
        "given": {"file": "film.mp4", "fps": 25},
        "bytes": {"path": f"clips/bytes/{stem}.mp4"},
        "file": {"path": f"clips/file/{stem}.webm", "seconds": 2},
    }
    run = tmp_path / "run"
    assert (run / body["clips"]["file"]["path"]).read_bytes() == b"moving" and not (tmp_path / "made.webm").exists()
    assert record_problems(body, embedded=False) == []
    again = read_back(made, path, tmp_path)
    assert again.clips["file"].place == {"file": str(run / body["clips"]["file"]["path"])}
    assert again.clips["given"] == made.clips["given"]


def spoilt(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Something of the record, found by its path, becomes another thing."""

    def spoil(body: dict[str, Any]) -> None:
        place: Any = body
        *way, last = [int(part) if part.isdigit() else part for part in key.split("/")]
        for part in way:
            place = place[part]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (spoilt("texts", {}), "texts is {}, not an object with something"),
        (spoilt("found", [1]), "found is [1], not an object"),
        (spoilt("texts/plain", "x"), "texts.plain is 'x', without a text"),
        (spoilt("texts/plain/source", "me"), "texts.plain.source is 'me', not one of given, model, template"),
        (spoilt("texts/llava/phrases", []), "texts.llava.phrases is []"),
        (spoilt("texts/llava/phrases/0/end", 27), "phrases[0] is from 0 to 27, not within the text of 26"),
        (spoilt("texts/llava/phrases/0/start", 11), "phrases[0] is from 11 to 11"),
        (spoilt("texts/llava/phrases/0/start", True), "phrases[0] is from True to 11"),
        (spoilt("texts/llava/phrases/1/annos", [1, 1]), "phrases[1].annos is [1, 1], not a list of different"),
        (spoilt("texts/llava/phrases/1/annos", []), "phrases[1].annos is []"),
        (spoilt("texts/llava/phrases/1/annos/0", 3), "phrases[1] speaks of anno 3, which is not there"),
        (spoilt("annos/2", ...), "phrases[1] speaks of anno 2, which is not there"),
        (spoilt("found/relations/0/annos", [0, 7]), "found.relations[0] speaks of anno 7"),
        (spoilt("aside/ram", {}), "aside.ram is {}"),
        (spoilt("aside/ram/boxes", []), "aside.ram has boxes, which no step writes"),
        (spoilt("aside/ram/tags/0/score", "high"), "aside.ram.tags[0] is"),
        (spoilt("aside/boxes1/instances/0/box", [0, 0, 1]), "aside.boxes1.instances[0]: box is [0, 0, 1]"),
        (spoilt("aside/boxes1/instances/0/label", None), "aside.boxes1.instances[0]: label is None"),
        (spoilt("aside/boxes1/instances/0/mask/size", [40, 30]), "aside.boxes1.instances[0]: mask has size [40, 30]"),
        (spoilt("aside/grounded/texts/t/phrases/0/annos/0", 1), "aside.grounded.texts.t.phrases[0] speaks of anno 1"),
        (spoilt("width", ...), "width is None, not int"),
        (spoilt("image", "abcd"), "an image is inside, in a run of write.image=none"),
        (spoilt("annos/0/mask/counts", "00"), "annos[0]: the mask's counts cover"),
        (spoilt("annos/0/pad", 1), "a pad anno, which only the trainer needs"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, spoil: Callable[[dict[str, Any]], None], problem: str) -> None:
    body, _ = written(record(tmp_path), tmp_path)
    assert record_problems(body, embedded=False) == []
    bad = copy.deepcopy(body)
    spoil(bad)
    assert [text for text in record_problems(bad, embedded=False) if problem in text], record_problems(bad, False)


def test_an_image_is_not_to_be_had_from_a_record_without(tmp_path: Path) -> None:
    made = record(tmp_path)
    _, path = written(made, tmp_path)
    item = replace(made.item, place={"file": str(path), "record": True})
    with pytest.raises(ItemError, match=r"^the record holds no image \(write\.image=none\): .*label_a-"):
        load(item, None, Load())
