"""Pipelines as Dataflow-Gen's own manager, unmodified, runs them: python dataflow_runs.py CHECKOUT PLUGIN CONFIG …

What it came to, as JSON: for each configuration the error, or nothing. A process of its own, since the libraries that
its captioners import are stood in for: none of them is called.
"""

from __future__ import annotations

import json
import runpy
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

STOOD_IN_FOR = {
    "vllm",
    "openai",
    "aisuite",
    "jsonargparse",
    "diffusers",
    "decord",
    "torchvision",
    "cv2",
    "transformers",
}


class StandIn(types.ModuleType):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class Finder:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in STOOD_IN_FOR else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> StandIn:
        return StandIn(spec.name)

    def exec_module(self, module: StandIn) -> None:
        return None


def run(config: Path) -> str | None:
    from src.pipeline.manager import PipelineManager

    asked = json.loads(config.read_text())
    try:
        PipelineManager(asked, asked["base_folder"], asked["save_folder"]).run()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(checkout: str, plugin: str, *configs: str) -> None:
    sys.path.insert(0, checkout)
    sys.meta_path.insert(0, Finder())
    import src.pipeline.manager  # noqa: F401  (whatever it can't import shows here)

    runpy.run_path(plugin)
    print(json.dumps([run(Path(config)) for config in configs]))


if __name__ == "__main__":
    main(*sys.argv[1:])
