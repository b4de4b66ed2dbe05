"""Progress in a log: a line when something ended, and the last word at the end. On a terminal one line, drawn anew."""

from __future__ import annotations

import pytest

from labelyard.launch.watching import terminal as bar
from labelyard.launch.watching.progress import Progress
from labelyard.launch.watching.terminal import Bar, Gauge


def said(capsys: pytest.CaptureFixture[str], *looks: Progress) -> list[str]:
    with Bar() as shown:
        for look in looks:
            shown.show(look)
    return capsys.readouterr().err.splitlines()


def test_another_rate_alone_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, Progress(4, 4, 0, 0.5), Progress(4, 4, 0, 0.4), Progress(4, 4, 0, None))
    assert len(lines) == 1 and lines[0].startswith("4/4 (100 %)")


def test_the_last_look_is_told_though_it_came_too_soon(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, Progress(4, 0, 0, None), Progress(4, 2, 0, 1.0), Progress(4, 3, 1, 1.0))
    assert [line.split()[0] for line in lines] == ["0/4", "4/4"]


def test_later_looks_are_told_as_they_come(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "BETWEEN_LINES", 0.0)
    lines = said(capsys, Progress(4, 1, 0, 1.0), Progress(4, 1, 1, 1.0), Progress(4, 1, 1, 0.9), Progress(4, 2, 1, 1.0))
    assert [line.split()[0] for line in lines] == ["1/4", "2/4", "3/4"]


def counted(of: int | None, *numbers: int) -> None:
    with Gauge("counting", of) as gauge:
        for number in numbers:
            gauge.tell(number)


def test_what_takes_a_moment_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    counted(4, 1, 2, 3)
    assert capsys.readouterr().err == ""


def test_what_takes_long_is_told_in_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "BETWEEN_LINES", 0.0)
    counted(8, 1, 7)
    counted(None, 5)
    assert capsys.readouterr().err == "counting: 1 of 8 (12 %)\ncounting: 7 of 8 (87 %)\ncounting: 5 rows\n"


def test_on_a_terminal_it_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(bar, "SILENT", 0.0)
    monkeypatch.setattr(bar, "BETWEEN", 0.0)
    with Gauge("exporting") as gauge:
        gauge.tell(1, 8)
        gauge.tell(2, 8)
    assert capsys.readouterr().err == "\rexporting: 1 of 8 (12 %)\rexporting: 2 of 8 (25 %)\n"
