"""`fuse: true`: steps that share a run come to what they come to in runs of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelyard.launch import status
from labelyard.launch.dataflow_gen.document import read_document
from labelyard.launch.dataflow_gen.request import asked
from labelyard.launch.dataflow_gen.stages import flow_of, recipe_of
from tests.generate.steps.draw.test_api import coded
from tests.launch.dataflow_gen.support import CAPTION, lines, pictures, pipeline, run, write_rows
from tests.support.fault_server import Asked, Fault, FaultServer, error

SERVED = {"model": "openai:m", "key_variable": "FUSED_KEY"}
LOOK = {"type": "ImageCaptioner", "name": "GPTCaptioner", "config": {**SERVED, "prompt": "About {id}?"}}
SAY = {"type": "TextGenerator", "name": "GPTTextGenerator", "config": {**SERVED, "prompt": "Shorter:"}}
DRAW = {"type": "ImageGenerator", "name": "ImageAPIGenerator", "config": {**SERVED, "width": 48, "height": 32}}
AGAIN = {"type": "ImageCaptioner", "name": "ImageAPICaptioner", "config": {**SERVED, "prompt": "And now, {id}?"}}
STEPS = [LOOK, SAY, DRAW, AGAIN]
FOLDERS = [f"step_{n}_{step['type']}_{step['name']}" for n, step in enumerate(STEPS, 1)]


def answered(asked: Asked, time: int) -> Fault | None:
    if "images" in asked.path:
        return error(400, "no", code="moderation_blocked") if "r2" in asked.text else coded(asked, time)
    return error(400, "too bad") if "r1?" in asked.text and "now" not in asked.text else None


def test_results_are_those_of_steps_with_runs_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSED_KEY", "secret")
    made: dict[str, Any] = {}
    for name, times, more in (("apart", 1, {}), ("fused", 2, {"fuse": True})):
        folder = tmp_path / name
        folder.mkdir()
        pictures(folder, [f"{n}.png" for n in range(4)])
        write_rows(folder / "list.jsonl", [{"id": f"r{n}", "image": f"{n}.png"} for n in range(4)])
        with FaultServer(answered) as server:
            servers = [f"step_{number}.base_url={server.address}" for number in range(1, 5)]
            for _ in range(times):
                assert run(pipeline(folder, STEPS, **more), *servers) == 3
            made[name] = json.loads(json.dumps(told(folder)).replace(str(folder), ""))
            made[f"{name} asked"] = sorted(map(words, server.asked))
    assert made["fused"]["final"] == made["apart"]["final"] and len(made["fused"]["final"][0]) == 2
    assert made["fused asked"] == made["apart asked"], "each the same, and once"
    both = [(made["fused"][name], made["apart"][name]) for name in FOLDERS]
    assert both[3][0] == both[3][1]
    for fused, apart in both:
        assert fused[0] == [line for line in apart[0] if line["id"] in ("r0", "r3")], "who fails later has no line"
        assert fused[1] == apart[1], "a failure is its own step's"
    base = tmp_path / "fused" / "base"
    assert [(base / name / "run.json").exists() for name in FOLDERS] == [False, False, False, True]
    capsys.readouterr()
    assert status.main([str(base)]) == 0 and FOLDERS[3] in capsys.readouterr().out
    config = pipeline(tmp_path / "fused", [*STEPS[:3], {**AGAIN, "config": {**SERVED, "prompt": "Hm?"}}], fuse=True)
    assert run(config, *servers) == 1 and "--from 4" in capsys.readouterr().err


def words(question: Asked) -> str:
    """What is asked, but for how a picture is packed: one that was just drawn lies in no file yet."""
    content = question.body["messages"][-1]["content"] if "messages" in question.body else []
    for part in content if isinstance(content, list) else ():
        part.get("image_url", {}).pop("url", None)
    return json.dumps(question.body)


def told(folder: Path) -> dict[str, Any]:
    found = {"final": (lines(folder / "out" / "result.jsonl"), lines(folder / "out" / "failed.jsonl"))}
    for name in FOLDERS:
        place = folder / "base" / name
        found[name] = (lines(place / "result.jsonl"), lines(place / "failed.jsonl"))
    return found


def test_who_can_t_share_a_run_says_why(tmp_path: Path) -> None:
    write_rows(tmp_path / "list.jsonl", [{"text": "a", "image": "0.png"}])
    other = {**SAY, "config": {**SERVED, "text_from": "text"}}
    wide = {**SAY, "cluster": {"gpus_per_worker": 2}}
    config = pipeline(tmp_path, [SAY, SAY, AGAIN, other, wide, CAPTION])
    flow = flow_of(asked(read_document(str(config)), {"fuse": True}))
    why = [said.partition("run of its own: ")[2] for stage in flow.stages for said in stage.said if "run of" in said]
    assert why == [
        "the steps before do not read the row's image", "it says itself what it reads",
        "its settings of cluster and work are others", "a class of one's own has a run of its own",
    ]  # fmt: skip
    first, *others = recipe_of(flow).stages
    assert first.name == "step_2_TextGenerator_GPTTextGenerator" and len(others) == 4 and not first.needs
    assert "pipeline.steps=[step_1_TextGenerator_GPTTextGenerator,step_2_TextGenerator_GPTTextGenerator]" in (
        first.settings
    )
    assert len(recipe_of(flow_of(asked(read_document(str(config)), {}))).stages) == 6


@pytest.mark.slow
def test_steps_may_be_fused_and_taken_apart_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSED_KEY", "secret")
    write_rows(tmp_path / "list.jsonl", [{"text": "a"}, {"text": "b"}])
    with FaultServer() as server:
        servers = [f"step_{number}.base_url={server.address}" for number in (1, 2)]
        found = []
        for fuse, more in ((True, []), (False, ["--from", 2]), (True, ["--from", 1]), (True, [])):
            assert run(pipeline(tmp_path, [SAY, SAY], fuse=fuse), *servers, *more) == 0
            found.append(lines(tmp_path / "out" / "result.jsonl"))
        assert found[1:] == found[:-1] and len(found[0]) == 2
    first, last = (f"step_{number}_TextGenerator_GPTTextGenerator" for number in (1, 2))
    assert sorted(path.name for path in (tmp_path / "base").glob("step_[12]_*")) == [
        first, f"{first}.old-1", f"{first}.old-2", last, f"{last}.old-1", f"{last}.old-2",
    ]  # fmt: skip
