"""`compile=true`: the same answers to a tolerance, for a record alone and in company, or a clear end."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Record
from labelyard.generate.step import Step
from labelyard.generate.steps.caption.blip import BLIP
from labelyard.generate.steps.caption.blip2 import BLIP2
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.embed.clip import CLIP
from labelyard.generate.steps.segment.sam import Sam
from labelyard.generate.steps.segment.sam2 import Sam2
from labelyard.generate.steps.segment.sam_hq import SamHQ
from labelyard.generate.steps.tag.ram import RAM
from labelyard.utils.rle import decode
from tests.tiny.caption import make_blip, make_blip2
from tests.tiny.embed import make_clip
from tests.tiny.records import record
from tests.tiny.segment import make_sam, make_sam_hq
from tests.tiny.tag import IMAGE_SIZE, make_ram

COMPILER = pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler: g++")
BATCH: dict[str, Any] = {"batch_size": 2}


def step(name: str, folder: Path, **options: Any) -> Step:
    if name == "ram":
        return RAM(checkpoint=str(make_ram(folder / "ram")), image_size=IMAGE_SIZE, threshold=0.0, **BATCH, **options)
    if name == "sam":
        return Sam(checkpoint=str(make_sam(folder / "sam")), **BATCH, **options)
    if name == "sam_hq":
        return SamHQ(checkpoint=str(make_sam_hq(folder / "sam_hq")), **BATCH, **options)
    if name == "clip":
        return CLIP(checkpoint=str(make_clip(folder / "clip")), **BATCH, **options)
    if name == "blip":
        return BLIP(checkpoint=str(make_blip(folder / "blip")), max_new_tokens=4, **BATCH, **options)
    make_blip2(folder / "blip2")
    return BLIP2(checkpoint=str(folder / "blip2"), dtype="float32", max_new_tokens=4, **BATCH, **options)


def photos() -> list[Record]:
    return [
        record("chelsea", boxes=[(100, 50, 400, 280), (10, 10, 200, 200)], index=0),
        record("coffee", boxes=[(0, 0, 590, 390)], index=1),
        record("astronaut", boxes=[(100, 0, 300, 250)], index=2),
    ]


@COMPILER
@pytest.mark.slow
@pytest.mark.parametrize("name", ["ram", "sam", "sam_hq", "clip", "blip", "blip2"])
def test_compiled_or_not_the_answers_are_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.compiler.config, "force_disable_caches", False, raising=False)
    plain, compiled = step(name, tmp_path), step(name, tmp_path, compile=True)
    plain.setup("cpu")
    compiled.setup("cpu")
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    by_plain, by_compiled = photos(), photos()
    plain(by_plain)
    compiled(by_compiled)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before, "nothing was compiled"
    for one, other in zip(by_plain, by_compiled, strict=True):
        assert_close(one, other)
    shapes = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert_company_does_not_matter(compiled, photos(), disturbed=False)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == shapes, "another batch, another shape"
    assert compiled.model()["compile"] is True and "compile" not in plain.model()


def assert_close(one: Record, other: Record) -> None:
    assert {tag.name for tag in one.tags} == {tag.name for tag in other.tags}
    for tag, same in zip(one.tags, other.tags, strict=True):
        assert tag.score == pytest.approx(
            same.score, abs=1e-4
        )  # as far as a change in the last digits of the pixels takes it
    for instance, same_one in zip(one.instances, other.instances, strict=True):
        assert instance.caption == same_one.caption
        if instance.mask is not None and same_one.mask is not None:
            assert np.mean(decode(instance.mask) != decode(same_one.mask)) < 1e-3
        if instance.label_embedding is not None and same_one.label_embedding is not None:
            np.testing.assert_allclose(instance.label_embedding, same_one.label_embedding, atol=1e-5)


def test_a_machine_without_compiler_says_so_before_any_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = step("ram", tmp_path, compile=True)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        FatalError, match=r"^detail\.compile=true: there is no C\+\+ compiler.*use detail\.compile=false"
    ):
        Pipeline({"detail": chosen}).setup("cpu")


def test_what_cannot_be_compiled_ends_the_worker_and_marks_no_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def broken(*_: Any) -> Any:
        raise RuntimeError("the compiler said: no such header")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: broken)
    pipeline = Pipeline({"tag": step("ram", tmp_path, compile=True)})
    pipeline.setup("cpu")
    failed: list[object] = []
    with pytest.raises(FatalError, match=r"tag\.compile=true: .*no such header.*use tag\.compile=false"):
        pipeline.run(copy.deepcopy(photos()), lambda *said: failed.append(said))
    assert not failed


def test_the_authors_own_packages_and_sam_2_are_not_compiled() -> None:
    for kind in (RAM, Sam, SamHQ, BLIP2):
        with pytest.raises(ValueError, match=r"compile=true: backend=native"):
            kind(backend="native", compile=True)
    with pytest.raises(ValueError, match="SAM2 is not compiled"):
        Sam2(compile=True)
