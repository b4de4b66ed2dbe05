from __future__ import annotations

import numpy as np
import pytest

from labelyard.generate.steps.contract import assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.owlv2 import Owlv2
from labelyard.generate.steps.tools.pixels import CLIP_MEAN, CLIP_STD, square_by_blur
from tests.support.photos import photo
from tests.tiny.ground import make_owlv2
from tests.tiny.records import record


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Owlv2:
    step = Owlv2(
        checkpoint=str(make_owlv2(tmp_path_factory.mktemp("tiny") / "owlv2")), prompt="{tag}"
    )  # its tokens are letters
    step.setup("cpu")
    return step


def test_alone_and_in_company(step: Owlv2) -> None:
    records = [
        record("china", ["temple", "Roof {1}"], index=0),
        record("flower", ["flower", "leaf", "(bud)"], index=1),
        record("chelsea", [], index=2),
        record("astronaut", [f"thing {n}" for n in range(300)], index=3),
    ]
    found = run_on_copies(step, records)
    assert [bool(r.instances) for r in found] == [True, True, False, True]
    for one, given in zip(found, records, strict=True):
        assert {i.label for i in one.instances} <= {tag.name for tag in given.tags}
        boxes = np.array([i.box for i in one.instances]).reshape(-1, 4)
        assert (boxes >= 0).all() and (boxes[:, 2] <= one.width).all() and (boxes[:, 3] <= one.height).all()
        assert all(i.score > step.box_threshold for i in one.instances)
    assert_company_does_not_matter(step, records)


def test_every_tag_has_a_score_of_its_own(step: Owlv2) -> None:
    tags = [f"{n} zz" for n in range(300)]
    scores, _ = step._answer(record("china", tags), tags)
    assert scores.shape[1] == 300
    assert np.isfinite(scores).all() and len({tuple(column) for column in scores.T}) > 200


def test_the_frame_is_that_of_the_ports_own_processor() -> None:
    """Which needs scipy, and torchvision where that is installed; this one needs neither."""
    pytest.importorskip("scipy")
    import transformers

    name = "Owlv2ImageProcessorPil" if hasattr(transformers, "Owlv2ImageProcessorPil") else "Owlv2ImageProcessor"
    processor = getattr(transformers, name)(size={"height": 96, "width": 96})
    for picture in (photo("china"), photo("chelsea")):
        theirs = processor(images=picture, return_tensors="np")["pixel_values"][0]
        ours = square_by_blur(picture, 96, CLIP_MEAN, CLIP_STD).numpy()
        assert theirs.std() > 0.2
        # The last rows of the picture blur into the filling, which before transformers 5 was grey by mistake.
        below = picture.height * 96 // picture.width - 4 if transformers.__version__ < "5" else -1
        np.testing.assert_allclose(ours[:, 1:below, 1:-1], theirs[:, 1:below, 1:-1], atol=2e-3)


def test_the_prompt_must_have_a_place_for_the_tag() -> None:
    with pytest.raises(ValueError, match=r"needs \{tag\}"):
        Owlv2(prompt="a photo")
