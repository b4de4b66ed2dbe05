"""A classifier of our own: it learns what is there, and whoever kills it changes nothing."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.launch.classification import training
from labelyard.launch.classification.pictures import Framing, divided, order
from labelyard.launch.classify import main
from tests.conftest import command, environment
from tests.generate.exporters.instructcv.conftest import given
from tests.launch.pairs.test_voc2coco import called
from tests.slurm.conftest import wait_until
from tests.support import datasets

COLOURS = {"apples": (200, 40, 40), "leaves": (40, 190, 60), "lakes": (50, 70, 200)}


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top, dice = tmp_path_factory.mktemp("toys"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for number in range(20):
            pixels = np.clip(dice.normal(colour, 40, (24, 24, 3)), 0, 255).astype(np.uint8)
            datasets.put(top / "data" / name / f"{number}.png", Image.fromarray(pixels))
    return top / "data"


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch
    import transformers

    torch.manual_seed(0)
    place = str(tmp_path_factory.mktemp("models") / "resnet")
    kind: Any = transformers.ResNetConfig
    config = kind(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    transformers.ResNetForImageClassification(config).save_pretrained(place)
    return place


def asked(toys: Path, model: str, output: Path, *more: str) -> list[str]:
    common = ["--batch-size", "16", "--image-size", "24", "--lr", "0.05", "--save-every", "5", "--device", "cpu"]
    return ["--model", model, "--dataset", str(toys), "--output", str(output), *common, *more]


@pytest.mark.slow
def test_it_learns_a_toy_set_and_goes_on_where_it_was_stopped_to_the_same_weights(
    toys: Path, resnet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    whole = called(main, asked(toys, resnet, tmp_path / "whole", "--steps", "30"))
    assert whole.returncode == 0, whole.stderr
    found = json.loads((tmp_path / "whole" / "result.json").read_text())
    assert found["accuracy"] >= 0.95 and set(found["per_class"]) == set(COLOURS) and "accuracy 100" in whole.stdout
    batches = training._batch

    def stopped(plan: Any, pictures: Any, step: int) -> Any:
        if step == 13:
            raise KeyboardInterrupt
        return batches(plan, pictures, step)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(training, "_batch", stopped)
        called(main, asked(toys, resnet, tmp_path / "cut", "--steps", "30"))
    again = called(main, asked(toys, resnet, tmp_path / "cut", "--steps", "30"))
    assert "goes on at step 10 of 30" in again.stdout and "step 5 of 30" not in again.stdout
    one, other = (torch.load(tmp_path / name / training.CHECKPOINT)["network"] for name in ("whole", "cut"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert json.loads((tmp_path / "cut" / "result.json").read_text()) == found
    changed = called(main, asked(toys, resnet, tmp_path / "cut", "--steps", "31"))
    assert changed.returncode == 1 and "is of another training (steps differ)" in changed.stderr


@pytest.mark.slow
def test_killed_in_the_middle_it_comes_to_the_same_accuracy(toys: Path, resnet: str, tmp_path: Path) -> None:
    arguments = asked(toys, resnet, tmp_path / "cut", "--steps", "400")
    process = subprocess.Popen(command("classify", *arguments), env=environment(), stdout=subprocess.PIPE, text=True)
    wait_until((tmp_path / "cut" / training.CHECKPOINT).exists, "a checkpoint is there")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "cut" / "result.json").exists()
    assert "goes on at step" in called(main, arguments).stdout
    assert called(main, asked(toys, resnet, tmp_path / "whole", "--steps", "400")).returncode == 0
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("cut", "whole")]
    assert results[0] == results[1] and results[0]["accuracy"] >= 0.95


@pytest.mark.slow
def test_a_transformer_learns_it_too_and_two_processes_train_together(toys: Path, resnet: str, tmp_path: Path) -> None:
    import sys

    import torch
    import transformers

    torch.manual_seed(0)
    kind: Any = transformers.ViTConfig
    config = kind(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=24, patch_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(str(tmp_path / "tiny-vit"))
    done = called(main, asked(toys, str(tmp_path / "tiny-vit"), tmp_path / "out", "--epochs", "20", "--lr", "0.01"))
    assert done.returncode == 0 and json.loads((tmp_path / "out" / "result.json").read_text())["accuracy"] >= 0.95
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = command("classify", *asked(toys, resnet, tmp_path / "two", "--steps", "30"))[1:]
    both = subprocess.run([*torchrun, *words], env=environment(), capture_output=True, text=True, timeout=240)
    assert both.returncode == 0, both.stderr
    assert json.loads((tmp_path / "two" / "result.json").read_text())["accuracy"] >= 0.95


def test_pets_are_divided_as_they_come_and_runs_by_their_tags(toys: Path, tmp_path: Path) -> None:
    pets = datasets.pets(tmp_path / "pets")
    (pets / "annotations" / "test.txt").write_text("Abyssinian_1 1 1 1\n")
    found = divided("pets", str(pets), None)
    assert (len(found.train), [one.label for one in found.test]) == (3, ["Abyssinian"])
    assert divided("pets", str(pets), "species").classes == ["cat", "dog"]
    folders = divided(str(toys), None, None)
    assert given("classes", toys, tmp_path / "run").returncode == 0
    run = divided(str(tmp_path / "run"), None, None)
    assert [one.item.image for one in run.test] == [one.item.image for one in folders.test] and len(run.train) > 40
    assert {one.item.image for one in run.test}.isdisjoint(one.item.image for one in run.train)


def test_what_is_done_to_a_picture_depends_on_the_epoch_alone(toys: Path) -> None:
    one = divided(str(toys), None, None).train[0]
    framing = Framing(16)
    assert (framing.of(one, 3) == framing.of(one, 3)).all() and (framing.of(one, 3) != framing.of(one, 4)).any()
    assert (framing.of(one, None) == Framing(16, changed=False).of(one, 7)).all()
    assert sorted(order(50, 1, 0)) == list(range(50)) and order(50, 1, 0) != order(50, 2, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--dataset", "none", "--steps", "1"], "none"),
        (["--steps", "1", "--epochs", "1"], "give --epochs or --steps"),
        (["--steps", "0"], "are 1 or more"),
        (["--stepps", "1"], "unrecognized arguments"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(arguments: list[str], reason: str) -> None:
    done = called(main, arguments)
    assert done.returncode == 1 and reason in done.stderr and len(done.stderr.splitlines()) == 1
