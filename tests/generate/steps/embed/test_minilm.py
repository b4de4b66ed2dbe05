from importlib import metadata
from typing import Any

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import (
    assert_batches_differ_by_rounding_only,
    assert_company_does_not_matter,
    photo,
)
from labelyard.generate.steps.embed.minilm import LONGEST, PACKAGE, MiniLM
from labelyard.utils.errors import UserError


@pytest.fixture(scope="module")
def step() -> MiniLM:
    step = MiniLM()
    step.setup("cpu")
    return step


def with_texts(name: str, *pairs: tuple[str, str | None]) -> Record:
    record = photo(name, (32, 32))
    record.instances = [Instance((0, 0, 9, 9), 0.9, label, caption=caption) for label, caption in pairs]
    return record


def embedded(step: MiniLM, *labels: str) -> np.ndarray:
    record = with_texts("coffee", *[(label, None) for label in labels])
    step([record])
    return np.stack([instance.label_embedding[0] for instance in record.instances])  # type: ignore[index]


def test_shape_length_and_zeros(step: MiniLM) -> None:
    record = with_texts("coffee", ("cup", "a cup at the top of the picture"), ("table", None))
    record.instances[1].caption_embedding = np.ones((1, 768), dtype=np.float32)  # left over
    step([record])
    cup, table = record.instances
    for vector in (cup.label_embedding, cup.caption_embedding, table.label_embedding):
        assert vector is not None and vector.shape == (1, 768) and vector.dtype == np.float32
        assert np.linalg.norm(vector[0, :384]) == pytest.approx(1, abs=1e-5)
        assert not vector[0, 384:].any()
    assert table.caption_embedding is None


def test_near_in_meaning_is_near(step: MiniLM) -> None:
    bus, minibus, cat = embedded(step, "a large red bus", "a minibus on a street", "a cat")
    assert bus @ minibus > 0.4 > 0.25 > bus @ cat


def test_the_same_as_the_plain_model_without_padding_and_batches(step: MiniLM) -> None:
    import torch

    for text in ("cup", "an old man with a hat who sits on a wooden bench in the park and reads a newspaper"):
        tokens = step._tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            states = step._model(**tokens).last_hidden_state[0]
        plain = torch.nn.functional.normalize(states.mean(0), dim=0).numpy()
        np.testing.assert_allclose(embedded(step, text)[0, :384], plain, atol=2e-6)


def test_company_does_not_matter_to_the_bit(step: MiniLM) -> None:
    long = "a wooden bench " * 20
    many = [(f"label {n}", f"a caption with the number {n} in it") for n in range(21)]
    records = [
        with_texts("coffee", ("cup", "a cup"), ("cup", "a cup"), ("umbrella", long)),
        with_texts("chelsea"),
        with_texts("rocket", ("rocket", None), ("cup", "one cup more")),
        with_texts("china", *many),
    ]
    assert_company_does_not_matter(step, records)
    fresh = MiniLM()  # nothing remembered from before
    fresh.setup("cpu")
    assert (embedded(fresh, "umbrella") == embedded(step, "umbrella")).all()


def test_a_text_alone_decides_the_shape_in_which_it_is_computed(step: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    real, shapes = step._model, []

    def spy(input_ids: Any, attention_mask: Any) -> Any:
        shapes.append(tuple(input_ids.shape))
        return real(input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(step, "_model", spy)
    embedded(step, "an owl")
    assert shapes == [(1, 16)]
    embedded(step, *[f"owl number {n}" for n in range(11)], "an owl on a branch " * 4)
    assert sorted(shapes[1:]) == [*[(1, 16)] * 11, (1, 32)]


def test_labels_are_embedded_once(step: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded(step, "giraffe")
    monkeypatch.setattr(step, "_model", None)
    first, again = embedded(step, "giraffe", "giraffe")
    assert (first == again).all()


def test_whoever_changes_one_vector_changes_no_other(step: MiniLM) -> None:
    record = with_texts("coffee", ("zebra", None), ("zebra", None))
    step([record])
    one, other = (instance.label_embedding for instance in record.instances)
    assert one is not None and other is not None
    one[:] = 0
    assert other.any() and embedded(step, "zebra").any()


def test_long_text_is_cut(step: MiniLM) -> None:
    text = "word " * (2 * LONGEST)
    assert (embedded(step, text) == embedded(step, text + "and something else")).all()


def test_batches_differ_by_rounding_only() -> None:
    def build() -> MiniLM:
        batched = MiniLM(batch_size=3)
        batched.setup("cpu")
        return batched

    texts = [("cup", "a red bus"), ("sky", "a person on the left side of the picture")]
    assert_batches_differ_by_rounding_only(build, [with_texts("coffee", *texts), with_texts("china", ("boat", None))])


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", gone)
    with pytest.raises(FatalError, match=rf"{PACKAGE}: not installed; run: pip install -e '\.\[demo\]'"):
        MiniLM().setup("cpu")


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"dimensions": 100}])
def test_wrong_values(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        made(MiniLM, wrong)
