"""embed=clip: the pooled text vector before the projection, one for every label and caption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record
from labelyard.generate.steps.contract import assert_batches_differ_by_rounding_only, assert_company_does_not_matter
from labelyard.generate.steps.embed.clip import CLIP
from tests.tiny.embed import LONGEST, WIDTH, make_clip
from tests.tiny.records import record

LONG = "a very long sentence about a cat that sits on a table beside a cup of coffee, and goes on about it"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip"))


def ready(folder: Path, batch_size: int = 4) -> CLIP:
    step = CLIP(checkpoint=str(folder), batch_size=batch_size)
    step.setup("cpu")
    return step


def described(name: str, index: int, *pairs: tuple[str, str | None]) -> Record:
    made = record(name, boxes=[(0, 0, 50, 50)] * len(pairs), index=index)
    for instance, (label, caption) in zip(made.instances, pairs, strict=True):
        instance.label, instance.caption = label, caption
    return made


def records() -> list[Record]:
    return [
        described("chelsea", 0, ("cat", "a cat on a sofa"), ("eye", None), ("cat", "cat. an orange cat")),
        described("coffee", 1, ("cup", LONG), ("a spoon of silver", "a spoon")),
        described("china", 2),
        described("flower", 3, ("cat", "a cat on a sofa")),
    ]


def reference(folder: Path, text: str) -> np.ndarray:
    """One text, unpadded, in the same tower by the shortest way."""
    import torch
    from transformers import AutoTokenizer, CLIPTextModel

    tokens = AutoTokenizer.from_pretrained(folder)(text, truncation=True, max_length=LONGEST, return_tensors="pt")
    with torch.no_grad():
        model = CLIPTextModel.from_pretrained(folder).eval()
        vector: np.ndarray = model(input_ids=tokens["input_ids"]).pooler_output.numpy()
    return vector


def test_every_vector_is_the_pooled_one_of_its_own_text(folder: Path) -> None:
    done = records()
    ready(folder)(done)
    for instance in [i for r in done for i in r.instances]:
        assert instance.label_embedding is not None
        assert instance.label_embedding.shape == (1, WIDTH)
        assert instance.label_embedding.dtype == np.float32
        np.testing.assert_allclose(instance.label_embedding, reference(folder, instance.label), atol=2e-6)
        if instance.caption is None:
            assert instance.caption_embedding is None
        else:
            assert instance.caption_embedding is not None
            np.testing.assert_allclose(instance.caption_embedding, reference(folder, instance.caption), atol=2e-6)
    vectors = {i.label: i.label_embedding for r in done for i in r.instances}
    assert not np.allclose(vectors["cat"], vectors["eye"], atol=1e-2)  # type: ignore[arg-type]


def test_alone_and_in_company_to_the_last_bit(folder: Path) -> None:
    assert_company_does_not_matter(ready(folder), records())


def test_batches_differ_by_rounding_only(folder: Path) -> None:
    assert_batches_differ_by_rounding_only(lambda: ready(folder, batch_size=3), records())


def test_what_is_beyond_the_tower_s_length_is_cut_and_the_end_is_kept(folder: Path) -> None:
    same, other = described("coffee", 0, ("cup", LONG + " and on")), described("coffee", 0, ("cup", "A" + LONG))
    whole = described("coffee", 0, ("cup", LONG))
    ready(folder)([same, other, whole])
    wanted = whole.instances[0].caption_embedding
    np.testing.assert_array_equal(same.instances[0].caption_embedding, wanted)
    assert not np.allclose(other.instances[0].caption_embedding, wanted, atol=1e-3)  # type: ignore[arg-type]


def test_a_label_is_embedded_once_per_worker(folder: Path) -> None:
    step = ready(folder)
    seen: list[int] = []
    forward = step._forward
    step._forward = lambda tokens: seen.append(len(tokens)) or forward(tokens)  # type: ignore[func-returns-value,method-assign]
    step([described("chelsea", 0, ("cat", None), ("cat", None))])
    assert len(seen) == 1
    step([described("china", 1, ("cat", None))])
    assert len(seen) == 1
    step([described("china", 1, ("dog", None))])
    assert len(seen) == 2


def test_nothing_to_embed_is_ordinary(folder: Path) -> None:
    empty = described("china", 2)
    ready(folder)([empty])
    assert empty.instances == []


def test_messages(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"no such folder.*launch/fetch\.py"):
        CLIP(checkpoint=str(tmp_path / "absent")).setup("cpu")
    with pytest.raises(ValueError, match="float32, bfloat16, float16"):
        CLIP(dtype="float8")
    assert CLIP().checkpoints()[0].location == "openai/clip-vit-large-patch14"
