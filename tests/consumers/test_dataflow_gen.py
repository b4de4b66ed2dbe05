"""The same pipelines by Dataflow-Gen's own manager, unmodified, and by ours: the same results; and what it can't do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.launch.dataflow_gen.document import read_document
from tests.conftest import environment
from tests.consumers.checkouts import checkout
from tests.launch.dataflow_gen.support import PAINT, PLUGIN, UPPER, lines, pictures, pipeline, run, step, write_rows

CAPTION = step("ImageCaptioner", "SizeCaptioner", prompt="a picture of", batch_size=2)
OWN_NAME = PLUGIN.replace("Size_Captioner", "SizeCaptioner").replace("batch_size: int = 1", "**kwargs")
NAMES = ["a/0.png", "a/1.png", "b/2.png"]
ROWS: list[dict[str, Any]] = [
    {"id": f"r{n}", "image": name, "text": f"text {n}", "n": [n], "score": 0.5} for n, name in enumerate(NAMES)
]
KEYS = {"text_key": "text", "image_key": "image", "video_key": "video"}
# What both can do: the steps, the list's ending, and the rows.
BOTH: dict[str, tuple[list[dict[str, Any]], str, list[dict[str, Any]]]] = {
    "caption": ([CAPTION], "jsonl", ROWS),
    "caption and paint": ([CAPTION, PAINT], "jsonl", ROWS),
    "paint": ([PAINT], "json", ROWS),
    "rewrite": ([UPPER], "json", ROWS),
    "keys of the user's": ([CAPTION], "json", [{"id": 7, "image": NAMES[0], "x": None, "ü": {"y": 1}}]),
}


def prepared(folder: Path, steps: list[dict[str, Any]], ending: str, rows: list[dict[str, Any]], **keys: Any) -> Path:
    folder.mkdir()
    pictures(folder / "pictures", NAMES)
    listed = folder / f"list.{ending}"
    listed.write_text(json.dumps(rows)) if ending == "json" else write_rows(listed, rows)
    config = pipeline(
        folder, steps, **{**KEYS, "meta_path": str(listed), "meta_folder": str(folder / "pictures"), **keys}
    )
    (folder / "mine.py").write_text(OWN_NAME)
    return config


def theirs(folder: Path, *configs: Path) -> list[str | None]:
    (folder / "plugin.py").write_text(OWN_NAME)
    script = Path(__file__).with_name("dataflow_runs.py")
    command = [
        sys.executable,
        str(script),
        str(checkout("Dataflow-Gen")),
        str(folder / "plugin.py"),
        *map(str, configs),
    ]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[str | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Where it lies is each system's own affair: theirs leaves the paths of a folder that it has moved."""

    def moved(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return re.sub(r".*/generated/", "generated/", value).replace(str(folder), "")

    return [{key: moved(value) for key, value in line.items() if key != "text_by_step"} for line in lines(path)]


def test_both_come_to_the_same_results(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    configs = [prepared(tmp_path / "theirs" / name, *case) for name, case in BOTH.items()]
    assert theirs(tmp_path, *configs) == [None] * len(BOTH)
    for name, case in BOTH.items():
        other, own = tmp_path / "theirs" / name, tmp_path / "ours" / name
        assert run(prepared(own, *case)) == 0
        assert told(own / "out/result.jsonl", own) == told(other / "out/result.jsonl", other), name
        steps = [path.parent.name for path in sorted((other / "base").glob("*/result.jsonl"))]
        assert "step_0_preprocess_format" in steps
        for step_name in steps:
            place = f"base/{step_name}/result.jsonl"
            assert told(own / place, own) == told(other / place, other), (name, step_name)
        for made in other.glob("out/generated/**/*.png"):
            assert Image.open(own / made.relative_to(other)).tobytes() == Image.open(made).tobytes()


def table(ending: str) -> Callable[[Path], Mapping[str, Any]]:
    def write(folder: Path) -> Mapping[str, Any]:
        import pandas

        frame = pandas.DataFrame([{"image": name, "text": f"text {n}"} for n, name in enumerate(NAMES)])
        path = folder / f"list.{ending}"
        if ending == "parquet":
            frame.to_parquet(path)
        else:
            frame.to_csv(path, sep="," if ending == "csv" else "\t", index=False)
        return {"meta_path": str(path)}

    return write


def texts(folder: Path) -> Mapping[str, Any]:
    (folder / "list.txt").write_text("one\ntwo\n")
    return {"meta_path": str(folder / "list.txt")}


def absolute(folder: Path) -> Mapping[str, Any]:
    write_rows(folder / "list.jsonl", [{"image": str(folder / "pictures" / NAMES[0]), "text": "a text"}])
    return {}


# What theirs fails at: the steps, what is otherwise, and how many rows ours gives.
OURS: dict[str, tuple[list[dict[str, Any]], Callable[[Path], Mapping[str, Any]], int]] = {
    "csv": ([CAPTION], table("csv"), 3),
    "tsv": ([CAPTION], table("tsv"), 3),
    "parquet": ([CAPTION], table("parquet"), 3),
    "txt": ([UPPER], texts, 2),
    "no meta_folder": ([CAPTION], lambda folder: {"meta_folder": None, "meta_path": str(beside(folder))}, 3),
    "text alone": ([PAINT], lambda folder: {"meta_path": str(write_rows(folder / "t.jsonl", [{"text": "x"}]))}, 1),
    "an underscore": ([step("ImageCaptioner", "Size_Captioner")], lambda folder: {}, 3),
}


def beside(folder: Path) -> Path:
    return write_rows(folder / "pictures" / "list.jsonl", [{"image": name} for name in NAMES])


def test_what_theirs_fails_at(tmp_path: Path) -> None:
    configs = []
    for name, (steps, otherwise, _) in OURS.items():
        folder = tmp_path / name
        config = prepared(folder, steps, "jsonl", ROWS)
        body = json.loads(config.read_text()) | dict(otherwise(folder))
        config.write_text(json.dumps({key: value for key, value in body.items() if value is not None}))
        (folder / "mine.py").write_text(OWN_NAME + OWN_NAME.replace("SizeCaptioner", "Size_Captioner"))
        configs.append(config)
    errors = dict(zip(OURS, theirs(tmp_path, *configs), strict=True))
    assert all(errors.values()), errors
    for name, (_, _, number) in OURS.items():
        config = tmp_path / name / "pipeline.yaml"
        base, out = tmp_path / name / "own base", tmp_path / name / "own out"
        assert run(config, "--base_folder", base, "--save_folder", out) == 0, name
        found = lines(out / "result.jsonl")
        assert len(found) == number and all(line["text"] for line in found), name
        for line in found:
            assert "image" not in line or Path(line["image"]).is_file(), name


def test_a_source_image_is_not_painted_over(tmp_path: Path) -> None:
    """An absolute `image`: theirs writes what it has painted to that very place."""
    kept = {}
    for whose in ("theirs", "ours"):
        config = prepared(tmp_path / whose, [PAINT], "jsonl", ROWS)
        absolute(tmp_path / whose)
        source = tmp_path / whose / "pictures" / NAMES[0]
        before = source.read_bytes()
        assert (theirs(tmp_path, config) == [None]) if whose == "theirs" else (run(config) == 0)
        kept[whose] = source.read_bytes() == before
    assert kept == {"theirs": False, "ours": True}
    (line,) = lines(tmp_path / "ours" / "out" / "result.jsonl")
    assert line["image"] == str(tmp_path / "ours" / "out" / "generated" / "0.png")


def test_of_two_captioners_theirs_keeps_the_last_alone(tmp_path: Path) -> None:
    other = step("ImageCaptioner", "SizeCaptioner", prompt="another")
    configs = {whose: prepared(tmp_path / whose, [CAPTION, other], "jsonl", ROWS) for whose in ("theirs", "ours")}
    assert theirs(tmp_path, configs["theirs"]) == [None] and run(configs["ours"]) == 0
    first, own = (lines(tmp_path / whose / "out" / "result.jsonl")[0] for whose in ("theirs", "ours"))
    assert first["text"] == own["text"] == "another (20, 10)" and "a picture of" not in json.dumps(first)
    assert list(own["text_by_step"].values()) == ["a picture of (20, 10)", "another (20, 10)"]


def blocks() -> list[str]:
    page = (checkout("Dataflow-Gen") / "docs" / "image.zh-CN.md").read_text(encoding="utf-8")
    return re.findall(r"```yaml\n(.*?)```", page, re.S)


def test_every_yaml_of_theirs_with_steps_is_read(tmp_path: Path) -> None:
    read = 0
    for path in sorted(checkout("Dataflow-Gen").glob("*/*.yaml")):
        text = path.read_text(encoding="utf-8")
        if "steps:" not in text:
            continue  # of a form before this one
        document = read_document(str(path))
        assert all({"type", "name"} <= set(one) for one in document.values["steps"]), path
        read += 1
    assert read >= 7
    for number, block in enumerate(blocks()):
        (tmp_path / f"{number}.yaml").write_text(block, encoding="utf-8")
        assert read_document(str(tmp_path / f"{number}.yaml")).notes


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["repository", "document"])
def test_the_page_s_pipeline_runs_as_it_is_printed(layout: str, tmp_path: Path) -> None:
    """With tiny models in the place of its two."""
    from tests.tiny.caption import make_llava
    from tests.tiny.pipelines import make_flux

    make_llava(tmp_path / "llava")
    make_flux(tmp_path / "flux")
    text = blocks()[0]
    for location in re.findall(r"model_path: (\S+)", text):
        text = text.replace(location, "flux" if "FLUX" in location else "llava")
    (tmp_path / "pipeline.yaml").write_text(text, encoding="utf-8")
    folder = tmp_path / "data" / "image"
    pictures(folder, ["image1.jpg", "image2.png"])
    write_rows(folder / "test_image_captioner.jsonl", [{"image": "image1.jpg"}, {"image": "image2.png"}])
    small = ["step_1.max_tokens=4", "step_2.steps=1", "step_2.width=64", "step_2.height=64"]
    assert run(tmp_path / "pipeline.yaml", "--layout", layout, *small) == 0
    names = ["image1_generated.jpg", "image2_generated.png"] if layout == "document" else ["image1.jpg", "image2.png"]
    place = "generated_images" if layout == "document" else "generated"
    for top in (tmp_path / "intermediate_results" / "step_2_ImageGenerator_FLUXGenerator", tmp_path / "results"):
        assert sorted(path.name for path in (top / place).iterdir()) == names
    found = lines(tmp_path / "results" / "result.jsonl")
    assert [len(line["text_all"]) for line in found] == [5, 5], "repeat_time"
    with Image.open(found[0]["image"]) as image:
        assert (image.format, image.size) == ("JPEG", (64, 64))
