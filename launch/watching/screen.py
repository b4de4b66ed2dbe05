"""The screen of `status --watch`: worth leaving open. Built from the same numbers as the table and the JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from labelyard.launch.slurm.jobs_lines import lines
from labelyard.launch.watching.overview import Overview, trouble_of
from labelyard.launch.watching.progress import duration
from labelyard.launch.watching.time_spent import shares
from labelyard.launch.watching.workers import WorkerSeen, images_per_second
from labelyard.utils.text import one_line

NODES, STEPS, FAILURES, REASONS, TROUBLES = 12, 9, 5, 5, 5
BAR = 24  # columns
COLOURS = {"working": "green", "starting": "cyan", "silent": "yellow", "failed": "red", "vanished": "red"}


class Screen:
    """Takes the whole terminal while it is open, and gives it back as it was."""

    def __init__(self, console: Console | None = None) -> None:
        self._live = Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Screen:
        self._live.__enter__()
        return self

    def __call__(self, seen: Overview) -> None:
        self._live.update(screen(seen), refresh=True)

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)


def screen(seen: Overview) -> RenderableType:
    parts: list[RenderableType] = [_head(seen), _panel("workers", _workers(seen.workers))]
    parts.append(_panel("time of the workers, of late", _time(seen)))
    if seen.latest_failures:
        parts.append(_panel(f"quarantined: {seen.quarantined}", _failures(seen), "red"))
    if seen.slurm is not None:
        parts.append(_panel("slurm", Text("\n".join(map(_plain, lines(seen.slurm, Path(seen.run)))))))
    parts.append(Text(f"{time.strftime('%H:%M:%S')}  Ctrl-C leaves; the run goes on", style="dim"))
    return Group(*parts)


def _panel(title: str, body: RenderableType, style: str = "blue") -> Panel:
    return Panel(body, title=title, title_align="left", border_style=style, padding=(0, 1))


def _head(seen: Overview) -> Panel:
    ended = seen.done + seen.quarantined
    rate = seen.images_per_second
    speed = Text()
    if not seen.pending:
        speed.append("complete", "bold green")
    elif rate:
        speed.append(f"{rate:.3g} images/s", "bold")
        speed.append(f"   {duration(seen.seconds_left)} left", "bold cyan")
    elif any(worker.is_at_work for worker in seen.workers):
        speed.append("speed not known yet: no worker has brought its first images to their end", "yellow")
    else:
        speed.append("no worker is at work", "yellow")
    numbers = Text.assemble(
        (f"{seen.done} done", "green"),
        "   ",
        (f"{seen.quarantined} quarantined", "red" if seen.quarantined else "dim"),
        "   ",
        (f"{seen.pending} pending", "dim"),
        f"   {seen.instances} instances",
        f"   shards {seen.shards.finished} of {seen.shards.all}",
    )
    bar = Table.grid(expand=True, padding=(0, 1))
    bar.add_column(ratio=1)
    bar.add_column(justify="right")
    done = ProgressBar(1.0, seen.share, complete_style="green", finished_style="green")
    bar.add_row(done, f"{ended} of {seen.items}  {seen.share:.1%}")
    return _panel(_plain(seen.run), Group(bar, numbers, speed))


def _workers(workers: Sequence[WorkerSeen]) -> RenderableType:
    """By node, the busiest first; of those that failed, why."""
    if not workers:
        return Text("none yet", style="dim")
    nodes: dict[str, list[WorkerSeen]] = {}
    for worker in workers:
        nodes.setdefault(worker.host, []).append(worker)
    grid = Table.grid(padding=(0, 3))
    for _ in range(5):
        grid.add_column()
    ordered = sorted(nodes.items(), key=lambda node: (-_rate(node[1]), node[0]))
    for host, there in ordered[:NODES]:
        done = sum(worker.done for worker in there)
        heard = Text(f"heard {duration(max(0.0, min(w.seconds_since for w in there)))} ago", style="dim")
        grid.add_row(Text(_plain(host), style="bold"), _states(there), f"{done} done", _told(_rate(there)), heard)
    if len(ordered) > NODES:
        grid.add_row(Text(f"and {len(ordered) - NODES} more", style="dim"))
    failed = Counter(_plain(worker.reason) for worker in workers if worker.state == "failed")
    reasons = [Text(f"{number} failed: {reason}", style="red") for reason, number in failed.most_common(3)]
    troubles = [f"{worker.worker}: {trouble_of(worker)}" for worker in workers if trouble_of(worker)]
    return Group(grid, *reasons, *(Text(_plain(text), style="yellow") for text in troubles[:TROUBLES]))


def _rate(workers: Sequence[WorkerSeen]) -> float:
    return images_per_second(workers) or 0.0


def _told(rate: float) -> str:
    return f"{rate:.3g}/s" if rate else "?/s"


def _states(workers: Sequence[WorkerSeen]) -> Text:
    states = Counter(worker.shown_state for worker in workers)
    text = Text()
    for state, number in states.most_common():
        text.append(("  " if text else "") + f"{number} {state}", COLOURS.get(state, "dim"))
    return text


def _time(seen: Overview) -> RenderableType:
    if not seen.spent:
        return Text("known when the first shard is finished", style="dim")
    grid = Table.grid(padding=(0, 2))
    for name, share in list(shares(seen.spent).items())[:STEPS]:
        style = "yellow" if name.startswith("wait") else "cyan"
        grid.add_row(Text(_plain(name)), ProgressBar(1.0, share, width=BAR, complete_style=style), f"{share:.1%}")
    told = [Text.assemble(("bound by  ", "bold"), seen.bound_by or "")]
    if seen.gpu_peak_bytes is not None:
        told.append(Text.assemble(("GPU memory  ", "bold"), f"at most {seen.gpu_peak_bytes / 1e9:.1f} GB at a time"))
    return Group(grid, *told)


def _failures(seen: Overview) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    grid.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    for entry in seen.reasons[:REASONS]:
        grid.add_row(Text(str(entry.items), style="bold"), Text(_plain(entry.reason)))
    for failure in seen.latest_failures[:FAILURES]:
        at = time.strftime("%H:%M:%S", time.localtime(failure.at)) if failure.at else ""
        reason = f"{failure.step}: {failure.reason}" if failure.step else failure.reason
        place = Path(failure.image).name or failure.image
        grid.add_row(Text(at, style="dim"), Text(f"{_plain(place)}  {_plain(reason)}", style="dim"))
    return grid


def _plain(text: str) -> str:
    """Names and reasons come from outside; what they hold must not steer the terminal."""
    return one_line(text)
