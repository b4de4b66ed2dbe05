"""What is said of the models' licences."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labelyard.generate.checkpoint import Licence
from labelyard.generate.settings import build
from labelyard.generate.step import Checkpoint, Step
from labelyard.generate.steps.caption.blip2 import BLIP2
from labelyard.generate.steps.depth.depth_anything import DepthAnything
from labelyard.generate.steps.ground.llmdet import LLMDet
from labelyard.generate.steps.tools.licences import KNOWN, licence_in, licence_of, told, warnings
from labelyard.launch.config.compose import CONF, FRAME, Groups

LARGE = "depth-anything/Depth-Anything-V2-Large-hf"


def options() -> dict[str, Step]:
    """Every option of every kind of step, as it is without a setting."""
    groups = Groups.under(CONF).options
    found = {
        f"{group}={name}": build(yaml.safe_load(path.read_text(encoding="utf-8")))
        for group, paths in groups.items()
        if group not in (*FRAME, "export", "dataflow")  # those are of classes of the user's
        for name, path in paths.items()
    }
    assert len(found) > 20
    return {name: step for name, step in found.items() if isinstance(step, Step)}


# What an original system was made with, and its weights' makers do not sell. Each has an option beside it that they do.
NOT_FOR_SALE = {
    "depth_edit=controlnet",
    "depth_edit=flux",
    "draw=flux",
    "edit=kontext",
    "fill=flux",
    "film=modelscope",
    "normal=dsine",
    "pose=openpose",
    "reference=edit",
    "style=redux",
}
ITS_CARD_SAYS = {""}  # the user's own


def test_of_every_model_that_an_option_names_the_licence_is_known_and_where_it_bites_is_told() -> None:
    known = options()
    unknown = {at for step in known.values() for at, licence in step.licences().items() if licence is None}
    assert unknown <= ITS_CARD_SAYS
    assert sum(bool(step.licences()) for step in known.values()) > 15
    assert {line.partition(":")[0] for line in warnings(known)} == NOT_FOR_SALE
    assert all(set(step.licences()) >= {c.location for c in step.checkpoints()} for step in known.values())


def test_all_of_the_pipeline_of_today_may_be_used_by_anybody() -> None:
    recipe = yaml.safe_load((CONF / "pipeline" / "instances2026.yaml").read_text(encoding="utf-8"))
    chosen = [f"{kind.removeprefix('override /')}={name}" for one in recipe["defaults"] for kind, name in one.items()]
    steps = {name: step for name, step in options().items() if name in chosen}
    assert len(steps) == len(recipe["pipeline"]["steps"]) == 6
    for step in [*steps.values(), LLMDet(checkpoint=recipe["ground"]["checkpoint"])]:
        for licence in step.licences().values():
            assert licence is not None and licence.weights in ("Apache-2.0", "MIT", "BSD-3-Clause")
            assert licence.commercial and not licence.gated and not licence.note


def test_depth_is_of_the_small_model_and_the_large_one_s_licence_is_told() -> None:
    assert DepthAnything().checkpoint == "depth-anything/Depth-Anything-V2-Small-hf"
    assert list(told(DepthAnything())) == ["depth-anything/Depth-Anything-V2-Small-hf: Apache-2.0"]
    assert warnings({"depth": DepthAnything(checkpoint=LARGE)}) == [
        f"depth: {LARGE} may not be used commercially (CC-BY-NC-4.0; no commercial use; code Apache-2.0)"
    ]


def test_a_model_inside_another_counts() -> None:
    for step in (BLIP2(checkpoint="Salesforce/blip2-opt-2.7b"), BLIP2(backend="native", native_model="blip2_opt/x")):
        (line,) = warnings({"caption": step})
        assert "OPT" in line
    assert warnings({"caption": BLIP2(), "other": BLIP2(backend="native")}) == []


def test_the_longest_beginning_counts() -> None:
    for start, licence in KNOWN.items():
        assert licence_of(Checkpoint(f"{start}x")) == licence


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("license: apache-2.0", ("apache-2.0", True, False)),
        ("license: cc-by-nc-4.0", ("cc-by-nc-4.0", False, False)),
        ("license: other\nlicense_name: a-non-commercial-one", ("a-non-commercial-one", False, False)),
        ("license: other\nlicense_name: qwen-research", ("qwen-research", False, False)),
        ("license: [mit]\nextra_gated_prompt: 'agree'", ("mit", True, True)),
        ("license: encore-licence", ("encore-licence", True, False)),
        ("tags: [a]", None),
        ("license: [", None),
    ],
)
def test_of_others_their_card_is_asked(head: str, expected: tuple[str, bool, bool] | None, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\n{head}\n---\n\n# A model\n")
    found = licence_of(Checkpoint(str(tmp_path)))
    assert (None if found is None else (found.weights, found.commercial, found.gated)) == expected
    (tmp_path / "model.pth").write_bytes(b"")
    assert licence_of(Checkpoint(str(tmp_path / "model.pth"))) == found


def test_what_is_not_known_is_told_as_such(tmp_path: Path) -> None:
    assert list(told(DepthAnything(checkpoint=str(tmp_path)))) == [
        f"{tmp_path}: licence not known here; its model card says it"
    ]
    assert licence_in("no head at all") is None and licence_in("") is None
    assert warnings({"depth": DepthAnything(checkpoint=str(tmp_path))}) == []
    gated = Licence("SAM License", gated=True)
    assert str(gated) == "SAM License; gated: accept its terms at the hub, and set HF_TOKEN"
