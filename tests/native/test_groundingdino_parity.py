"""GroundingDINO as its authors wrote it against the step's port: one random Swin-T checkpoint, one photo, one prompt.

BERT comes from a folder with random weights and a small vocabulary; nothing goes to a hub.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelyard.generate.steps.ground.groundingdino import GroundingDino
from tests.native.lively import make_lively
from tests.tiny.records import record
from tests.tiny.vocabulary import write_tokenizer

native = pytest.importorskip("groundingdino", reason="parity needs the package: pip install -e '.[native]'")
pytestmark = [pytest.mark.native, pytest.mark.timeout(1200)]  # full size, on whatever CPU there is

TAGS = ["temple", "red roof", "tree", "two people", "sky"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Path]:
    """The authors' network, its file, and the folder of its text encoder."""
    import torch
    from groundingdino.models import build_model
    from groundingdino.util.slconfig import SLConfig
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("native")
    torch.manual_seed(3)
    write_tokenizer(folder / "bert")
    BertModel(BertConfig()).save_pretrained(str(folder / "bert"))
    args = SLConfig.fromfile(str(Path(native.__file__).parent / "config" / "GroundingDINO_SwinT_OGC.py"))
    args.device, args.text_encoder_type = "cpu", str(folder / "bert")
    network = build_model(args)
    make_lively(network, seed=5)
    spread_out(network)
    path = folder / "groundingdino_swint_ogc.pth"
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"model": weights}, path)  # as published
    return network.eval(), path, folder / "bert"


def spread_out(network: Any) -> None:
    """Scores on both sides of the thresholds, boxes of all sizes, queries that differ."""
    import torch

    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "bbox_embed" in name:
                weight.normal_(0, 0.06)
            elif name.endswith(("gamma_v", "gamma_l")):
                weight.fill_(0.5)
            elif "sampling_offsets.bias" in name:
                weight.normal_(0, 2.0)
            elif name.startswith(("bert.encoder.", "transformer.encoder.text_layers.")) and weight.dim() > 1:
                weight.mul_(0.4)  # many random layers would make all words the same
            elif name.startswith("transformer.decoder.layers.") and weight.dim() > 1:
                weight.mul_(0.3)  # so that the queries stay apart
            elif "tgt_embed" in name:
                weight.normal_(0, 1.0)
            elif name == "transformer.decoder.norm.weight":
                weight.fill_(0.15)
            elif name == "transformer.decoder.norm.bias":
                weight.zero_()


@pytest.fixture(scope="module")
def answers(published: tuple[Any, Path, Path]) -> dict[str, Any]:
    """Both in double precision: in single, two queries whose rank hangs on the last digit may change places."""
    import torch
    from groundingdino.util import inference

    network, path, bert = published
    one = record("china", TAGS)
    one.image.save(bert / "china.png")
    _, pixels = inference.load_image(str(bert / "china.png"))
    caption = inference.preprocess_caption(", ".join(TAGS))
    step = GroundingDino(checkpoint=str(path), tokenizer=str(bert))
    step.setup("cpu")
    (asked,) = step._ask(0, one)
    question = step._ready(asked)
    (single,) = step._answer([question])

    port: Any = step.loaded.network
    port._model.double()
    port._dtype = torch.float64
    (double,) = step._answer([question])
    step.__dict__["_answer"] = lambda questions: [double]  # what it just said, instead of half a minute more
    step([one])
    with torch.no_grad():
        raw = network.double()(pixels[None].double(), captions=[caption])
    return {
        "step": step,
        "record": one,
        "question": question,
        "single": single,
        "double": double,
        "pixels": pixels,
        "caption": caption,
        "scores": raw["pred_logits"][0].sigmoid().float(),
        "boxes": raw["pred_boxes"][0].float(),
        "tokenizer": network.tokenizer,
    }


