from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance
from labelyard.generate.roles import set_role
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.semantic.class_maps import picture
from labelyard.generate.steps.semantic.instances import CALLED, InstanceClasses, class_of
from labelyard.generate.steps.semantic.segmenter import Segmenter
from labelyard.generate.steps.semantic.uniformer import UniFormer
from labelyard.utils.ade20k import COLOURS, NAMES, NOTHING
from labelyard.utils.rle import encode
from tests.tiny import states


def test_class_n_has_row_n_of_the_palette_and_survives_in_a_png() -> None:
    classes = np.arange(150).reshape(10, 15)
    made = picture(classes)
    with Image.open(io.BytesIO(made.encoded())) as again:
        assert again.mode == "P" and np.array_equal(np.asarray(again), classes)
        assert np.asarray(again.convert("RGB")).reshape(-1, 3).tolist() == [list(colour) for colour in COLOURS]
    assert made.meta["classes"]["12"] == "person" and len(made.meta["classes"]) == 150
    assert COLOURS[0] == (120, 120, 120) and COLOURS[2] == (6, 230, 230) and COLOURS[12] == (150, 5, 61)
    assert len(NAMES) == len(COLOURS) == 150 and len(set(COLOURS)) == 149


def test_instances_have_the_class_of_their_name() -> None:
    record = photo("coffee", (20, 10))
    for label, columns in (("dining table", slice(0, 20)), ("cup", slice(5, 9)), ("gizmo", slice(15, 20))):
        mask = np.zeros((10, 20), dtype=bool)
        mask[2:, columns] = True
        record.instances.append(Instance((0, 0, 20, 10), 0.9, label, encode(mask)))
    (done,) = run_on_copies(InstanceClasses(), [record])
    classes = np.asarray(done.images["semantic"].image)
    assert (classes[:2] == NOTHING).all() and (classes[2:, 5:9] == NAMES.index("glass")).all()
    assert (classes[2:, 10:] == NAMES.index("table")).all()
    assert done.images["semantic"].meta["classes"] == {str(NAMES.index(name)): name for name in ("table", "glass")}
    assert np.asarray(done.images["semantic"].image.convert("RGB"))[0, 0].tolist() == [0, 0, 0]
    assert_company_does_not_matter(InstanceClasses(), [record, photo("coffee", (20, 10))])
    set_role(record.instances[1], floating=True)
    (sure,) = run_on_copies(InstanceClasses(), [record])
    assert sure.images["semantic"].meta["classes"] == {str(NAMES.index("table")): "table"}, "what floats is left out"
    assert all(class_of(name) is not None for name in CALLED) and class_of("Person") == 12


def make_segmenter(folder: Path, classes: int = 150, universal: bool = False) -> str:
    import torch
    import transformers

    ports: Any = transformers
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    frame: dict[str, Any] = {"size": {"height": 64, "width": 64}, "do_normalize": True}
    names = {n: f"class {n}" for n in range(classes)}
    if universal:
        backbone = ports.SwinConfig(
            embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, image_size=64,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = ports.Mask2FormerConfig(
            backbone_config=backbone, feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
            encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=8,
            id2label=names, label2id={name: n for n, name in names.items()},
        )  # fmt: skip
        model = ports.Mask2FormerForUniversalSegmentation(config)
        frame["image_processor_type"] = "Mask2FormerImageProcessor"
        frame["size"] = {"shortest_edge": 64, "longest_edge": 96}
    else:
        config = ports.SegformerConfig(
            hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16,
            id2label=names, label2id={name: n for n, name in names.items()},
        )  # fmt: skip
        model = ports.SegformerForSemanticSegmentation(config)
        frame["image_processor_type"] = "SegformerImageProcessor"
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 1.0 / weight[0].numel() ** 0.5)
    model.save_pretrained(str(folder))
    (folder / "preprocessor_config.json").write_text(json.dumps(frame), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("universal", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_class_for_each_pixel(tmp_path: Path, universal: bool) -> None:
    step = Segmenter(checkpoint=make_segmenter(tmp_path / "tiny", universal=universal))
    step.setup("cpu")
    records = [photo("chelsea", (60, 40)), photo("china", (50, 50))]
    assert_company_does_not_matter(step, records, disturbed=False)
    (done,) = run_on_copies(step, records[:1])
    made = done.images["semantic"]
    assert (made.image.mode, made.image.size) == ("P", (60, 40))
    there = {str(number) for number in np.unique(np.asarray(made.image))}
    assert made.meta["classes"] == {number: f"class {number}" for number in there}


def test_a_model_of_more_classes_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="knows 171 classes, and a palette is there for 150"):
        Segmenter(checkpoint=make_segmenter(tmp_path / "tiny", classes=171)).setup("cpu")


def test_uniformer_gives_a_class_for_each_pixel(tmp_path: Path) -> None:
    step = UniFormer(checkpoint=states.saved(states.uniformer(), tmp_path / "upernet.pth"), short_side=64)
    step.setup("cpu")
    records = [photo("chelsea", (60, 40)), photo("china", (50, 50))]
    assert_company_does_not_matter(step, records, disturbed=False)
    (done,) = run_on_copies(step, records[:1])
    made = done.images["semantic"]
    assert made.image.size == (60, 40) and len(made.meta["classes"]) > 1
    with pytest.raises(FatalError, match="knows 19 classes, not the 150 of ADE20K"):
        UniFormer(checkpoint=states.saved(states.uniformer(19), tmp_path / "other.pth")).setup("cpu")
