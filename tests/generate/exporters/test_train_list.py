from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.generate.exporters.conftest import export, real


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_all_of_it_is_the_merge_s_list(run: Path, tmp_path: Path) -> None:
    assert export(run, "train_list", tmp_path / "a" / "train.txt").returncode == 0
    assert lines(tmp_path / "a" / "train.txt") == lines(run / "train.txt")


def test_relative_paths_lead_to_the_records(run: Path, tmp_path: Path) -> None:
    target = run.parent / "lists" / "train.txt"
    assert export(run, "train_list", target, "--relative").returncode == 0
    assert [str((target.parent / line).resolve()) for line in lines(target)] == lines(run / "train.txt")
    assert all(line.startswith("../run/records/") for line in lines(target))


def test_a_split_takes_each_record_once_and_the_same_again(run: Path, tmp_path: Path) -> None:
    def split(name: str, seed: int) -> list[list[str]]:
        target = tmp_path / name / "train.txt"
        done = export(run, "train_list", target, "--split", "val=0.2,test=0.1", "--seed", seed)
        assert done.returncode == 0, done.stderr
        return [lines(target.with_name(f"{part}.txt")) for part in ("train", "val", "test")]

    first = split("one", 0)
    assert sorted(line for part in first for line in part) == sorted(lines(run / "train.txt")) and all(first)
    assert split("two", 0) == first and split("three", 1) != first


def test_only_records_with_enough_in_them(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    target = tmp_path / "train.txt"
    done = export(run, "train_list", target, "min_instances=2", "min_score=0.4")
    assert done.returncode == 0
    expected = [b["id"] for b in bodies if sum(entry["pred_score"] >= 0.4 for entry in real(b)) >= 2]
    assert [json.loads(Path(line).read_bytes())["id"] for line in lines(target)] == expected and 3 < len(expected) < 40


def test_shares_that_are_none(run: Path, tmp_path: Path) -> None:
    for text in ("val", "val=2", "val=0.5,test=0.5", "=0.1"):
        refused = export(run, "train_list", tmp_path / "train.txt", f"split={text}")
        assert refused.returncode == 1 and f"split={text}" in refused.stderr
    refused = export(run, "train_list", tmp_path / "val.txt", "split=val=0.1")
    assert refused.returncode == 1 and "two lists" in refused.stderr