def test_the_same_pixels_and_tokens(answers: dict[str, Any]) -> None:
    import torch

    torch.testing.assert_close(answers["question"].pixels, answers["pixels"], rtol=0, atol=1e-6)
    assert list(answers["question"].prompt.ids) == answers["tokenizer"](answers["caption"])["input_ids"]


def test_the_same_answer_of_every_query(answers: dict[str, Any]) -> None:
    used = len(answers["question"].prompt.ids)
    theirs, their_boxes = answers["scores"].numpy()[:, :used], answers["boxes"].numpy()
    # Of a coordinate within a thousandth of the image's edge the port keeps more than the original, whose inverse
    # sigmoid ends there. Only such boxes differ, by less than that, and what attends to them in the last digits.
    for precision, share, limit in (("double", 0.85, 1e-7), ("single", 0.85, 1e-3), ("double", 1.0, 1e-3)):
        scores, boxes = answers[precision]
        apart = float(np.quantile(np.abs(scores[:, :used] - theirs).max(1), share))
        away = float(np.quantile(np.abs(boxes - their_boxes).max(1), share))
        print(
            f"GroundingDINO Swin-T, {precision} precision, {share:.0%} of {len(boxes)} queries: "
            f"scores within {apart:.1e}, boxes within {away:.1e} of the image; "
            f"scores from {theirs.min():.2f} to {theirs.max():.2f}"
        )
        assert apart < limit and away < limit
    assert theirs.std() > 0.1 and their_boxes.std(0).min() > 0.003, "the random network says the same everywhere"


def test_the_same_instances(answers: dict[str, Any]) -> None:
    """As the original pipeline goes on: thresholds, phrases, corners, NMS."""
    import torch
    import torchvision
    from groundingdino.util.utils import get_phrases_from_posmap

    one, step = answers["record"], answers["step"]
    kept = answers["scores"].max(1).values > step.box_threshold
    scores, boxes = answers["scores"][kept], answers["boxes"][kept] * torch.tensor([640.0, 427.0] * 2)
    corners = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], dim=1)
    order = torchvision.ops.nms(corners, scores.max(1).values, step.iou_threshold).tolist()
    tokenized = answers["tokenizer"](answers["caption"])
    phrases = [get_phrases_from_posmap(scores[i] > step.text_threshold, tokenized, answers["tokenizer"]) for i in order]
    theirs = [
        (corners[i], float(scores[i].max()), phrase)
        for i, phrase in zip(order, phrases, strict=True)
        if any(word in phrase for word in " ".join(TAGS).split())  # not those that answer to "," and "." alone
    ]
    limits = torch.tensor([640.0, 427.0, 640.0, 427.0])
    assert 5 < len(theirs) == len(one.instances)
    for instance, (box, score, phrase) in zip(one.instances, theirs, strict=True):
        torch.testing.assert_close(torch.tensor(instance.box), box.clamp(min=0).minimum(limits), rtol=0, atol=0.64)
        assert abs(instance.score - score) < 1e-4
        words = phrase.replace(",", " ").replace(".", " ").split()
        assert any(word in words for word in instance.label.split()), (instance.label, phrase)
    labels, said = sorted({i.label for i in one.instances}), {phrase for _, _, phrase in theirs}
    print(f"{len(theirs)} instances, labels {labels}, {len(said)} different phrases")
    assert len(labels) > 1 and len(said) > 1


def test_the_authors_package_as_backend(published: tuple[Any, Path, Path], answers: dict[str, Any]) -> None:
    _, path, bert = published
    step = GroundingDino(checkpoint=str(path), tokenizer=str(bert), backend="native")
    step.setup("cpu")
    ((scores, boxes),) = step._answer([answers["question"]])
    used = len(answers["question"].prompt.ids)
    apart = np.abs(scores[:, :used] - answers["scores"].numpy()[:, :used]).max(1)
    away = np.abs(boxes - answers["boxes"].numpy()).max(1)
    assert np.quantile(apart, 0.98) < 1e-3 and np.quantile(away, 0.98) < 1e-3  # it answers in single precision
