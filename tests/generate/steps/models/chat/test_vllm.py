"""The real vLLM, where VLLM=… says how its server is started (`make test-vllm`)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.steps.models.chat.keeper import family
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.surroundings import Surroundings
from tests.conftest import MakeList, command, environment
from tests.support.processes import wait_for
from tests.tiny.caption import make_qwen
from tests.tiny.chat import make_talker

COMMAND = os.environ.get("VLLM", "")
PHOTOS, ENGINE = 200, "{command} {{checkpoint}} --host 127.0.0.1 --port {{port}} --enforce-eager {{options}}"
# It starts twice and four times, each time a minute of a core and more.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not COMMAND, reason="VLLM=… says how vLLM's server is started"),
]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "1")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")


def test_it_is_started_asked_killed_and_ended(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"checkpoint": str(make_talker(tmp_path / "talker", width=64)), "max_tokens": 8}
    engine = ENGINE.format(command=COMMAND)
    served = ChatStep(**settings, dtype="float32", backend="vllm", engine=engine, max_model_len=512)
    served.around = Surroundings("w", logs=tmp_path)
    served.setup("cpu")
    (log,) = tmp_path.glob("engine-*.log")
    here = ChatStep(**settings, dtype="float32", backend="transformers")
    here.setup("cpu")
    asked = [Request(f"why {n}?", item=str(n)) for n in range(60)]
    answers = served.ask(asked)
    same = sum(one.text == other.text for one, other in zip(answers, here.ask(asked), strict=True))
    assert same >= 30, "but for roundings, which a random model makes much of"
    before = family(os.getpid())
    assert len(before) >= 3, "keeper, server, engine"
    os.kill(before[-1], signal.SIGKILL)  # the engine, below the server
    assert [answer.text for answer in served.ask(asked[:5])] == [answer.text for answer in answers[:5]]
    servers = sum(line.startswith("$ ") for line in log.read_text().splitlines())
    for _ in range(2):  # turns of a step in a worker that loads one at a time
        served.rest()
        served.setup("cpu")
        assert served.ask(asked[5:6])[0].text == answers[5].text
    assert sum(line.startswith("$ ") for line in log.read_text().splitlines()) == servers, "the same server"
    served.free()
    wait_for(lambda: not family(os.getpid()))


def test_a_run_whose_engine_server_and_worker_are_killed(make_list: MakeList, tmp_path: Path) -> None:
    """The same command, and nobody's help: every picture is described, and nothing stays."""
    out, listed = tmp_path / "out", make_list(PHOTOS)
    rope = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    wide = {
        "hidden_size": 64,
        "head_dim": 32,
        "rope_scaling": rope,
        "rope_parameters": rope,
    }  # vLLM has no narrower heads
    model = make_qwen(tmp_path / "qwen", "Qwen2VL", text=wide, vision={"hidden_size": 64})
    settings = {"checkpoint": model, "backend": "vllm", "dtype": "float32", "prompt": "'what is it?'", "max_tokens": 4}
    settings |= {"max_model_len": 512, "max_num_seqs": 2, "engine": f"'{ENGINE.format(command=COMMAND)}'"}
    asked = [f"source.path={listed}", f"output={out}", "pipeline=describe", "cluster.num_jobs=1", "work.batch=8"]
    asked += [f"describe.{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(command("run", *asked), env=environment(), stdout=subprocess.PIPE, text=True)
    seen: set[int] = set()

    def so_far(wanted: int) -> bool:
        return len(list(out.glob("records/*/*.json"))) >= wanted or process.poll() is not None

    for place, (who, number) in enumerate((("engine", -1), ("server", 2), ("worker", 0))):
        wanted = (place + 1) * PHOTOS // 5
        wait_for(partial(so_far, wanted), seconds=400)
        assert process.poll() is None, f"it is over before its {who} is killed"
        found = family(process.pid)  # worker, keeper, server, engine
        assert len(found) >= 4
        seen |= set(found)
        os.kill(found[number], signal.SIGKILL)
        wait_for(partial(so_far, wanted + 17), seconds=400)
        seen |= set(family(process.pid))
    told, _ = process.communicate(timeout=400)
    assert process.returncode == 0, told
    stats = json.loads((out / "stats.json").read_bytes())
    assert (stats["done"], stats["quarantined"]) == (PHOTOS, 0)
    print(f"{len(seen)} processes; {stats['used']['describe']}")
    assert stats["used"]["describe"]["requests"] <= PHOTOS + 3 * 8, "at most what was under way is asked again"
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in seen))
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if _names(path, model)]


def _names(cmdline: Path, model: Path) -> bool:
    try:
        return str(model).encode() in cmdline.read_bytes()
    except OSError:
        return False
