"""A pipeline whose processes all die, again and again and at any moment, comes to what an undisturbed one comes to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import command, environment, records
from tests.launch.dataflow_gen.support import CAPTION, PAINT, UPPER, lines, pictures, pipeline, write_rows

ROWS, KILLS = 60, 20
STEPS = ["step_1_ImageCaptioner_Size_Captioner", "step_2_TextGenerator_Upper", "step_3_ImageGenerator_Painter"]
# Every text that is asked for, in one line each; and all of them slow enough to be killed at it.
SPEAKING = """

import os
import time

_upper = Upper.generate_batch


def _told(self, texts):
    answers = _upper(self, texts)
    with open({log!r}, "a") as file:
        file.writelines(text + "\\n" for text in texts)
    return answers


def _slow(call):
    def slowly(self, given):
        time.sleep(0.05)
        return call(self, given)

    return slowly


Upper.generate_batch = _slow(_told)
Size_Captioner.generate_batch = _slow(Size_Captioner.generate_batch)
Painter.generate_batch = _slow(Painter.generate_batch)
"""


def prepared(folder: Path) -> Path:
    folder.mkdir()
    names = [f"{n}.png" for n in range(ROWS)]
    pictures(folder, names)
    write_rows(folder / "list.jsonl", [{"image": name, "id": name} for name in names])
    steps = [{**one, "config": {"batch_size": 1}} for one in (CAPTION, UPPER, PAINT)]
    work = {"batch": 2, "max_attempts": KILLS + 1}  # on a busy machine one row may be hit again and again
    config = pipeline(folder, steps, cluster={"num_jobs": 3}, work=work)
    with (folder / "mine.py").open("a") as file:
        file.write(SPEAKING.format(log=str(folder / "asked.txt")))
    return config


def started(config: Path) -> subprocess.Popen[str]:
    words = command("dataflow", "--config", config, "shard_size=6")
    out = subprocess.DEVNULL
    return subprocess.Popen(words, env=environment(), stdout=out, stderr=out, text=True, start_new_session=True)


def kill_all(process: subprocess.Popen[str]) -> None:
    """The launcher and its workers, which have sessions of their own."""
    children = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _parent(pid) == process.pid]
    for pid in (process.pid, *children):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _parent(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def number_of_records(base: Path) -> int:
    return sum(len(records(base / step)) for step in STEPS)


def told(folder: Path) -> list[dict[str, Any]]:
    found = (folder / "out" / "result.jsonl").read_text().replace(str(folder), "")
    return [json.loads(line) for line in found.splitlines()]


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    undisturbed = prepared(tmp_path / "undisturbed")
    assert started(undisturbed).wait() == 0
    config = prepared(tmp_path / "killed")
    base, draw, log = tmp_path / "killed" / "base", random.Random(7), tmp_path / "killed" / "asked.txt"
    killed = Counter[str]()
    asked_before_they_were_done = Counter[str]()
    while sum(killed.values()) < KILLS:
        process, wanted = started(config), number_of_records(base) + draw.randrange(16)
        while process.poll() is None and number_of_records(base) < wanted:
            time.sleep(0.02)
        time.sleep(draw.random() / 4)
        if process.poll() is not None:
            assert process.returncode == 0
            break
        kill_all(process)
        killed[next((step for step in reversed(STEPS) if (base / step / "plan.json").exists()), "planning")] += 1
        done = {json.loads(path.read_bytes())["caption"] for path in records(base / STEPS[1])}
        asked = Counter(log.read_text().splitlines()) if log.exists() else Counter[str]()
        for text in done:
            asked_before_they_were_done.setdefault(text, asked[text])
    assert started(config).wait() == 0
    assert set(STEPS) <= set(killed), killed
    assert told(tmp_path / "killed") == told(tmp_path / "undisturbed")
    assert len({line["id"] for line in lines(tmp_path / "killed" / "out" / "result.jsonl")}) == ROWS
    at_last = Counter(log.read_text().splitlines())
    assert asked_before_they_were_done, "some were done before a kill"
    again = {text for text, times in asked_before_they_were_done.items() if at_last[text] != times}
    assert not again, "nothing is asked again once it is done"
