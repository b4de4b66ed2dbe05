"""Weights: fetched from a hub (on loopback), checked, and looked for before anybody starts."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from labelyard.launch import run
from tests.conftest import FAKES, MakeList, command, environment
from tests.launch.hub import COMMIT, Files, Hub, serve

CLIP = "somebody/clip-text"
WEIGHTS = os.urandom(24_000_000)  # the hub's client keeps what it has in pieces of ten million
FILES: Files = {
    "config.json": b'{"model_type": "clip"}',
    "vocab.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same again, in another form",
    "onnx/model.onnx": b"and in another",
}
# One step, one model: enough for what is shown here.
ONLY_EMBED = ("--config-dir", FAKES, "pipeline=fake", "embed=clip", f"embed.checkpoint={CLIP}")


def fetch(cache: Path, url: str, *arguments: str, program: str = "fetch") -> subprocess.CompletedProcess[str]:
    asked = {**environment(), "HF_ENDPOINT": url, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    asked |= {"HF_HUB_DOWNLOAD_TIMEOUT": "90", "HF_HUB_ETAG_TIMEOUT": "90"}  # ten seconds are little on a full machine
    asked.pop("HF_HUB_OFFLINE")
    return subprocess.run(command(program, *arguments), env=asked, capture_output=True, text=True, timeout=120)


def snapshot(cache: Path) -> Path:
    return cache / "hub" / "models--somebody--clip-text" / "snapshots" / COMMIT


@pytest.fixture
def hub() -> Hub:
    return Hub({CLIP: dict(FILES)})


def test_one_form_of_the_weights_is_fetched_once(hub: Hub, tmp_path: Path) -> None:
    with serve(hub) as url:
        first = fetch(tmp_path, url, *ONLY_EMBED)
        assert first.returncode == 0, first.stderr
        assert "Everything is there." in first.stdout
        downloads = len(hub.asked)
        again = fetch(tmp_path, url, *ONLY_EMBED)
        assert again.returncode == 0 and len(hub.asked) == downloads
    assert (snapshot(tmp_path) / "model.safetensors").read_bytes() == WEIGHTS
    assert {path.name for path in snapshot(tmp_path).iterdir()} == {"config.json", "vocab.json", "model.safetensors"}


def test_the_licence_is_told_by_fetch_by_dry_run_and_where_it_bites_by_every_start(
    hub: Hub, make_list: MakeList, tmp_path: Path
) -> None:
    hub.repositories[CLIP]["README.md"] = b"---\nlicense: cc-by-nc-4.0\n---\n# A model\n"
    train, out = make_list(2), tmp_path / "out"
    with serve(hub) as url:
        brought = fetch(tmp_path, url, *ONLY_EMBED)
        assert f"embed: {CLIP}: cc-by-nc-4.0; no commercial use" in brought.stdout, brought.stderr
        given = (f"source.path={train}", f"output={out}", *ONLY_EMBED)
        dry = fetch(tmp_path, url, *given, "dry_run=true", program="run")
        assert f"{CLIP}: cc-by-nc-4.0; no commercial use" in dry.stdout, dry.stderr
        planned = fetch(tmp_path, url, *given, "plan_only=true", program="run")
        assert planned.stdout.count(f"embed: {CLIP} may not be used commercially (cc-by-nc-4.0") == 1, planned.stderr
    assert json.loads((out / "run.json").read_text())["models"]["embed"][0]["licence"].startswith("cc-by-nc-4.0")


def test_cut_off_it_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = 15_000_000
    with serve(hub) as url:
        for _ in range(3):
            done = fetch(tmp_path, url, *ONLY_EMBED)
            if done.returncode == 0:
                break
    assert done.returncode == 0, done.stderr
    assert (snapshot(tmp_path) / "model.safetensors").read_bytes() == WEIGHTS
    starts = [int(asked.partition("@")[2]) for asked in hub.asked if "safetensors" in asked]
    assert starts[0] == 0 and 0 < starts[-1] <= 15_000_000


def test_damaged_on_the_way_it_is_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    hub.lie = True
    with serve(hub) as url:
        done = fetch(tmp_path, url, *ONLY_EMBED)
        assert done.returncode == 1 and "model.safetensors came damaged" in done.stderr
        hub.lie = False
        assert fetch(tmp_path, url, *ONLY_EMBED).returncode == 0
    assert (snapshot(tmp_path) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_run_without_its_models_is_refused_with_the_command_that_brings_them(
    hub: Hub, make_list: MakeList, tmp_path: Path
) -> None:
    train, out = make_list(2), tmp_path / "out"
    given = (f"source.path={train}", f"output={out}", *ONLY_EMBED, f"models.cache={tmp_path / 'models'}")
    with serve(hub) as url:
        refused = fetch(tmp_path / "unused", url, *given, program="run")
        assert refused.returncode == 1 and not out.exists()
        assert f"embed: {CLIP}: not in the hub's cache here" in refused.stderr
        suggested = shlex.split(refused.stderr.partition("launch/fetch.py ")[2])
        brought = fetch(tmp_path / "unused", url, *suggested)
        assert brought.returncode == 0, brought.stderr
        hub.repositories.clear()
        planned = fetch(tmp_path / "unused", url, *given, "plan_only=true", program="run")
    assert planned.returncode == 0, planned.stderr
    (model,) = json.loads((out / "run.json").read_text())["models"]["embed"]
    assert model["checkpoint"] == CLIP and model["revision"] == COMMIT
    assert model["sha256"]["model.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()


def test_a_half_fetched_model_is_no_model(tmp_path: Path) -> None:
    from labelyard.generate.steps.tools.model_cache import incomplete

    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "config.json").write_text("{}")
    assert incomplete(tmp_path) == "any file of weights"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"1")
    assert incomplete(tmp_path) == "model-00002-of-00002.safetensors"
    (tmp_path / "model-00002-of-00002.safetensors").symlink_to(tmp_path / "not-there-yet")
    assert incomplete(tmp_path) == "model-00002-of-00002.safetensors"
    (tmp_path / "not-there-yet").write_bytes(b"2")
    assert incomplete(tmp_path) is None


@pytest.mark.parametrize("location", ["weights/ram.pth", "./folder"])
def test_local_weights_that_are_not_there(
    location: str, make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"source.path={make_list(1)}", f"output={tmp_path / 'out'}", "pipeline=instances", "pipeline.steps=[tag]"]
    given.append(f"tag.checkpoint={location}")
    done = subprocess.run(command("run", *given), env=environment(), capture_output=True, text=True)
    assert done.returncode == 1 and f"tag: {location}: " in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert run.main([*given, "dry_run=true"]) == 0  # it says so, too, and what else there is to say
    told = capsys.readouterr().out
    assert f"missing    tag: {location}: there is no such " in told and "Nothing was written" in told
