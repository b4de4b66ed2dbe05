"""Which of its names an instance looks like, and which name of a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Aside, Instance, Item, Record
from labelyard.generate.roles import LABELS, set_role
from labelyard.generate.steps.classify.clip import ClipClasses, read_names
from labelyard.generate.steps.contract import assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.label.clip import ClipLabel
from labelyard.generate.steps.models.clip.matching import Matching
from tests.support.photos import photo
from tests.tiny.embed import make_clip_that_sees, make_siglip

NAMES = ["a Woman", "woman", "hat", "rocket suit", "flag"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_clip_that_sees(tmp_path_factory.mktemp("tiny") / "clip"))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_siglip(tmp_path_factory.mktemp("tiny") / "siglip"))


def instance(box: tuple[float, float, float, float], *labels: str, floating: bool = False) -> Instance:
    made = Instance(box, 0.5, labels[0], extra={LABELS: list(labels)})
    set_role(made, floating)
    return made


def records() -> list[Record]:
    made = [Record(Item(name, 0, name, ""), photo(name).resize((60, 50))) for name in ("china", "astronaut", "coffee")]
    made[0].instances = [instance((5, 5, 40, 40), *NAMES), instance((30.2, 0, 60, 50), *NAMES[::-1])]
    made[1].instances = [instance((0, 0, 9, 9), "Man"), instance((5, 5, 40, 40), *NAMES, floating=True)]
    for one in made:
        one.aside["sa1b"] = Aside(instances=[Instance((5, 5, 40, 40), 1, ""), Instance((0, 0, 5, 6), 1, "")])
    return made


def by_hand(folder: str, picture: Any, names: list[str]) -> np.ndarray:
    """The model's own forward, on one crop and all of its names."""
    import torch
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    ports: Any = (AutoModel, AutoImageProcessor, AutoTokenizer)
    model = ports[0].from_pretrained(folder).eval()
    longest = model.config.text_config.max_position_embeddings
    tokens = ports[2].from_pretrained(folder)(
        [f"a photo of a {name}" for name in names], padding="max_length", max_length=longest, truncation=True,
        return_tensors="pt",
    )  # fmt: skip
    pixels = ports[1].from_pretrained(folder, backend="pil")(images=picture, return_tensors="pt")["pixel_values"]
    given = {name: tokens[name] for name in ("input_ids", "attention_mask") if name in tokens}
    with torch.no_grad():
        logits = model(pixel_values=pixels, **given).logits_per_image[0]
    return np.asarray(logits.sigmoid() if hasattr(model, "logit_bias") else logits.softmax(-1))


@pytest.mark.parametrize("which", ["clip", "siglip"])
def test_the_scores_are_the_model_s_own(which: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(which)
    picture = photo("astronaut").crop((20, 20, 300, 200))
    matching = Matching(folder, None, "float32", "cpu", "a photo of a {label}")
    names = matching.read(NAMES, lambda call, units: [one for unit in units for one in call([unit])])
    (seen,) = matching.seen([matching.ready(picture)])
    np.testing.assert_allclose(matching.scores(seen, names), by_hand(folder, picture, NAMES), atol=1e-5)
    assert matching.several == (which == "siglip")


def test_an_object_gets_the_name_that_it_looks_most_like(clip: str) -> None:
    step = ClipLabel(checkpoint=clip)
    step.setup("cpu")
    (first, second, _) = run_on_copies(step, records())
    picture = records()[0].image.crop((5, 5, 40, 40))
    best = NAMES[int(by_hand(clip, picture, NAMES).argmax())]
    assert first.instances[0].label == {"woman": "person"}.get(best, best)
    assert second.instances[0].label == "person" and second.instances[1].label == "a Woman", "floating: as it was"
    assert_company_does_not_matter(step, records()[:2])
    plain = ClipLabel(checkpoint=clip, people=False)
    plain.setup("cpu")
    assert run_on_copies(plain, records())[1].instances[0].label == "Man"
    with pytest.raises(ValueError, match=r"needs .label. where the name goes"):
        ClipLabel(prompt="a photo")


def test_boxes_that_are_large_enough_get_names_of_a_list(siglip: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# mine\ncup\n two  cups \n\ncup\n", encoding="utf-8")
    step = ClipClasses(checkpoint=siglip, names=str(tmp_path / "names.txt"), score_threshold=0.0)
    step.setup("cpu")
    found = run_on_copies(step, records())
    assert [[one.box for one in record.instances] for record in found] == [[(5, 5, 40, 40)]] * 3
    assert {one.label for record in found for one in record.instances} <= {"cup", "two cups"}
    assert_company_does_not_matter(step, records()[:2])
    strict = ClipClasses(checkpoint=siglip, names=step.names, score_threshold=1.0, of="instances", min_part=0.0)
    strict.setup("cpu")
    assert all(not record.instances for record in run_on_copies(strict, records()))
    assert strict.reads == ("image", "instances") and step.reads == ("image", "aside.sa1b")


def test_the_list_of_names_is_a_text(tmp_path: Path) -> None:
    assert len(read_names(None)) == 1203 and "zebra" in read_names(None)
    (tmp_path / "none.txt").write_text("# nothing\n", encoding="utf-8")
    for file, reason in (("none.txt", "there is no name in it"), ("absent.txt", "can't be read")):
        with pytest.raises(FatalError, match=reason):
            read_names(str(tmp_path / file))
