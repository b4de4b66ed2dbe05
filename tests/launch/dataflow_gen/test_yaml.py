"""YAML as people have it: read strictly, mended where it is known how, and refused with file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from labelyard.launch.dataflow_gen.document import read_document
from labelyard.launch.dataflow_gen.mend import mended
from labelyard.launch.dataflow_gen.request import asked
from labelyard.launch.dataflow_gen.stages import flow_of
from labelyard.utils.errors import UserError
from tests.launch.dataflow_gen.support import PLUGIN

LEFT_OF_THE_TYPE = """\
meta_path: list.jsonl # the list
steps:
 - type: ImageCaptioner
  name: LLaVACaptioner
  config:
   prompt: |
    What is it?
      And where?
   # a remark
   top_k: 5

 - type: TextGenerator
   name: Right
   config: {stop: [a, b]}
  - type: TextGenerator
    name: Deeper
 -type: other
save_folder: out
"""


def test_what_the_documents_print_is_mended_and_said(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(LEFT_OF_THE_TYPE)
    document = read_document(str(path))
    assert document.values["steps"] == [
        {
            "type": "ImageCaptioner",
            "name": "LLaVACaptioner",
            "config": {"prompt": "What is it?\n  And where?\n", "top_k": 5},
        },
        {"type": "TextGenerator", "name": "Right", "config": {"stop": ["a", "b"]}},
        {"type": "TextGenerator", "name": "Deeper"},
        {"type": "other"},
    ]
    assert document.values["save_folder"] == "out"
    assert document.notes == (
        "line 4: 'name:' does not stand under the first key of its step; it is taken for the step's own",
        "line 15: the step begins in column 3, and those before it in column 2",
        "line 17: a blank is missing behind the dash",
    )
    assert document.at("steps", 0, "config", "top_k") == f"{path}, line 10"


def test_a_list_of_steps_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("- type: TextGenerator\n name: GPTTextGenerator\n config:\n  temperature: 2e-1\n")
    document = read_document(str(path))
    assert document.values == {
        "steps": [{"type": "TextGenerator", "name": "GPTTextGenerator", "config": {"temperature": 0.2}}]
    }
    assert document.at("steps", 0, "config", "temperature").endswith("line 4")


def test_what_is_right_is_not_touched() -> None:
    right = "steps:\n  - type: A\n    name: B\n    config:\n      stop:\n        - x\n      b: 1\n  - type: C\nkey: 1\n"
    assert mended(right).text == right and mended(right).notes == ()


TWO = (
    "meta_path: l.jsonl\nsteps:\n - type: ImageCaptioner\n   name: LLaVACaptioner\n   config:\n    prompt: x\n"
    "    {more}\n"
)
BARE = (
    TWO.replace("ImageCaptioner", "TextGenerator")
    .replace("LLaVACaptioner", "LocalModelGenerator")
    .replace("{more}", "chat: false\n    {more}")
)


def _named(name: str) -> str:
    return TWO.replace("LLaVACaptioner", name).replace("{more}", "top_k: 1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1, 2\nb: 3\n", r"p\.yaml, line 2, column 2: not YAML: expected ',' or ']'"),
        ("a: 1\na: 2\n", r"p\.yaml, line 2: 'a' is given twice, first on line 1"),
        ("just text", r"p\.yaml holds str; give keys with values"),
        ("meta_pth: x\n", r"line 1: there is no key 'meta_pth'.* Did you mean meta_path\?"),
        ("meta_path: 5\n", r"line 1: meta_path is 5; give a text"),
        ("steps: [{type: TextGenerator, name: X}]\n", "meta_path is not given"),
        ("meta_path: x\n", "there are no steps"),
        ("meta_path: x\nsteps:\n - type: ImageCaptoner\n", "line 3: the step has no name"),
        ("steps:\n - type: ImageCaptoner\n   name: X\n", r"line 2: there is no type 'ImageCaptoner'.*ImageCaptioner\?"),
        ("meta_path: x\nsteps:\n - type: TextGenerator\n", "line 3: the step has no name"),
        ("meta_path: x\nsteps:\n - typ: TextGenerator\n", r"line 3: a step has no 'typ'.* Did you mean type\?"),
        ("meta_path: x\nbase_folder: a/b\nsave_folder: a\nsteps: [{type: TextGenerator, name: X}]\n", "holds base_"),
        (TWO.replace("{more}", "temprature: 1"), r"line 7: LLaVACaptioner has no setting 'temprature'.*temperature\?"),
        (_named("LavaCaptioner"), r"line 4: there is no ImageCaptioner 'LavaCaptioner'.*LLaVACaptioner\?"),
        (_named("GPTTextGenerator"), "GPTTextGenerator is no ImageCaptioner: give type: TextGenerator"),
        (TWO.replace("{more}", "api_key: sk-verysecret"), r"line 7: api_key holds a key\."),
        (TWO.replace("{more}", "batch_size: many"), "line 7: batch_size is 'many'; give a whole number"),
        (TWO.replace("{more}", "logit_bias: {a: 1}"), r"line 7: logit_bias is .*, and LLaVACaptioner can't do"),
        (TWO.replace("{more}", "model: y\n    model_path: z"), "line 8: model_path says again what model says"),
        (TWO.replace("{more}", "chat: false"), "line 7: chat is False, and LLaVACaptioner can't do that here"),
        (BARE.replace("{more}", "sys_prompt: y"), "line 8: with chat: false nothing but prompt and text is read"),
        (BARE.replace("{more}", "template: '{prompt}'"), "line 8: template says again what chat says"),
        (TWO.replace("{more}", "read: step_3"), r"line 7: read is 'step_3'; earlier steps .* \(image\): none"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(text)
    second = "read:" in text
    with pytest.raises(UserError) as error:
        request = asked(read_document(str(tmp_path / "p.yaml")), {})
        flow_of(request if not second else _twice(request))
    assert re.search(said, str(error.value)), str(error.value)
    assert "verysecret" not in str(error.value)


def _twice(request: Any) -> Any:
    from dataclasses import replace

    first = request.steps[0]
    return replace(request, steps=(replace(first, config={}), replace(first, number=2)))


def test_settings_become_those_of_our_step(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        TWO.replace(
            "{more}",
            "model_path: tiny/llava\n    repeat_time: 5\n    max_model_len: 2048\n    max_num_seqs: 128\n"
            "    tensor_parallel_size: 2\n    trust_remote_code: true\n    batch_size: 1000\n    api_key: api_kay",
        )
    )
    (stage,) = flow_of(asked(read_document(str(tmp_path / "p.yaml")), {"seed": 3})).stages
    found = dict(setting.split("=", 1) for setting in stage.settings)
    name = "step_1_ImageCaptioner_LLaVACaptioner"
    assert stage.name == name and found[f"+describe@{name}"] == "vlm"
    own = {key.removeprefix(f"{name}."): value for key, value in found.items() if key.startswith(name)}
    assert own | {"of": ""} == {
        "checkpoint": "'tiny/llava'", "prompt": "'x'", "temperature": "0.6", "top_p": "0.9", "top_k": "50",
        "repetition_penalty": "1.2", "times": "5", "max_model_len": "2048", "max_tokens": "1024", "batch_size": "128",
        "max_num_seqs": "128", "seed": "3", "of": "",
    }  # fmt: skip
    assert found["work.batch"] == "256" and found["source.identity"] == "row"
    assert (found["source.image_key"], found["source.caption_key"]) == ("'image'", "null")
    assert [said.split()[0] for said in stage.said] == ["trust_remote_code", "api_key"]
    assert found["cluster.gpus_per_worker"] == "2"


def test_a_bare_text_is_the_prompt_with_the_text_behind_it(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(BARE.replace("{more}", "model_path: tiny"))
    (stage,) = flow_of(asked(read_document(str(tmp_path / "p.yaml")), {})).stages
    assert f"{stage.name}.template='{{prompt}}'" in stage.settings
    assert f"{stage.name}.prompt='x\n{{caption}}'" in [one.replace("\\n", "\n") for one in stage.settings]


def test_a_class_of_the_users_is_looked_at_without_running_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import a_library_that_is_not_there\n" + PLUGIN)
    text = "meta_path: x\nplugins: mine.py\nsteps:\n - {type: ImageGenerator, name: Painter, config: {hieght: 5}}\n"
    for before, after, said in (
        ("Painter", "Painter", r"line 4: Painter has no setting 'hieght'.* Did you mean height\?"),
        ("Painter", "WithoutMethod", r"line 4: WithoutMethod \(.*mine.py, line \d+\) has no method generate_batch"),
        ("Painter", "Pinter", r"there is no ImageGenerator 'Pinter'.* Did you mean Painter\?"),
        ("Painter", "no.such.module.Painter", r"no\.such\.module\.Painter: No module named 'no'"),
        ("plugins: mine.py", "plugins: yours.py", r"plugins: yours\.py is not there"),
    ):
        (tmp_path / "p.yaml").write_text(text.replace(before, after))
        with pytest.raises(UserError) as error:
            flow_of(asked(read_document(str(tmp_path / "p.yaml")), {}))
        assert re.search(said, str(error.value)), str(error.value)
