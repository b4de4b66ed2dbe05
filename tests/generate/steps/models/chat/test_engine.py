"""backend=vllm: a server that the worker starts, mends and ends. Here a small one stands for vLLM: the command is a
setting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from labelyard.generate.errors import AskedToStop, FatalError, ItemError
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Record
from labelyard.generate.step import Step
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.surroundings import Surroundings
from tests.conftest import ROOT
from tests.generate.conftest import item
from tests.support.processes import wait_for

STUB = f"env PYTHONPATH={ROOT / 'src'}:{ROOT} {sys.executable} -m tests.support.engine"


def command(seen: Path, *more: str) -> str:
    return f"{STUB} {{checkpoint}} --port {{port}} --seen {seen} {' '.join(more)} {{options}}"


@contextmanager
def engine(seen: Path, *more: str, around: Surroundings | None = None, **options: Any) -> Iterator[ChatStep]:
    settings = {
        "checkpoint": "owner/model",
        "backend": "vllm",
        "engine": command(seen, *more),
        "pause": 0.01,
        **options,
    }
    step = ChatStep(**settings)
    step.name = "asks"
    step.around = around or Surroundings("w", logs=seen.parent)
    step.setup("cpu")
    try:
        yield step
    finally:
        step.free()


def started(seen: Path) -> list[int]:
    """The servers that there were, and what each had started."""
    files = sorted(seen.glob("started-*"))
    return [int(n) for file in files for n in (file.name.partition("-")[2], file.read_text().split()[0])]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(seen: Path) -> bool:
    return not any(map(is_alive, started(seen)))


def questions(*texts: str) -> list[Request]:
    return [Request(text, item=text) for text in texts]


def test_it_is_started_with_the_step_s_settings_asked_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    with engine(seen, "--load", "0.2", max_model_len=4096, max_num_seqs=7, dtype="float16") as step:
        assert [answer.text for answer in step.ask(questions("a", "b"))] == ["you said a", "you said b"]
        assert len(started(seen)) == 2 and all(map(is_alive, started(seen)))
        (file,) = seen.glob("started-*")
        told = "--dtype=float16 --max-num-seqs=7 --tensor-parallel-size=2 --max-model-len=4096"
        assert file.read_text().partition(" ")[2] == told
        assert step.checkpoints()[0].location == "owner/model" and step.model()["backend"] == "vllm"
    assert all_gone(seen)
    assert (tmp_path / "engine-w-asks.log").read_text().startswith("$ env PYTHONPATH=")


def test_one_that_dies_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with engine(seen, "--seconds", "0.02") as step:
        step.ask(questions(*"abc"))
        server = started(seen)[0]
        os.kill(started(seen)[1], signal.SIGKILL)  # what it had below itself: it would notice, and end
        os.kill(server, signal.SIGKILL)
        assert len(step.ask(questions(*"defghi"))) == 6
        assert len(started(seen)) == 4
    assert all_gone(seen)


def test_a_question_at_which_it_dies_each_time_is_its_items_error_alone(tmp_path: Path) -> None:
    seen, texts = tmp_path / "seen", ["a", "b", "deadly", "c", "d"]
    with engine(seen) as step:
        with pytest.raises(ItemError, match="the server died 2 times at this request") as caught:
            step.ask(questions(*texts))
        assert caught.value.item_id == "deadly"
        texts.remove("deadly")
        assert [answer.text for answer in step.ask(questions(*texts))] == [f"you said {text}" for text in texts]
    answered = (seen / "answered").read_text().split()
    assert sorted(set(answered)) == sorted(texts) and all_gone(seen)


def test_one_that_dies_whatever_it_is_asked_ends_the_worker(tmp_path: Path) -> None:
    with (
        engine(tmp_path / "seen") as step,
        pytest.raises(
            FatalError, match=r"the server died 3 times \(exit code 137\); it said last: nothing \(see .*log\)"
        ),
    ):
        step.ask(questions("deadly 1", "deadly 2", "deadly 3"))
    assert all_gone(tmp_path / "seen")


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    told = r"the server did not start \(exit code 1\): ValueError: error: no such model \(see .*engine-w-asks\.log\)"
    with pytest.raises(FatalError, match=told), engine(tmp_path / "seen", "--fail"):
        pass
    slow = r"the server was not ready after start_timeout=0\.3 s"
    with pytest.raises(FatalError, match=slow), engine(tmp_path / "seen", "--load", "60", start_timeout=0.3):
        pass
    stopping = Surroundings("w", logs=tmp_path, stopping=lambda: True)
    with pytest.raises(AskedToStop), engine(tmp_path / "seen", "--load", "60", around=stopping):
        pass
    assert all_gone(tmp_path / "seen")


@dataclass(kw_only=True)
class Asks(ChatStep):
    def __call__(self, records: Sequence[Record]) -> None:
        self.ask(questions(*(record.item.id for record in records)))


class OnGpu(Asks):
    def _on_gpu(self) -> bool:
        return True


@pytest.mark.parametrize(
    "where, between, servers", [(OnGpu, "sleep", 1), (OnGpu, "stay", 1), (OnGpu, "end", 3), (Asks, "end", 1)]
)
def test_staged_a_worker_has_one_server_for_its_life(
    tmp_path: Path, where: type[Asks], between: str, servers: int
) -> None:
    seen = tmp_path / "seen"
    how: dict[str, Any] = {"checkpoint": "m", "backend": "vllm", "engine": command(seen), "between_turns": between}
    step = where(**how)
    pipeline = Pipeline({"asks": step, "other": Step()}, staged=True)
    step.around = Surroundings("w", logs=tmp_path, takes_turns=pipeline.takes_turns)
    with patch.object(Step, "__call__"):
        pipeline.setup("cpu")
        backend = getattr(step.loaded, "backend", None)
        for _ in range(2):
            assert len(pipeline.run([Record(item(n), None) for n in range(2)], lambda *_: None)) == 2
    assert len(list(seen.glob("started-*"))) == servers, "without a GPU there is none that others could want"
    assert servers > 1 or (backend is not None and step.loaded.backend is backend)
    naps = (seen / "naps").read_text().split() if (seen / "naps").exists() else []
    assert naps == (["/sleep?level=1", *["/wake_up", "/sleep?level=1"] * 2] if between == "sleep" else [])
    assert step.used()["requests"] == 4
    step.free()
    assert all_gone(seen)


def test_a_server_that_can_t_sleep_is_ended_between_turns_and_one_that_died_asleep_starts_anew(tmp_path: Path) -> None:
    seen, turns = tmp_path / "seen", Surroundings("w", logs=tmp_path, takes_turns=True)
    for options, killed in (("", False), ("{options}", True)):
        words = command(seen).replace("{options}", options)
        step = OnGpu(checkpoint="m", backend="vllm", engine=words)
        step.around = turns
        step.setup("cpu")
        first = started(seen)[-2:]
        step.rest()
        if killed:
            os.kill(first[0], signal.SIGKILL)
        assert hasattr(step.loaded, "backend") == killed
        step.setup("cpu")
        assert [answer.text for answer in step.ask(questions("a"))] == ["you said a"]
        step.free()
    assert len(list(seen.glob("started-*"))) == 4 and all_gone(seen)


WORKER = """
import sys
from labelyard.generate.steps.models.chat.engine import Engine, EnginePlan
from labelyard.generate.surroundings import Surroundings
engine = Engine(EnginePlan(sys.argv[1], "m"), Surroundings())
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", ["worker", "keeper", "server", "below"])
def test_whoever_is_killed_nothing_stays(tmp_path: Path, killed: str) -> None:
    seen = tmp_path / "seen"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, command(seen)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert worker.stdout is not None and worker.stdin is not None
    assert worker.stdout.readline() == b"ready\n"
    server, below = started(seen)
    keeper = int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill({"worker": worker.pid, "keeper": keeper, "server": server, "below": below}[killed], signal.SIGKILL)
    if killed == "keeper":
        wait_for(lambda: not is_alive(server))
        os.kill(below, signal.SIGKILL)  # vLLM's own end themselves when the server is gone
    if killed in ("below", "server"):
        worker.stdin.close()
    wait_for(lambda: all_gone(seen) and not is_alive(keeper))
    worker.kill()
    worker.wait()
    worker.stdout.close()


def test_what_is_not_installed_is_said_before_anything_starts() -> None:
    lacking = ChatStep(
        checkpoint="x", backend="vllm", engine="no-such-program serve {checkpoint} --port {port}"
    ).lacking()
    assert lacking is not None and lacking.startswith("backend=vllm: there is no `no-such-program` here. vLLM wants")
    assert ChatStep(checkpoint="x", backend="transformers").lacking() is None


def test_auto_is_settled_where_the_run_is_planned() -> None:
    here = ChatStep(checkpoint="x", engine=f"{sys.executable} {{port}}")
    assert here.settled(gpus=1) == {"backend": "vllm"} and here.settled(gpus=0) == {"backend": "transformers"}
    assert ChatStep(checkpoint="x", engine="no-such-program {port}").settled(gpus=1) == {"backend": "transformers"}
    assert ChatStep(checkpoint="x", backend="transformers", engine="python {port}").settled(gpus=1) == {}


@pytest.mark.parametrize("command", ["vllm serve", "vllm --port {prot}", "vllm {port", "vllm 'x {port}"])
def test_a_command_that_can_t_be_meant_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="engine="):
        ChatStep(checkpoint="x", engine=command)
