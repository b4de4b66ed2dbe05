"""--wait: which stage is started when, with SLURM's answers by hand (the real one: tests/slurm/test_chains.py)."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from labelyard.launch.chains import waiting
from labelyard.launch.chains.standing import Stand
from labelyard.launch.exit_codes import DONE, FAILED, INCOMPLETE
from labelyard.launch.slurm.commands import Unreachable

NEEDS = {"regions": (), "masks": ("regions",), "edges": ("regions",), "captions": ("masks", "edges")}


def waited(monkeypatch: pytest.MonkeyPatch, ends: dict[str, Stand], refused: str = "") -> tuple[int, list[str]]:
    """What happens where the stages come to these ends: each is at work for two looks."""
    seen: list[str] = []
    looks: dict[str, int] = {}

    def start(name: str) -> int:
        seen.append(f"start {name}")
        return FAILED if name == refused else DONE

    def queued(name: str) -> list[str]:
        looks[name] = looks.get(name, 0) + 1
        if looks[name] == 1:
            raise Unreachable("no answer")
        return ["a job"] if looks[name] < 4 else []

    for name, fake in (("start", start), ("queued", queued), ("stand", lambda name: ends[name])):
        monkeypatch.setattr(waiting, name, fake)
    monkeypatch.setattr(waiting, "at_work", lambda name: False)
    monkeypatch.setattr(waiting, "planning", lambda folder: nullcontext())
    monkeypatch.setattr(waiting, "heading", lambda chain, stage: stage.name)
    monkeypatch.setattr(waiting, "LOOK", 0.0)
    stages = [SimpleNamespace(name=name, needs=needs, folder=name, composed=name) for name, needs in NEEDS.items()]
    folder = SimpleNamespace(jobs="jobs", path="out")
    chain: Any = SimpleNamespace(stages=stages, folder=folder, needing=lambda name: [])
    code = waiting.wait_on_slurm(chain, lambda chain: seen.append("results"))
    return code, seen


def test_each_stage_is_started_behind_those_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    code, seen = waited(monkeypatch, dict.fromkeys(NEEDS, Stand(3, 3, 0)))
    assert code == DONE and seen == [
        "start regions", "results", "start masks", "start edges", "results", "start captions", "results",
    ]  # fmt: skip
    code, _ = waited(monkeypatch, {**dict.fromkeys(NEEDS, Stand(3, 3, 0)), "edges": Stand(3, 2, 1)})
    assert code == INCOMPLETE, "an item in quarantine holds nobody up"


def test_nothing_is_started_behind_a_stage_with_items_pending(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, seen = waited(monkeypatch, {**dict.fromkeys(NEEDS, Stand(3, 3, 0)), "edges": Stand(3, 1, 0)})
    assert code == INCOMPLETE and "start captions" not in seen
    said = capsys.readouterr().err
    assert "chain: edges is not complete, and no job of it is left" in said and "not started: captions" in said
    assert waited(monkeypatch, dict.fromkeys(NEEDS, Stand(3, 3, 0)), refused="masks")[0] == FAILED
