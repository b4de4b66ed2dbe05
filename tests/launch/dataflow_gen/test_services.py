"""Steps that ask a service, by Dataflow-Gen's names, against a small real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.generate.steps.draw.test_api import coded, png
from tests.launch.dataflow_gen.support import lines, pictures, pipeline, run, write_rows
from tests.support.fault_server import Asked, Fault, FaultServer, error
from tests.support.task_server import task_server

KEY = "sk-quite-secret-and-long-enough"
# A page's step alone, in the form in which it is printed there.
STEP = """\
- type: TextGenerator
 name: GPTTextGenerator
 config:
  model: gpt-4o
  api_key: your_api_key_here
  max_num_seqs: 512
  temperature: 0.2
  sys_prompt: You sum up.
  prompt: In one sentence.
  batch_size: 1
"""
CAPTIONER = """\
- type: ImageCaptioner
  name: ImageAPICaptioner
  config: {model: 'openai:gpt-4o', base_url: base_url, prompt: 'About {id}?', max_tokens: 9, repeat_time: 2}
"""


def test_a_step_alone_asks_once_for_each_row_and_its_key_is_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "step.yaml").write_text(STEP + CAPTIONER)
    pictures(tmp_path, ["0.png", "1.png"])
    rows = [{"id": f"r{n}", "text": f"text {n}", "image": f"{n}.png"} for n in range(2)]
    listed = write_rows(tmp_path / "list.jsonl", rows)
    with FaultServer() as server:
        places = ("--meta_path", listed, "--base_folder", tmp_path / "base", "--save_folder", tmp_path / "out")
        address = f"{server.address}/v1" if not server.address.endswith("/v1") else server.address
        servers = [f"step_{number}.base_url={address}" for number in (1, 2)]
        for _ in range(2):
            assert run(tmp_path / "step.yaml", *places, *servers) == 0
        asked = [one.body for one in server.asked]
    said = capsys.readouterr().out
    assert "line 2: 'name:' does not stand under" in said and "api_key is a placeholder" in said
    texts = sorted(json.dumps(body["messages"]) for body in asked)
    assert len(asked) == 2 + 4, "two answers of each picture, and nothing twice"
    assert texts.count(json.dumps([{"role": "system", "content": "You sum up."}, *asked_of("text 0")])) == 1
    assert {body["model"] for body in asked} == {"gpt-4o"} and sum("image_url" in text for text in texts) == 4
    found = lines(tmp_path / "out" / "result.jsonl")
    assert [line["id"] for line in found] == ["r0", "r1"] and len(found[0]["text_all"]) == 2
    exploded = ("--explode", "--save_folder", tmp_path / "exploded")
    assert run(tmp_path / "step.yaml", *places[:4], *exploded, *servers) == 0, "everything is there"
    assert [line["id"] for line in lines(tmp_path / "exploded" / "result.jsonl")] == ["r0", "r0", "r1", "r1"]
    first = found[0]["text_by_step"]["step_1_TextGenerator_GPTTextGenerator"]
    assert first == "you said In one sentence.\ntext 0"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def asked_of(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"In one sentence.\n{text}"}]


PAINTER = {"type": "ImageGenerator", "name": "ImageAPIGenerator"}


def test_pictures_are_drawn_by_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HF_TOKEN", KEY)
    write_rows(tmp_path / "list.jsonl", [{"image": name, "text": f"a {name}"} for name in ("cat.jpg", "bad.png")])
    usual = {"api_key": "api_key", "api_url": "api_url", "height": 32, "width": 48, "quality": "standard"}
    steps = [{**PAINTER, "config": {"model": "openai:dall-e-3", "retry_count": 9, "repeat_time": 2, **usual}}]
    steps += [{**PAINTER, "config": {"model": "huggingface:owner/painter", "batch_size": 2, **usual}}]

    def draws(asked: Asked, time: int) -> Fault:
        if "bad" in asked.text:
            return error(400, "Your request was rejected.", code="moderation_blocked")
        return coded(asked, time) if "images" in asked.path else Fault(200, png("blue"), good=True)

    with FaultServer(draws) as server:
        servers = [f"step_{number}.base_url={server.address}" for number in (1, 2)]
        for _ in range(2):
            assert run(pipeline(tmp_path, steps), *servers) == 3
        asked = [one.body for one in server.asked]
    said = capsys.readouterr().out
    assert "retry_count has no meaning here" in said and "quality is left out: that service" in said
    by_openai = {"model": "dall-e-3", "prompt": "a cat.jpg", "n": 1, "size": "48x32", "quality": "standard"}
    assert asked.count({**by_openai, "response_format": "b64_json"}) == 2, "two pictures, each asked for once"
    (inputs,) = (body["parameters"] for body in asked if "inputs" in body)
    assert inputs["width"] == 48 and "quality" not in inputs
    (line,) = lines(tmp_path / "out" / "result.jsonl")
    assert line["image"].endswith("/generated/cat.jpg")
    with Image.open(line["image"]) as last:
        assert last.getchannel("B").getextrema()[0] > 250, "what the second service drew"
    (failed,) = lines(tmp_path / "out" / "failed.jsonl")
    assert "refused: Your request was rejected." in failed["reason"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"model": "stable-diffusion"}, "model is 'stable-diffusion', and that service is not known here"),
        ({"model": "x", "api_url": "https://modelslab.com/api/v6/x"}, "api_url is 'https://modelslab.com/api/v6/x'"),
        ({"model": "openai:x", "num_inference_steps": 3}, "ImageAPIGenerator has no setting 'num_inference_steps'"),
        ({"model": "openai:x", "max_sequence_length": 3}, "ImageAPIGenerator has no setting 'max_sequence_length'"),
    ],
)
def test_another_service_is_refused_with_those_that_are(
    config: dict[str, object], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "list.jsonl", [{"text": "a cat"}])
    assert run(pipeline(tmp_path, [{**PAINTER, "config": config}])) == 1
    said = capsys.readouterr().err
    assert told in said and ("openai:NAME, huggingface:NAME, bfl:NAME" in said or "no setting" in said)
    assert not (tmp_path / "base").exists()


def test_what_is_called_flux_is_asked_where_flux_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFL_API_KEY", KEY)
    write_rows(tmp_path / "list.jsonl", [{"text": "fine"}])
    configs: list[dict[str, str]] = [{"model": "flux-pro-1.1"}, {"model": "bfl:flux-pro-1.1"}]
    configs.append({"model": "flux-pro-1.1", "api_url": "https://api.bfl.ml/v1/x"})
    with task_server() as server:
        asked = pipeline(tmp_path, [{**PAINTER, "config": config} for config in configs], fuse=True)
        assert run(asked, *(f"step_{number}.base_url={server.address}" for number in (1, 2, 3))) == 0
        assert [body["path"] for body in server.bodies] == ["/v1/flux-pro-1.1"] * 3
    (line,) = lines(tmp_path / "out" / "result.jsonl")
    with Image.open(line["image"]) as drawn:
        assert drawn.size == (24, 10)
