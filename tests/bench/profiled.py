"""Torch's own profile of one way of working: which operations take the time, on the processor and on the GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROWS = 25  # of the table, the dearest first


@contextmanager
def profiled(folder: Path | None, name: str, device: str) -> Iterator[None]:
    """Writes `name`.txt, a table, and `name`.json.gz, a trace for Perfetto, into the folder, if there is one."""
    if folder is None:
        yield
        return
    from torch._C._profiler import _ExperimentalConfig
    from torch.profiler import ProfilerActivity, profile

    folder.mkdir(parents=True, exist_ok=True)
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device != "cpu" else [])
    # The engine computes in threads of its own, which are not recorded unless one asks for all.
    with profile(activities=activities, experimental_config=_ExperimentalConfig(profile_all_threads=True)) as found:
        yield
    by = "self_cpu_time_total" if device == "cpu" else "self_device_time_total"
    table = found.key_averages().table(sort_by=by, row_limit=ROWS, max_name_column_width=40)
    (folder / f"{name}.txt").write_text(table + "\n")
    found.export_chrome_trace(str(folder / f"{name}.json.gz"))
