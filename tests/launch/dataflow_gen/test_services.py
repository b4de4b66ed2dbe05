"""Steps that ask a service, by Dataflow-Gen's names, against a small real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.launch.dataflow_gen.support import lines, pictures, run, write_rows
from tests.support.fault_server import FaultServer

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
