"""Every name of Dataflow-Gen's runs, on tiny folders with random weights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.media.video import Limits, Part, look_through
from labelyard.launch.dataflow_gen.catalogue import NAMES
from tests.generate.steps.draw.test_api import coded
from tests.generate.steps.film.test_film import SMALL
from tests.launch.dataflow_gen.support import lines, pictures, pipeline, run, step, write_rows
from tests.support.fault_server import FaultServer
from tests.support.videos import sound, video, without_frames
from tests.tiny import films
from tests.tiny.caption import make_blip2_opt, make_llava, make_qwen
from tests.tiny.chat import make_talker
from tests.tiny.pipelines import make_flux, make_sd3

pytestmark = pytest.mark.slow
SHORT: dict[str, Any] = {"max_tokens": 4, "dtype": "float32"}


def steps_of(kind: str, own: Mapping[str, Mapping[str, Any]], usual: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [step(kind, name, **{**usual, **own.get(name, {})}) for name in NAMES[kind]]


def results(folder: Path, config: Path) -> list[dict[str, Any]]:
    """Alone and in company, here and again elsewhere: the same."""
    assert run(config) == 0
    found = lines(folder / "out" / "result.jsonl")
    first = (folder / "list.jsonl").read_text().splitlines(keepends=True)[-1]
    (folder / "alone.jsonl").write_text(first)
    places = ("--base_folder", folder / "base alone", "--save_folder", folder / "alone")
    assert run(config, "--meta_path", folder / "alone.jsonl", *places) == 0
    (alone,) = lines(folder / "alone" / "result.jsonl")
    for key, value in alone.items():
        if key not in ("image", "video", "image_all"):
            assert found[-1][key] == value, key
        elif isinstance(value, str) and Path(value).is_relative_to(folder / "alone"):
            assert Path(found[-1][key]).read_bytes() == Path(value).read_bytes(), key
    return found


def test_captioners_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "nothing-to-hide")
    make_llava(tmp_path / "llava")
    make_blip2_opt(tmp_path / "blip2")
    make_qwen(tmp_path / "qwen", "Qwen2VL")
    pictures(tmp_path, ["0.png", "1.png", "2.png"])
    write_rows(tmp_path / "list.jsonl", [{"image": f"{n}.png"} for n in range(3)])
    with FaultServer() as server:
        service = {"model": "openai:any", "base_url": server.address}
        own = {
            "BLIPCaptioner": {"model_path": str(tmp_path / "blip2")},
            "QwenVLCaptioner": {"model_path": str(tmp_path / "qwen")},
            "GPTCaptioner": service,
            "ImageAPICaptioner": service,
        }
        usual = {"model_path": str(tmp_path / "llava"), **SHORT}
        steps = steps_of("ImageCaptioner", own, usual)
        for one in steps:
            if one["name"] in ("GPTCaptioner", "ImageAPICaptioner"):
                del one["config"]["model_path"]
        found = results(tmp_path, pipeline(tmp_path, steps))
    assert len(found) == 3 and len(found[0]["text_by_step"]) == len(NAMES["ImageCaptioner"])


def test_generators_of_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "nothing-to-hide")
    make_talker(tmp_path / "talker")
    write_rows(tmp_path / "list.jsonl", [{"text": word} for word in ("one", "two", "two")])
    with FaultServer() as server:
        service = {"model": "openai:any", "base_url": server.address}
        own = {"LocalModelGenerator": {"model_path": str(tmp_path / "talker"), "text_from": "text", **SHORT}}
        steps = steps_of("TextGenerator", own, {})
        for one in steps:
            one["config"] |= service if one["name"] != "LocalModelGenerator" else {}
        assert run(pipeline(tmp_path, steps)) == 0
    found = lines(tmp_path / "out" / "result.jsonl")
    assert len(found) == 3 and all(len(line["text_by_step"]) == len(NAMES["TextGenerator"]) for line in found)


def test_a_bare_text_is_read_without_a_chat_template(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    make_talker(tmp_path / "talker", template=None)
    write_rows(tmp_path / "list.jsonl", [{"text": "one"}])
    bare = {"model_path": str(tmp_path / "talker"), "prompt": "Say it.", "chat": False, "temperature": 0, **SHORT}
    assert run(pipeline(tmp_path, [step("TextGenerator", "LocalModelGenerator", **bare)])) == 0
    reads: Any = AutoTokenizer.from_pretrained(tmp_path / "talker")
    asked = reads("Say it.\none", return_tensors="pt")
    made = AutoModelForCausalLM.from_pretrained(tmp_path / "talker").generate(
        **asked, do_sample=False, max_new_tokens=SHORT["max_tokens"]
    )
    (line,) = lines(tmp_path / "out" / "result.jsonl")
    assert line["text"] == reads.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True).strip()


WATCHER = """

@CAPTIONER_REGISTRY.register()
class Watcher:
    def generate_batch(self, videos):
        import av

        return [f"{sum(1 for _ in av.open(path).decode(video=0))} frames" for path in videos]
