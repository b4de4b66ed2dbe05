"""Dataflow-Gen's pipelines from their YAML to their results, with users' own classes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.launch import cancel, retry, status, view
from tests.launch.dataflow_gen.support import CAPTION, PAINT, UPPER, lines, pictures, pipeline, run, step, write_rows

NAMES = ["a/0.png", "a/1.png", "a/bad.png", "a/3.png", "a/3.png"]
ONE, TWO, THREE, FOUR = (
    "step_1_ImageCaptioner_Size_Captioner", "step_2_TextGenerator_Upper", "step_3_ImageGenerator_Painter",
    "step_4_ImageCaptioner_Size_Captioner",
)  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Caption, rewrite, paint, caption; a bad picture, an image twice, and a row without one."""
    folder = tmp_path_factory.mktemp("done")
    pictures(folder, NAMES)
    rows: list[dict[str, Any]] = [{"id": f"r{n}", "image": name, "n": [n]} for n, name in enumerate(NAMES)]
    write_rows(folder / "list.jsonl", [*rows[:3], {"id": "none", "n": None}, *rows[3:]])
    config = pipeline(folder, [step("ImageCaptioner", "Size_Captioner", batch_size=4), UPPER, PAINT, CAPTION])
    assert run(config) == 3
    return folder


def test_every_step_has_its_results_in_its_folder(done: Path) -> None:
    base = done / "base"
    assert lines(base / "step_0_preprocess_format" / "result.jsonl")[0] == {
        "id": "r0", "n": [0], "image": "a/0.png", "dataflow_image": str(done / "a/0.png"),
    }  # fmt: skip
    assert [line["dataflow_text"] for line in lines(base / ONE / "result.jsonl")] == [
        "size (20, 10)", "size (21, 10)", "size (24, 10)", "size (24, 10)",
    ]  # fmt: skip
    third = lines(base / THREE / "result.jsonl")
    assert third[0] == {
        "id": "r0", "n": [0], "image": "a/0.png", "dataflow_image": str(base / THREE / "generated/a/0.png"),
        "dataflow_text": "SIZE (20, 10)", "text_by_step": {ONE: "size (20, 10)", TWO: "SIZE (20, 10)"},
    }  # fmt: skip
    assert Image.open(third[0]["dataflow_image"]).size == (len("SIZE (20, 10)"), 8)


def test_the_final_lines_have_the_users_names_and_paths_that_are_there(done: Path) -> None:
    found = lines(done / "out" / "result.jsonl")
    assert [line["id"] for line in found] == ["r0", "r1", "r3", "r4"], "in the order of the list"
    assert found[0] == {
        "id": "r0", "n": [0], "text": "size (13, 8)", "image": str(done / "out/generated/a/0.png"),
        "text_by_step": {ONE: "size (20, 10)", TWO: "SIZE (20, 10)", FOUR: "size (13, 8)"},
    }  # fmt: skip
    assert len({line["image"] for line in found}) == 4, "no row's image lies over another's"
    for line in found:
        assert Path(line["image"]).is_file() and Path(line["image"]).is_relative_to(done / "out")
        assert os.stat(line["image"]).st_nlink >= 3, "linked, not copied"


def test_the_gallery_shows_what_a_step_made_of_texts(done: Path) -> None:
    assert view.main([str(done / "base" / THREE)]) == 0
    (cards,) = (done / "base" / THREE / "report").glob("*/cards.js")
    assert "SIZE (20, 10)" in cards.read_text()


def test_what_failed_is_told_with_its_row(done: Path) -> None:
    failed = lines(done / "out" / "failed.jsonl")
    assert [(line["row"], line.get("id"), line["step"]) for line in failed] == [
        (2, "r2", ONE), (3, None, "step_0_preprocess_format"),
    ]  # fmt: skip
    assert failed[0]["reason"] == "RuntimeError: no such picture"
    assert "has no image" in failed[1]["reason"] or "'image'" in failed[1]["reason"]
    report = json.loads((done / "out" / "report.json").read_text())
    assert [report[key] for key in ("rows", "result", "failed", "refused", "pending")] == [6, 4, 1, 1, 0]


def test_given_again_nothing_changes_and_status_has_a_line_for_each_step(
    done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in done.rglob("result.jsonl")}
    assert run(done / "pipeline.yaml") == 3
    assert {path: path.read_bytes() for path in done.rglob("result.jsonl")} == before
    assert f"results      {done}/out/result.jsonl: 4 rows" in capsys.readouterr().out
    assert status.main([str(done / "base")]) == 0
    said = capsys.readouterr().out
    assert f"{ONE}  complete      5 items: 4 done, 1 quarantined" in said and f"{FOUR}  complete      4 items" in said
    for folder in (done / "base", done / "base" / ONE):  # what cancel would say of their jobs
        assert cancel.goes_on(folder) == "the same dataflow.py command goes on from there"


def test_a_failed_row_may_stay_among_the_results(done: Path) -> None:
    assert run(done / "pipeline.yaml", "--keep_failed", "--save_folder", done / "kept") == 3
    found = lines(done / "kept" / "result.jsonl")
    assert [line["id"] for line in found] == ["r0", "r1", "r2", "r3", "r4"]
    assert found[2]["dataflow_error"] == "RuntimeError: no such picture" and found[2]["n"] == [2]


