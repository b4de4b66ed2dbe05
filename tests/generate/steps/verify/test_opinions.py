"""Second opinions of instances: who gives them, what they say, and what takes heed of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance, Record
from labelyard.generate.record_json.finished import Wanted
from labelyard.generate.roles import AGREEMENT, agree, least_agreement
from labelyard.generate.steps.contract import assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.sam3 import Sam3
from labelyard.generate.steps.models.clip.matching import Matching
from labelyard.generate.steps.tag.siglip import SiglipTags
from labelyard.generate.steps.verify.sam3 import Sam3Opinion
from labelyard.generate.steps.verify.siglip import SiglipOpinion
from labelyard.generate.steps.verify.vlm import VlmOpinion
from tests.tiny.caption import make_llava
from tests.tiny.embed import make_clip_that_sees, make_siglip
from tests.tiny.records import record
from tests.tiny.sam3 import make_sam3


def records() -> list[Record]:
    made = [record(name, index=number) for number, name in enumerate(("china", "flower", "chelsea"))]
    for one in made:
        one.image = one.image.resize((96, 80))
    made[0].instances = [Instance((5, 5, 60, 60), 0.9, "temple"), Instance((40, 0, 96, 70), 0.5, "roof {1}")]
    made[2].instances = [Instance((0, 0, 96, 80), 0.8, "cat"), Instance((90, 70, 91, 71), 0.3, "cat")]
    return made


def opinions(done: list[Record], name: str) -> list[list[float]]:
    return [[instance.extra[AGREEMENT][name] for instance in one.instances] for one in done]


def test_siglip_says_how_far_a_crop_is_what_its_label_says(tmp_path: Path) -> None:
    step = SiglipOpinion(checkpoint=str(make_siglip(tmp_path)), margin=0.0)
    step.name = "siglip"
    step.setup("cpu")
    done = run_on_copies(step, records())
    matching: Matching = step.loaded.matching
    first = records()[0]
    crop = matching.ready(first.image.crop((5, 5, 60, 60)))
    by_hand = matching.scores(matching.seen([crop])[0], matching.read(["temple"], step.map))[0]
    assert opinions(done, "siglip")[0][0] == pytest.approx(float(by_hand), abs=1e-4)
    assert [len(one) for one in opinions(done, "siglip")] == [2, 0, 2]
    assert step.writes == ("instances.agreement.siglip",)
    assert_company_does_not_matter(step, records())


def test_a_clip_has_no_yes_and_no(tmp_path: Path) -> None:
    folder = str(make_clip_that_sees(tmp_path))
    for step in (SiglipOpinion(checkpoint=folder), SiglipTags(checkpoint=folder, names=["cat"])):
        with pytest.raises(FatalError, match="give a SigLIP"):
            step.setup("cpu")


def test_a_model_that_sees_is_asked_yes_or_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = VlmOpinion(checkpoint=str(make_llava(tmp_path)))
    step.name = "vlm"
    asked = []

    def ask(requests: list) -> list:  # type: ignore[type-arg]
        from labelyard.generate.steps.models.chat.messages import Answer

        asked.extend(requests)
        return [Answer(word, value=word) for word in ["yes", "no", "no", "yes"][: len(requests)]]

    monkeypatch.setattr(step, "ask", ask)
    done = records()
    step(done)
    assert opinions(done, "vlm") == [[1.0, 0.0], [], [0.0, 1.0]]
    assert '"roof {1}"' in asked[1].text and asked[1].options == ("yes", "no") and len(asked[1].images) == 1
    assert len({one.digest() for one in asked}) == 4


def test_sam3_is_asked_for_the_label_and_looks_in_the_same_place(tmp_path: Path) -> None:
    folder = str(make_sam3(tmp_path))
    finder = Sam3(checkpoint=folder, box_threshold=0.05, iou_threshold=1.0, add=["temple"])
    finder.setup("cpu")
    one = record("china", index=0)
    one.image = one.image.resize((96, 80))
    (seen,) = run_on_copies(finder, [one])
    thing = seen.instances[-1]
    one.instances = [Instance(thing.box, 0.5, "temple"), Instance((0, 0, 1, 1), 0.5, "temple")]
    step = Sam3Opinion(checkpoint=folder, same_place=0.99)
    step.name = "sam3"
    step.setup("cpu")
    (done,) = run_on_copies(step, [one])
    same = [i.score for i in seen.instances if np.allclose(i.box, thing.box, atol=0.5)]
    there, nowhere = opinions([done], "sam3")[0]
    assert there >= round(thing.score, 4) and nowhere == 0.0 and there <= max(same) + 0.1


def test_several_opinions_stand_side_by_side_and_the_least_counts() -> None:
    one = Instance((0, 0, 1, 1), 0.9, "cat")
    agree([one], "siglip", [0.75])
    agree([one], "vlm", [1.0])
    assert one.extra[AGREEMENT] == {"siglip": 0.75, "vlm": 1.0} and least_agreement(one.extra) == 0.75
    entry = {"pred_score": 0.9, **one.extra}
    assert Wanted(0.5, 0.7).takes(entry) and not Wanted(0.5, 0.8).takes(entry)
    assert not Wanted(min_agreement=0.1).takes({"pred_score": 0.9}), "nobody was asked"
    assert Wanted().everything and not Wanted(min_agreement=0.1).everything


def test_tags_are_names_of_the_list_that_fit_best_first(tmp_path: Path) -> None:
    step = SiglipTags(
        checkpoint=str(make_siglip(tmp_path)), names=["cat", "puss = cat", "temple roof", "temple"], threshold=0.0
    )
    step.setup("cpu")
    done = run_on_copies(step, records())
    for one in done:
        by_name = {tag.name: tag.score for tag in one.tags}
        assert set(by_name) == {"cat", "puss", "temple roof", "temple"} and by_name["cat"] == by_name["puss"]
        assert [tag.score for tag in one.tags] == sorted(by_name.values(), reverse=True)
    assert_company_does_not_matter(step, records())
    strict = SiglipTags(checkpoint=step.checkpoint, names=["cat", "dog"], threshold=0.0, thresholds={"dog": 1.0})
    strict.setup("cpu")
    assert [tag.name for tag in run_on_copies(strict, records())[0].tags] == ["cat"]
    wrong = SiglipTags(checkpoint=step.checkpoint, names=["cat"], thresholds={"cow": 1.0})
    with pytest.raises(FatalError, match="names 'cow', which is not in the list"):
        wrong.setup("cpu")
