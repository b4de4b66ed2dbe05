"""The real vLLM, where VLLM=… says how its server is started (`make test-vllm`)."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.steps.models.chat.keeper import family
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.surroundings import Surroundings
from tests.support.processes import wait_for
from tests.tiny.chat import make_talker

COMMAND = os.environ.get("VLLM", "")
# It starts twice, each time a minute of a core and more.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not COMMAND, reason="VLLM=… says how vLLM's server is started"),
]


def test_it_is_started_asked_killed_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "1")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    settings: dict[str, Any] = {"checkpoint": str(make_talker(tmp_path / "talker", width=64)), "max_tokens": 8}
    engine = f"{COMMAND} {{checkpoint}} --host 127.0.0.1 --port {{port}} --enforce-eager {{options}}"
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