def test_a_changed_step_is_refused_and_redone_from_there(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = done / "changed"
    folder.mkdir()
    pictures(folder, NAMES[:2])
    write_rows(folder / "list.jsonl", [{"image": name} for name in NAMES[:2]])
    assert run(pipeline(folder, [CAPTION, PAINT])) == 0
    capsys.readouterr()
    config = pipeline(folder, [CAPTION, step("ImageGenerator", "Painter", height=5)])
    assert run(config) == 1
    said = capsys.readouterr().err
    assert "step_2_ImageGenerator_Painter.config" in said and "with --from 2" in said
    first = (folder / "base" / ONE / "run.json").stat().st_mtime_ns
    assert run(config, "--from", 2) == 0
    assert (folder / "base" / ONE / "run.json").stat().st_mtime_ns == first, "step 1 is kept"
    assert (folder / "base" / "step_2_ImageGenerator_Painter.old-1" / "run.json").exists()
    assert Image.open(lines(folder / "out" / "result.jsonl")[0]["image"]).height == 5
    assert run(config) == 0, "from now on these are its settings"
    assert run(pipeline(folder, [CAPTION, UPPER])) == 1 and "with --from 2" in capsys.readouterr().err
    assert run(pipeline(folder, [CAPTION, UPPER]), "--from", 2) == 0
    assert lines(folder / "out" / "result.jsonl")[0]["text"] == "SIZE (20, 10)"


def test_a_list_that_has_grown_and_a_row_that_is_tried_again_come_in_order(tmp_path: Path) -> None:
    pictures(tmp_path, ["0.png", "1.png", "2.png", "3.png"])
    (tmp_path / "1.png").rename(tmp_path / "away.png")
    rows = [{"image": f"{n}.png", "id": n} for n in range(4)]
    write_rows(tmp_path / "list.jsonl", rows[:3])
    config = pipeline(tmp_path, [CAPTION, UPPER])
    assert run(config) == 3
    write_rows(tmp_path / "list.jsonl", rows)
    (tmp_path / "away.png").rename(tmp_path / "1.png")
    assert retry.main([str(tmp_path / "base" / ONE)]) == 0
    assert run(config) == 0
    assert [line["id"] for line in lines(tmp_path / "out" / "result.jsonl")] == [0, 1, 2, 3]
    assert lines(tmp_path / "out" / "failed.jsonl") == []


def test_an_empty_list_has_no_results_until_it_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.jsonl").write_text("\n")
    config = pipeline(tmp_path, [UPPER, PAINT])
    assert run(config) == 1 and "holds no items; there is nothing to do" in capsys.readouterr().err
    assert lines(tmp_path / "out" / "result.jsonl") == [] == lines(tmp_path / "out" / "failed.jsonl")
    write_rows(tmp_path / "list.jsonl", [{"text": "a"}, {"id": 2}])
    assert run(config) == 3, "a row is refused, and its text is not among the results"
    assert [line["text"] for line in lines(tmp_path / "out" / "result.jsonl")] == ["A"]
    (refused,) = lines(tmp_path / "out" / "failed.jsonl")
    assert refused["row"] == 1 and refused["reason"].startswith("has no text: has no 'text'; its keys are id")


def test_a_step_may_read_an_earlier_one_or_another_column(tmp_path: Path) -> None:
    write_rows(tmp_path / "list.jsonl", [{"text": "a", "other": "b"}])
    upper = {name: step("TextGenerator", "Upper", **config) for name, config in READS.items()}
    assert run(pipeline(tmp_path, upper.values())) == 0
    (line,) = lines(tmp_path / "out" / "result.jsonl")
    assert list(line["text_by_step"].values()) == ["A", "B", "A"] and line["other"] == "b"


READS: dict[str, dict[str, Any]] = {"own": {}, "column": {"text_from": "other"}, "step": {"read": "step_1"}}


def test_weights_that_are_missing_are_told_with_what_brings_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_rows(tmp_path / "list.jsonl", [{"image": "a.png"}])
    captioner = step("ImageCaptioner", "LLaVACaptioner", model_path="nobody/no-such-model")
    assert run(pipeline(tmp_path, [captioner])) == 1
    said = capsys.readouterr().err
    assert "nobody/no-such-model: not in the hub's cache here" in said
    assert "fetch.py" in said and "LLaVACaptioner.checkpoint=" in said
    captioner["config"]["temperature"] = "hot"
    assert run(pipeline(tmp_path, [captioner])) == 1
    assert ", line 14: temperature='hot'; Value 'hot'" in capsys.readouterr().err
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--from", "3"], "--from 3: the steps are numbered from 1 to 1"),
        (["step_1:work.bath=3"], "there is no key 'bath' in work"),
        (["source.path=x"], "source.path=x: give it as --base_folder, --meta_path"),
        (["--meta_path", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--layout", "mine"], "layout is 'mine'; give repository or document"),
        (["--save_folder", "taken"], "save_folder=taken is there, and not of this pipeline (it holds thesis.tex)"),
        (["--config", "nowhere.yaml"], "--config nowhere.yaml: there is no such file"),
        (["--temperature=3"], "unrecognized arguments: --temperature=3"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    write_rows(tmp_path / "list.jsonl", [{"text": "a"}])
    assert run(pipeline(tmp_path, [UPPER]), *more) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.jsonl", "mine.py", "pipeline.yaml", "taken"]


def test_dry_run_tells_every_step_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "list.jsonl", [{"text": "a"}])
    assert run(pipeline(tmp_path, [UPPER, PAINT]), "--dry-run") == 0
    said = capsys.readouterr().out
    assert "stage 1 of 2: step_1_TextGenerator_Upper" in said and "items      1 new of 1 rows" in said
    assert not (tmp_path / "base").exists() and not (tmp_path / "out").exists()
