"""A second witness: the server that comes with transformers, with a tiny model. It takes half a minute to come up."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record
from labelyard.generate.steps.describe.vlm import Describe
from labelyard.generate.steps.models.chat.engine import free_port
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.steps.models.chat.web import NoReply, Unreachable, ask
from tests.support.processes import wait_for
from tests.tiny.caption import make_llava
from tests.tiny.records import record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("fastapi") is None or find_spec("openai") is None, reason="transformers serve has not what it needs"
    ),
]


@contextmanager
def serving(folder: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = ["-m", "transformers.cli.transformers", "serve", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as file:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen(
            [sys.executable, *words, "--device", "cpu"], stdout=file, stderr=file, env=environment
        )
    try:
        wait_for(lambda: process.poll() is not None or is_up(port), seconds=200)
        assert process.poll() is None, log.read_text()[-2000:]
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def is_up(port: int) -> bool:
    try:
        return ask(f"http://127.0.0.1:{port}/health", None, None, 5.0).status == 200
    except (Unreachable, NoReply):
        return False


def as_files() -> list[Record]:
    """Whose pictures a server gets as they are, without a loss."""
    found = []
    for number, name in enumerate(("china", "chelsea", "coffee")):
        one = record(name, index=number)
        one.image = one.image.resize((90, 60))
        file = io.BytesIO()
        one.image.save(file, "PNG")
        one.original_bytes = file.getvalue()
        found.append(one)
    return found


def test_it_says_what_the_model_says_here_and_comes_back(tmp_path: Path) -> None:
    folder, port = make_llava(tmp_path / "llava"), free_port()
    common: dict[str, Any] = {"checkpoint": str(folder), "prompt": "a photo of ?", "max_tokens": 6, "dtype": "float32"}
    here, there = as_files(), as_files()
    step = Describe(**common, backend="transformers")
    step.setup("cpu")
    step(here)
    server: dict[str, Any] = {"base_url": f"http://127.0.0.1:{port}", "max_num_seqs": 3, "patience": 200.0}
    served = Describe(**common, **server)
    served.setup("cpu")
    with serving(folder, port, tmp_path / "log") as process:
        served(there)
        texts = [[one.texts["describe"] for one in records] for records in (here, there)]
        assert [text.text for text in texts[0]] == [text.text for text in texts[1]]
        assert [text.facts["prompt_tokens"] for text in texts[0]] == [text.facts["prompt_tokens"] for text in texts[1]]
        process.send_signal(signal.SIGKILL)
        process.wait()
    impatient = ChatStep(checkpoint=str(folder), base_url=server["base_url"], patience=0.5, pause=0.05)
    impatient.setup("cpu")
    with pytest.raises(FatalError, match=r"no answer for \d+ s \(patience=0\.5\).*Connection refused"):
        impatient.ask([Request("a photo of ?")])
    with serving(folder, port, tmp_path / "log"):
        again = as_files()
        served(again)
        assert [one.texts["describe"] for one in again] == texts[1]
        strict = ChatStep(checkpoint=str(folder), base_url=server["base_url"], top_k=5, pause=0.05)
        strict.setup("cpu")
        with pytest.raises(FatalError, match="does not take top_k=5"):
            strict.ask([Request("a photo of ?")])
