"""What a figure was measured with."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "transformers", "numpy", "pillow", "opencv-python-headless", "pycocotools")


def machine(device: str = "cpu") -> dict[str, Any]:
    found: dict[str, Any] = {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: known for name in PACKAGES if (known := _version(name))},
        "command": " ".join(["python -m", _module(), *sys.argv[1:]]),
    }
    if device != "cpu":
        import torch

        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
    return found


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


class GpuBusy:
    """The share of time in which the GPU worked, as nvidia-smi samples it."""

    def __enter__(self) -> GpuBusy:
        self.samples: list[int] = []
        ask = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
        self._asked = subprocess.Popen(ask, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self._asked.stdout is not None
        self.samples.extend(int(line) for line in self._asked.stdout if line.strip().isdigit())

    def __exit__(self, *_: object) -> None:
        self._asked.terminate()
        self._asked.wait()
        self._reader.join(timeout=5)

    @property
    def steady(self) -> float:
        """Without the first and the last tenth, in which batches fill and drain."""
        cut = len(self.samples) // 10
        kept = self.samples[cut : len(self.samples) - cut] or self.samples
        return sum(kept) / len(kept) / 100 if kept else 0.0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _module() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec is not None else sys.argv[0]
