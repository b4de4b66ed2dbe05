from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tools.weights import check_dtype, kind, load_pretrained, load_processor, read_state_dict


class RunsCode:
    """Unpickled without care, it makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    import torch

    path = tmp_path / "whole.pth"
    torch.save({"model": {"module.a.weight": torch.arange(6.0), "module.b": torch.ones(3)}, "epoch": 3}, path)
    return path


def test_tensors_by_name_without_their_wrappers(whole: Path) -> None:
    weights = read_state_dict(str(whole))
    assert sorted(weights) == ["a.weight", "b"]
    assert weights["a.weight"].tolist() == [0, 1, 2, 3, 4, 5]


def test_safetensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors")
    assert read_state_dict(str(tmp_path / "x.safetensors"))["a"].tolist() == [1, 1]
    data = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[:-3])
    with pytest.raises(FatalError, match=r"cut\.safetensors: not a whole checkpoint: \d+ bytes.*fetch it again"):
        read_state_dict(str(tmp_path / "cut.safetensors"))


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"gone\.pth: there is no such file; check the path, or bring it with `python"):
        read_state_dict(str(tmp_path / "gone.pth"))


def test_truncated(whole: Path) -> None:
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    with pytest.raises(FatalError, match=rf"whole\.pth: not a whole checkpoint: {len(data) // 2} bytes"):
        read_state_dict(str(whole))


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    import torch

    trace = tmp_path / "it-ran"
    evil = {"model": {"weight": torch.ones(2)}, "args": RunsCode(trace)}
    torch.save(evil, tmp_path / "evil.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(evil, protocol=2))
    for name in ("evil.pth", "old.pth"):
        with pytest.raises(
            FatalError, match=rf"{name}: refused: it holds more than plain weights.*save its state dict"
        ):
            read_state_dict(str(tmp_path / name))
        assert not trace.exists()
    torch.load(io.BytesIO((tmp_path / "evil.pth").read_bytes()), weights_only=False)
    assert trace.exists(), "the file is harmless: the test above shows nothing"


def test_code_in_a_folder_is_refused_and_does_not_run(tmp_path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    trace = tmp_path / "it-ran"
    folder = tmp_path / "bert"
    BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8).save_pretrained(
        str(folder)
    )
    torch.save({"weight": RunsCode(trace)}, folder / "pytorch_model.bin")
    with pytest.raises(FatalError, match="bert: refused: it holds more than plain weights"):
        load_pretrained(BertModel, str(folder), device="cpu", dtype="float32")
    assert not trace.exists()


def test_not_weights_at_all(tmp_path: Path) -> None:
    import torch

    cases = {
        "page.pth": (b"<!DOCTYPE html><html>404", "a web page instead of weights"),
        "pointer.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a git-lfs pointer"),
        "empty.pth": (b"", "the file is empty"),
    }
    for name, (data, reason) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FatalError, match=f"{name}: {reason}"):
            read_state_dict(str(tmp_path / name))
    (tmp_path / "other.pth").write_bytes(b"\x10\x27\0\0\0\0\0\0{" + bytes(range(256)) * 9)  # safetensors, renamed
    with pytest.raises(FatalError, match=r"other\.pth: not a whole checkpoint"):
        read_state_dict(str(tmp_path / "other.pth"))
    torch.save({"epoch": 3}, tmp_path / "nothing.pth")
    with pytest.raises(FatalError, match="no weights in it"):
        read_state_dict(str(tmp_path / "nothing.pth"))
    with pytest.raises(FatalError, match="a folder, where a weights file"):
        read_state_dict(str(tmp_path))


def test_a_folder_of_another_model(tmp_path: Path) -> None:
    """transformers itself would fill what is missing with random numbers, and go on."""
    from transformers import BertConfig, BertModel, CLIPTextModel

    BertModel(
        BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(str(tmp_path))
    with pytest.raises(FatalError, match=r"not a checkpoint of CLIPTextModel: \d+ weights are missing"):
        load_pretrained(CLIPTextModel, str(tmp_path), device="cpu", dtype="float32")


def test_a_hub_id_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants
    from transformers import BertModel

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FatalError, match=r"labelyard/absent: neither in the hub's cache.*python launch/fetch\.py"):
        load_pretrained(BertModel, "labelyard/absent", device="cpu", dtype="float32")


def test_half_precision_is_loaded_as_such(tmp_path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    BertModel(
        BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(str(tmp_path))
    model = load_pretrained(BertModel, str(tmp_path), device="cpu", dtype="bfloat16")
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert not model.training


def test_kinds(tmp_path: Path) -> None:
    assert kind(str(tmp_path)) == "folder"
    assert kind("facebook/sam-vit-huge") == "hub"
    assert kind("weights/sam_vit_h_4b8939.pth") == "file"
    assert kind("./facebook/sam-vit-huge") == "folder"  # a slip in a path must not become a download
    assert kind("/data/models/sam") == "folder"
    with pytest.raises(ValueError, match="float32, bfloat16, float16"):
        check_dtype("fp16")


class Lacking:
    """A loader that meets a missing package, in the words of those that were seen."""

    error: BaseException

    @classmethod
    def from_pretrained(cls, *arguments: Any, **options: Any) -> Any:
        raise cls.error


@pytest.mark.parametrize(
    ("error", "package"),
    [
        (ImportError("\nQwen2VLVideoProcessor requires the Torchvision library but it was not found"), "torchvision"),
        (ValueError("./q requires `torchvision` to be installed. Please install `torchvision`"), "torchvision"),
        (ImportError("This modeling file requires these packages: timm. Run `pip install timm`"), "timm"),
        (ModuleNotFoundError("No module named 'einops.layers'", name="einops.layers"), "einops"),
        (
            ValueError("Couldn't make it. You need to have sentencepiece or tiktoken installed to convert"),
            "sentencepiece",
        ),
        (ValueError("Fast download is enabled but 'hf_transfer' package is not available"), "hf_transfer"),
    ],
)
def test_a_missing_package_is_no_damaged_checkpoint(error: BaseException, package: str, tmp_path: Path) -> None:
    class Wrapped(Lacking):
        @classmethod
        def from_pretrained(cls, *arguments: Any, **options: Any) -> Any:
            try:
                raise error
            except BaseException as first:
                raise OSError("can't load the processor") from first

    Lacking.error = error
    loads: list[Callable[[type], Any]] = [
        lambda kind: load_processor(kind, str(tmp_path)),
        lambda kind: load_pretrained(kind, str(tmp_path), device="cpu", dtype="float32"),
    ]
    for loader in (Lacking, Wrapped):
        for load in loads:
            with pytest.raises(FatalError) as told:
                load(loader)
            assert f"which is not installed here; run: pip install {package}" in str(told.value)
            assert "damaged" not in str(told.value) and "fetch it again" not in str(told.value)


def test_a_hint_at_a_package_in_another_error_is_none(tmp_path: Path) -> None:
    Lacking.error = ValueError("model type `xyz` is not known here. You can `pip install --upgrade transformers`")
    with pytest.raises(FatalError, match=r"damaged, or of another model .*xyz"):
        load_processor(Lacking, str(tmp_path))