"""


def test_a_list_of_videos_of_every_kind(tmp_path: Path) -> None:
    make_qwen(tmp_path / "qwen", "Qwen2VL")
    whole = {"a.mp4": video("mp4"), "b.webm": video("webm"), "c.gif": video("gif")}
    whole["turned.mp4"] = video("mp4", quarter_turn=True)
    damaged = {
        "half.mp4": (whole["a.mp4"][: len(whole["a.mp4"]) // 2], "not a video, or a damaged one"),
        "half.webm": (whole["b.webm"][: len(whole["b.webm"]) // 2], "cut off"),
        "frameless.mp4": (without_frames(), "no video in it"),
        "sound.mp4": (sound(), "no video in it"),
        "nothing.mp4": (b"", "not a video, or a damaged one"),
    }
    files = whole | {name: data for name, (data, _) in damaged.items()}
    reasons = {name: reason for name, (_, reason) in damaged.items()}
    reasons |= {"missing.mp4": "no such file", "https://example.org/a.mp4": "a URL; fetch it to a disk first"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    names = [*whole, *reasons, ""]
    write_rows(tmp_path / "list.jsonl", [{"video": name} if name else {"text": "no video"} for name in names])
    usual = {"model_path": str(tmp_path / "qwen"), "frames": 2, **SHORT}
    config = pipeline(
        tmp_path, [step("VideoCaptioner", "Qwen2VLCaptioner", **usual), step("VideoCaptioner", "Watcher")]
    )
    with (tmp_path / "mine.py").open("a") as file:
        file.write(WATCHER)
    assert run(config) == 3
    found = lines(tmp_path / "out" / "result.jsonl")
    assert [(Path(line["video"]).name, line["text"]) for line in found] == [(name, "20 frames") for name in whole]
    failed = lines(tmp_path / "out" / "failed.jsonl")
    assert [(names[line["row"]], line["step"][:6]) for line in failed] == [(name, "step_1") for name in reasons] + [
        ("", "step_0")
    ]
    for line, reason in zip(failed, [*reasons.values(), "has no video"], strict=True):
        assert reason in line["reason"], line
    shown = [json.loads(path.read_bytes())["file"]["video"] for path in (tmp_path / "base").glob("step_1*/records/*/*")]
    sizes = Counter((facts["format"], facts["width"], facts["height"], facts.get("rotation")) for facts in shown)
    assert sizes == Counter(
        [("mov", 64, 48, None), ("matroska", 64, 48, None), ("gif", 64, 48, None), ("mov", 48, 64, -90)]
    )


def test_captioners_of_videos(tmp_path: Path) -> None:
    make_qwen(tmp_path / "qwen", "Qwen2VL")
    for name in ("a.mp4", "b.webm"):
        (tmp_path / name).write_bytes(video(name.partition(".")[2]))
    write_rows(tmp_path / "list.jsonl", [{"video": "a.mp4"}, {"video": "b.webm"}])
    usual = {"model_path": str(tmp_path / "qwen"), "frames": 2, **SHORT}
    found = results(tmp_path, pipeline(tmp_path, steps_of("VideoCaptioner", {}, usual)))
    assert len(found) == 2 and len(found[0]["text_by_step"]) == len(NAMES["VideoCaptioner"])


def test_generators_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "nothing-to-hide")
    make_flux(tmp_path / "flux")
    make_sd3(tmp_path / "sd3")
    write_rows(tmp_path / "list.jsonl", [{"text": "a cat", "image": "a.png"}, {"text": "a dog", "image": "b.jpg"}])
    own = {"StableDiffusionGenerator": {"model_path": str(tmp_path / "sd3")}}
    small = {"width": 32, "height": 32, "num_inference_steps": 1, "max_sequence_length": 16, "dtype": "float32"}
    steps = steps_of("ImageGenerator", own, {"model_path": str(tmp_path / "flux"), "repeat_time": 2, **small})
    with FaultServer(coded) as server:
        (served,) = (one for one in steps if one["name"] == "ImageAPIGenerator")
        served["config"] = {"model": "openai:any", "base_url": server.address, "repeat_time": 2}
        steps.insert(0, steps.pop(steps.index(served)))  # what the last one makes is looked at below
        found = results(tmp_path, pipeline(tmp_path, steps))
    names = [[Path(path).name for path in line["image_all"]] for line in found]
    assert names == [["a.png", "a_2.png"], ["b.jpg", "b_2.jpg"]]
    assert all(line["image"] == line["image_all"][0] for line in found)
    (first, second) = (Path(path).read_bytes() for path in found[0]["image_all"])
    assert first != second


OF_VIDEOS = {
    "AllegroGenerator": "allegro", "AnimateDiffGenerator": "animatediff", "CogVideoXT2VGenerator": "cogvideox",
    "CogVideoXGenerator": "cogvideox_i2v", "I2VGenXLGenerator": "i2vgen_xl", "ModelScopeT2VGenerator": "modelscope",
    "SVDGenerator": "svd", "DiffusersVideoGenerator": "wan",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES["VideoGenerator"])
def test_generators_of_videos(name: str, tmp_path: Path) -> None:
    getattr(films, f"make_{OF_VIDEOS[name]}")(tmp_path / "model")
    pictures(tmp_path, ["start.png"])
    write_rows(tmp_path / "list.jsonl", [{"text": "a cat", "image_path": "start.png", "video": "a.mp4"}])
    small = {"width": 32, "height": 32, "num_inference_steps": 2, "dtype": "float32", "variant": None}
    small |= {"num_frames" if key == "frames" else key: value for key, value in SMALL[OF_VIDEOS[name]].items()}
    if "Animate" in name:
        small["motion_adapter"] = str(tmp_path / "model" / "motion")
    assert run(pipeline(tmp_path, [step("VideoGenerator", name, model_path=str(tmp_path / "model"), **small)])) == 0
    (line,) = lines(tmp_path / "out" / "result.jsonl")
    found = look_through(Part(Path(line["video"])), Limits(10**6, 60), 60, "")
    assert found.count >= 3 and line["text"] == "a cat"
