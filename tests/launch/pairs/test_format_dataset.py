"""InstructCV's own command lines, and what they mean here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labelyard.launch.format_dataset import asked
from labelyard.launch.pairs.wanted import what
from labelyard.launch.pairs.words import FLAGS, WORDS
from labelyard.utils.errors import UserError
from tests.conftest import ROOT, environment
from tests.generate.exporters.instructcv.conftest import facts, files
from tests.support import datasets

# As it stands in the original's guide, but for the name of Python.
LINE = "dataset_creation/format_dataset.py --save_root './image_pairs' --tasks ['det'] --data_root './data/coco'"


def said(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} {line}"],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_the_originals_line_works_as_it_is_written_and_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelyard.launch.format_dataset import main
    from tests.launch.pairs.test_voc2coco import called

    datasets.coco(tmp_path / "data" / "coco")
    datasets.coco(tmp_path / "data" / "coco", "train2017")  # val2017 is what the original reads
    (tmp_path / "dataset_creation").symlink_to(ROOT / "launch")
    done = said(LINE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "./data/coco is read as source=coco; tasks: [det]" in done.stdout
    top = tmp_path / "image_pairs"
    listed = json.loads((top / "seeds.json").read_text())
    assert all((top / name / f"{name}_1.jpg").exists() for name, _ in listed) and facts(top)["samples"] == {"det": 7}
    before = files(top)
    monkeypatch.chdir(tmp_path)
    again = called(main, ["--save_root", "./image_pairs", "--tasks", "[det]", "--data_root", "./data/coco"])
    assert again.returncode == 0 and "as planned before" in again.stdout
    assert {n: d for n, d in files(top).items() if ".labelyard" not in n} == {
        n: d for n, d in before.items() if ".labelyard" not in n
    }


def told(*arguments: str) -> tuple[str, str, list[str], dict[str, str]]:
    found = what(asked(list(arguments)))
    return found.source, found.path, found.settings, found.options


def test_each_of_the_originals_words_and_flags_is_a_source_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word, meant in WORDS.items():
        Path(meant.place).mkdir(parents=True, exist_ok=True)
        (tmp_path / word).mkdir()
        source, path, settings, options = told("--dataset", word)
        assert (source, path) == (meant.source, meant.place)
        assert settings == [f"{key}={value}" for key, value in meant.settings.items()]
        assert options.items() >= meant.options.items() and options["tasks"]
        by_flag = told("--dataset", word, f"--{meant.flag}", str(tmp_path / word))
        assert by_flag[:2] == (meant.source, str(tmp_path / word))
        assert told(f"--{meant.flag}", str(tmp_path / word), "--dataset", word)[0] == meant.source
    assert told()[:2] == ("coco", "./data/coco")
    for flag in FLAGS:
        assert told(f"--{flag}", str(tmp_path))[0] == next(
            meant.source for meant in WORDS.values() if meant.flag == flag
        )
    with pytest.raises(UserError, match="one dataset at a time"):
        told("--coco_root", str(tmp_path), "--ade_root", str(tmp_path))


@pytest.mark.parametrize("tasks", [["['det',", "'seg']"], ["[det,seg]"], ["det", "seg"], ["det,seg"]])
def test_tasks_may_be_written_in_any_way(tasks: list[str], tmp_path: Path) -> None:
    datasets.coco(tmp_path / "coco")
    from labelyard.generate.exporters.instructcv.tasks import tasks_of

    _, _, settings, options = told("--data_root", str(tmp_path / "coco"), "--tasks", *tasks, "link=true", "limit=3")
    assert tasks_of(options["tasks"]) == ["det", "seg"] and options["link"] == "true" and "limit=3" in settings


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--tasks ['dot']", "there is no task 'dot'"),
        ("--tasks depes", "source=coco has none of what it needs"),
        ("--data_root ./data/none", "--data_root ./data/none: there is no such folder"),
        ("--coco_root ./none", "--coco_root ./none: there is no such folder"),
        ("--dataset coca", "Did you mean coco?"),
        ("--save_rot x", "unrecognized arguments: --save_rot"),
        ("--split train=.5", "the shares make 0.5, not 1"),
        ("--templates none", "templates=none: there is no such folder"),
        ("source.splitt=x", "Did you mean source.split?"),
        ("--save_root full", "full is not empty, and no export of ours"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_before_anything_is_written(
    arguments: str, reason: str, tmp_path: Path
) -> None:
    from tests.launch.pairs.test_voc2coco import called

    datasets.coco(tmp_path / "data" / "coco")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    os.chdir(tmp_path)
    from labelyard.launch.format_dataset import main

    done = called(main, arguments.split())
    assert done.returncode == 1 and reason in done.stderr and len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "full"]


MAKERS: dict[str, Callable[[Path], Path]] = {
    "pets": datasets.pets, "nyuv2": datasets.nyu_mdet, "voc": datasets.voc, "fss": datasets.fss, "paired": datasets.lol,
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_a_dataset_is_recognised_and_gets_its_own_tasks(name: str, tmp_path: Path) -> None:
    from labelyard.launch.format_dataset import main
    from tests.launch.pairs.test_voc2coco import called

    data = MAKERS[name](tmp_path / "data")
    done = called(main, ["--data_root", str(data), "--save_root", str(tmp_path / "out"), "cluster=debug"])
    assert done.returncode == 0, done.stderr
    assert f"is read as source={name}" in done.stdout and sum(facts(tmp_path / "out")["samples"].values()) > 0


def test_exports_are_pooled_by_a_list_that_cuts_no_image_in_two(tmp_path: Path) -> None:
    from labelyard.generate.exporters.instructcv.names import ending_of
    from labelyard.generate.exporters.instructcv.report import checked
    from labelyard.launch.format_dataset import main
    from tests.launch.pairs.test_voc2coco import called

    for name, data in (("pets", datasets.pets(tmp_path / "a")), ("coco", datasets.coco(tmp_path / "b", copies=4))):
        made = called(main, ["--data_root", str(data), "--save_root", str(tmp_path / "pairs" / name), "cluster=debug"])
        assert made.returncode == 0, made.stderr
    exports = [str(tmp_path / "pairs" / name) for name in ("pets", "coco")]
    for _ in range(2):
        done = called(main, ["--save_root", str(tmp_path / "all"), "--pool", *exports])
        assert done.returncode == 0 and "samples of 19 images" in done.stdout, done.stderr
    listed = json.loads((tmp_path / "all" / "seeds.json").read_text())
    for name, (seed,) in listed:
        checked(tmp_path / "all" / name, seed, ending_of(seed))
    assert {Path(name).parent.name for name, _ in listed} == {"pets", "coco"}
    cut = int(0.9 * len(listed))
    notes = [path for export in exports for path in Path(export).glob(".parts/*.jsonl")]
    lines = [json.loads(line) for path in notes for line in path.read_text().splitlines()]
    image = {name: line["image"] for line in lines for name, _ in line["seeds"]}
    before, behind = ({image[name.rpartition("/")[2]] for name, _ in part} for part in (listed[:cut], listed[cut:]))
    assert behind and not before & behind
    wrong = called(main, ["--save_root", str(tmp_path / "all"), "--pool", str(tmp_path / "a")])
    assert wrong.returncode == 1 and "no finished export instructcv" in wrong.stderr


def test_pairs_are_made_of_a_run_that_is_complete(tmp_path: Path) -> None:
    from labelyard.launch.format_dataset import main
    from tests.launch.pairs.test_voc2coco import called

    line = ["--data_root", str(datasets.fss(tmp_path / "data")), "--save_root", str(tmp_path / "out"), "cluster=debug"]
    assert called(main, [*line, "dry_run=true"]).returncode == 0 and not (tmp_path / "out").exists()
    planned = called(main, [*line, "plan_only=true"])
    assert (
        planned.returncode == 3 and "no pairs yet" in planned.stdout and not (tmp_path / "out" / "seeds.json").exists()
    )
    assert called(main, line).returncode == 0 and (tmp_path / "out" / "seeds.json").exists()
