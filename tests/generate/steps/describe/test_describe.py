"""describe=vlm: a question about an image or a video, and what its answer becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.pipeline import GIVEN_MODEL, Pipeline, build_steps
from labelyard.generate.record import Item, Record, SideImage, Tag, Text
from labelyard.generate.steps.describe.vlm import Describe
from labelyard.utils.errors import UserError
from tests.support.scripted import Scripted, answering
from tests.support.videos import shade, video


def row(number: int = 0, **given: Any) -> Record:
    record = Record(
        Item(f"i{number}", number, f"{number}.jpg", "", given), Image.new("RGB", (20, 10)), b"file", caption="a cup"
    )
    record.tags = [Tag("cup", 1.0), Tag("table", 0.5)]
    return record


def ready(script: Any = lambda request: f"says {request.item}", **options: Any) -> tuple[Describe, Scripted]:
    step = Describe(**{"checkpoint": "x", "backend": "transformers", **options})
    step.name = "seen"
    return step, answering(step, script)


def test_a_text_is_kept_under_the_step_s_name() -> None:
    step, model = ready(prompt="{question} ({caption}; {tags})", system="You see {question}.", max_tokens=7)
    rows = [row(0, question="what?"), row(1, question="where?")]
    step(rows)
    assert rows[1].texts == {
        "seen": Text("says i1", "model", facts={"finish": "stop", "prompt_tokens": 10, "tokens": 3})
    }
    asked = model.all_asked[0]
    assert (asked.text, asked.system, asked.item) == ("what? (a cup; cup, table)", "You see what?.", "i0")
    assert asked.images == (rows[0].image,) and asked.files == (b"file",) and not asked.frames
    assert (step.reads, step.writes) == (("image", "caption", "tags"), ("texts.seen",))
    told = step.model()
    assert told["prompt"] == "{question} ({caption}; {tags})" and told["backend"] == "transformers"
    assert told["max_tokens"] == 7


def test_a_text_may_be_in_small_letters() -> None:
    step, _ = ready(lambda _: "A Cup.", lower=True)
    rows = [row()]
    step(rows)
    assert rows[0].texts["seen"].text == "a cup."


def test_one_of_several_words_is_a_finding() -> None:
    said = {"i0": "**Sunny.**", "i1": "It is partly cloudy, I would say.", "i2": "rainy or sunny"}
    step, model = ready(
        lambda request: "Rainy" if "can't be used" in request.text else said[request.item],
        options=["sunny", "cloudy", "partly cloudy", "rainy"],
    )
    rows = [row(n) for n in range(3)]
    step(rows)
    assert [one.found["seen"] for one in rows] == ["sunny", "partly cloudy", "rainy"]
    assert not rows[0].texts and step.writes == ("found.seen",)
    (again,) = model.asked[1]
    assert (
        again.item == "i2"
        and "That can't be used: it names sunny and rainy of what it may be. Answer with one of" in again.text
    )


def test_json_of_a_form_is_a_finding() -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
    step, _ = ready(lambda request: 'Here: {"score": 4}', schema=schema)
    one = row()
    step([one])
    assert one.found == {"seen": {"score": 4}}


def test_several_texts_have_draws_of_their_own() -> None:
    step, model = ready(lambda request: f"text {request.seed % 1000}", times=3, temperature=0.7)
    one, other = row(0), row(1)
    step([one, other])
    said = one.texts["seen"].facts["all"]
    assert len({*said, *other.texts["seen"].facts["all"]}) == 6 and one.texts["seen"].text == said[0]
    seeds = [request.seed for request in model.all_asked]
    again, model = ready(lambda request: "x", times=3, temperature=0.7, seed=1)
    again([one])
    assert not {request.seed for request in model.all_asked} & set(seeds), "another seed of the run, other draws"


def test_other_pictures_are_shown_in_order() -> None:
    step, model = ready(of=["images.edges", "image"])
    one = row()
    one.images["edges"] = SideImage(Image.new("L", (4, 4)))
    step([one])
    assert [(image.mode, image.size) for image in model.all_asked[0].images] == [("RGB", (4, 4)), ("RGB", (20, 10))]
    assert model.all_asked[0].files == (None, b"file")
    assert step.reads == ("images.edges", "image")
    with pytest.raises(ItemError, match=r"it has no images\.edges") as caught:
        step([row(7)])
    assert caught.value.item_id == "i7"


def test_a_video_is_shown_by_its_frames(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(video(frames=20))
    film = load(Item("v", 0, "", "", video=str(tmp_path / "a.mp4")), None, Load())
    step, model = ready(of=["video"], frames=3)
    assert step.reads == ("video",)
    step([film])
    (asked,) = model.all_asked
    greys = [image.convert("L").getpixel((60, 40)) for image in asked.images]
    assert asked.frames and greys == [pytest.approx(shade(n), abs=4) for n in (0, 9, 19)]
    slow, model = ready(of=["video"], per_second=2, frames=8)
    slow([film])
    assert len(model.all_asked[0].images) == 4, "two seconds, two a second"


def test_what_is_given_already_is_passed_by() -> None:
    (step,) = build_steps(
        ["seen"], {"seen": {"_target_": f"{Describe.__module__}.Describe", "checkpoint": "none", "keep_given": True}}
    ).values()
    one = row()
    one.texts["seen"] = Text("as given", "given")
    pipeline = Pipeline({"seen": step})
    pipeline.setup("cpu")  # no model is looked for
    assert pipeline.run([one], lambda *_: None) == [one]
    assert one.texts["seen"].text == "as given" and one.models["seen"] == GIVEN_MODEL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"prompt": " "},
            r"^look.prompt=' ': a model must be asked something; give look.prompt='Describe this picture in detail\.'",
        ),
        ({"prompt": "{"}, r"^look.prompt='\{': .*a brace itself is written twice"),
        ({"of": ["picture"]}, r"^look.of=picture: give image, video, or images\.NAME"),
        ({"options": ["a"], "schema": {}}, "^look: options and schema: "),
        ({"schema": {"type": "objekt"}}, r"^look: schema\.type='objekt'"),
        ({"times": 2}, r"^look.times=2: with temperature=0 all are the same; use look.temperature=0\.7"),
        ({"times": 2, "options": ["a"]}, "use look.times=1"),
        ({"backend": "gpt"}, "look.backend=gpt: give auto or transformers or vllm or openai"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    node = {"_target_": f"{Describe.__module__}.Describe", **options}
    with pytest.raises(UserError, match=message):
        build_steps(["look"], {"look": node})


def test_an_error_of_a_prompt_is_its_items_alone() -> None:
    step, model = ready(prompt="{question}")
    pipeline, failed = Pipeline({"seen": step}), list[tuple[str, str]]()
    rows = [row(0, question="a cat ?"), row(1), row(2, question="a dog ?")]
    done = pipeline.run(rows, lambda record, _, reason: failed.append((record.item.id, reason)))
    assert [one.texts["seen"].text for one in done] == ["says i0", "says i2"]
    assert failed == [("i1", "the prompt asks for {question}, which the row does not have; it has a caption alone")]
    assert len(model.all_asked) == 2
