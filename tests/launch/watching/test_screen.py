"""The screen of `status --watch`, what it falls back to, and the same numbers for Prometheus."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from labelyard.generate.run_folder.journal import Journal, read_history
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.status import Looking
from labelyard.launch.watching.overview import Overview, Reason
from labelyard.launch.watching.prometheus import metrics
from labelyard.launch.watching.screen import screen
from labelyard.launch.watching.time_spent import bound_by, latest, read_spent
from tests.conftest import call, command, crops, environment
from tests.launch.made import make_run

SAMPLE = re.compile(r'labelyard_(\w+)\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\["\\n])*)"')


@pytest.fixture
def run(photos: dict[str, Image.Image], tmp_path: Path) -> RunFolder:
    """24 items in 3 shards, 2 finished; 2 quarantined, 1 pending; a worker on another host."""
    pictures = [picture.convert("RGB") for picture in crops(photos, 6, 48)]
    return make_run(tmp_path / "run", pictures, 24, 8, failing=(5, 18), open_shards=1)


def text_of(seen: Overview, width: int = 100) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        console.print(screen(seen))
    return console.export_text()


def test_the_screen_tells_the_numbers(run: RunFolder) -> None:
    text = text_of(Looking(run).look())
    assert "21 done   2 quarantined   1 pending" in text and "23 of 24  95.8%" in text
    assert re.search(r"node-a +1 working +22 done +0\.\d+/s +heard \d+ s ago", text)
    assert re.search(r"ground +\S+ +60\.0%", text)
    assert "bound by  the step ground (60 % of the workers' time)" in text
    assert "0018.jpg  load: no such file" in text and "shards 2 of 3" in text


def test_a_worker_that_failed_says_why_and_steers_nothing(run: RunFolder) -> None:
    state = json.loads((run.workers / "host-1-a.json").read_text())
    state |= {"worker": "host-2-b", "host": "node-b", "state": "failed", "reason": "no [bold]GPU\x1b[2J here"}
    (run.workers / "host-2-b.json").write_text(json.dumps(state))
    seen = Looking(run).look()
    odd = replace(seen.latest_failures[0], image="/p/\x1b]0;title\x07.jpg")
    text = text_of(replace(seen, latest_failures=[odd]), 120)
    assert "]0;title" in text
    assert "1 failed: no [bold]GPU?[2J here" in text and re.search(r"node-b +1 failed", text)
    assert "\x1b" not in text and "\x07" not in text


def test_what_was_put_back_is_no_failure_any_more(run: RunFolder) -> None:
    (item,) = (item for item in run.items(2) if item.index == 18)
    assert call("retry", run.path, "--reason", "0018.jpg").returncode == 0
    assert [failure.image for failure in latest(run).failures] == ["/pictures/0005.jpg"]
    history = read_history(run.journals_of(2))
    journal = Journal(run.journal(2, "host-3-c"))
    journal.write("opened", retries=history.retries)
    journal.write("quarantined", id=item.id, reason="again", step="tag", attempts=2)
    journal.close()
    assert [failure.reason for failure in latest(run).failures] == ["again", "no such file: /pictures/0005.jpg"]


def test_before_anything_is_known(run: RunFolder) -> None:
    for folder in (run.journals, run.workers, run.done):
        for path in folder.iterdir():
            path.unlink()
    text = text_of(Looking(run).look())
    assert "none yet" in text and "known when the first shard is finished" in text and "0 of 24" in text


def test_a_narrow_terminal_does(run: RunFolder) -> None:
    text = text_of(Looking(run).look(), 50)
    assert max(map(len, text.splitlines())) <= 50 and "node-a" in text


def test_where_the_time_goes(run: RunFolder) -> None:
    spent = {"ground": 12.0, "setup": 4.0, "wait for images": 2.0, "wait for writing": 2.0}
    assert read_spent(run) == spent == latest(run).spent
    assert (bound_by({"wait for images": 3.0, "tag": 1.0}) or "").startswith("reading and decoding images")
    assert (bound_by({"wait for writing": 3.0, "tag": 1.0}) or "").startswith("writing records")
    assert bound_by({}) is None
    # Long journals are read from their ends, and torn lines are no lines.
    journal = Journal(run.journal(0, "host-9-z"))
    for n in range(400):
        journal.write("done", id=f"{n:016x}", file="label_x.json", bytes=1, instances=0)
    journal.write("quarantined", id="f" * 16, reason="at last", step="tag", attempts=1)
    journal.write("spent", seconds={"tag": 100.0}, gpu_bytes=41_500_000_000)
    journal.close()
    with run.journal(0, "host-9-z").open("ab") as file:
        file.write(b'{"t":1,"event":"spent","seconds":{"tag":9')
    late = latest(run)
    assert late.spent == {"tag": 100.0, **spent}
    assert late.failures[0].reason == "at last" and len(late.failures) == 3
    assert "at most 41.5 GB" in text_of(Looking(run).look())
    told = call("status", run.path).stdout
    assert "bound by     the step tag" in told and "GPU memory   at most 41.5 GB" in told


def test_the_same_numbers_everywhere(run: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "labelyard.prom"
    done = call("status", run.path, "--json", "--prometheus", target)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["bound_by"].startswith("the step ground") and seen["spent"]["ground"] == 12
    assert {failure["image"] for failure in seen["latest_failures"]} == {"/pictures/0005.jpg", "/pictures/0018.jpg"}
    found = samples(target.read_text())
    here = ("run", str(run.path))
    assert found["items", here, ("state", "done")] == seen["done"] == 21
    assert found["items", here, ("state", "pending")] == seen["pending"] == 1
    assert found["instances", here] == seen["instances"] == 30
    assert found["workers", here, ("host", "node-a"), ("state", "working")] == 1
    assert found["time_share", here, ("step", "ground")] == pytest.approx(0.6)
    assert found["quarantined", here, ("reason", "load: no such file")] == 2
    assert abs(found["seen_timestamp_seconds", here] - time.time()) < 60
    plain = call("status", run.path).stdout
    assert "time         ground 60%, setup 20%, wait for images 10%, wait for writing 10%" in plain


def test_labels_of_metrics_are_escaped(run: RunFolder) -> None:
    seen = replace(Looking(run).look(), reasons=[Reason('a "b" \\ c\nd \ud800', 3, "")])
    found = samples(metrics(seen, 1.5))
    assert found["quarantined", ("run", str(run.path)), ("reason", 'a "b" \\ c\nd ?')] == 3


def samples(text: str) -> dict[tuple[Any, ...], float]:
    """By the rules of the text format: every line is a comment or a sample, every metric is announced once, before."""
    assert text.endswith("\n")
    announced: list[str] = []
    found: dict[tuple[Any, ...], float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            if line.startswith("# TYPE"):
                announced.append(line.split()[2])
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None, line
        assert announced[-1] == f"labelyard_{match[1]}", line
        labels = [(name, _unescaped(value)) for name, value in LABEL.findall(match[2])]
        key = (match[1], *labels)
        found[key] = float(match[3])
    assert len(set(announced)) == len(announced)
    return found


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)


def finish(run: RunFolder) -> None:
    """The last item comes to its end."""
    (last,) = (item for item in run.items(2) if item.index == 23)
    journal = Journal(run.journal(2, "host-1-a"))
    journal.write("quarantined", id=last.id, reason="late", step="tag", attempts=1)
    journal.close()


def test_without_a_terminal_there_are_lines(run: RunFolder) -> None:
    with subprocess.Popen(
        command("status", run.path, "--watch"), env=environment(), stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        finish(run)
        rest = watching.stdout.read()
    assert watching.returncode == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d  23/24 \(96 %\)  21 done, 2 quarantined.*\n", first)
    assert "24/24 (100 %)  21 done, 3 quarantined" in rest.splitlines()[-1] and "\x1b" not in first + rest


def test_on_a_terminal_there_is_a_screen_and_the_table_stays(run: RunFolder) -> None:
    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
    settings = {**environment(), "TERM": "xterm-256color"}
    with subprocess.Popen(command("status", run.path, "--watch"), env=settings, stdout=terminal) as watching:
        os.close(terminal)
        seen = b""
        deadline = time.monotonic() + 60
        finished = False
        while time.monotonic() < deadline:
            if select.select([control], [], [], 1)[0]:
                try:
                    piece = os.read(control, 65536)
                except OSError:  # so a pseudo-terminal says that the other side is closed
                    break
                seen += piece
            if b"node-a" in seen and not finished:
                finish(run)
                finished = True
    os.close(control)
    assert watching.returncode == 0
    screens, after = seen.decode().split("\x1b[?1049l")
    assert screens.startswith("\x1b[?1049h") and "bound by" in screens and "complete" in screens
    assert "items        24: 21 done, 3 quarantined, 0 pending (100.0 %)" in after
