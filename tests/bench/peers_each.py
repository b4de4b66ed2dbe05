"""A folder of photos through one of the systems, as its users would do it: two workers, every other setting its own.

    python -m tests.bench.peers_each NAME LIST OUTPUT

The list is JSON; in OUTPUT come to lie the records, and what the system keeps for itself.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.peers_model import SHARD, one, rows_of

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
FORGIVING = "PEERS_FORGIVING"  # so many blocks may fail, where a system can do without them


def labelyard(listed: Path, output: Path) -> None:
    steps = ["pipeline=bare", "tag=colours", "edges=canny", "pipeline.steps=[tag,edges]"]
    how = [f"--config-dir={ROOT / 'tests/bench/conf'}", "source=train_json", f"shard_size={SHARD}"]
    where = [f"source.path={listed}", f"output={output}", f"cluster.num_jobs={WORKERS}"]
    command = [sys.executable, str(ROOT / "launch/run.py"), *how, *steps, *where]
    os.execv(sys.executable, command)  # the launcher itself, and no more


def pool(listed: Path, output: Path) -> None:
    from multiprocessing import Pool

    with Pool(WORKERS) as workers:
        for _ in workers.imap_unordered(_one(output), rows_of(listed), chunksize=8):
            pass


def datasets(listed: Path, output: Path) -> None:
    import datasets as hf

    os.environ["HF_DATASETS_CACHE"] = hf.config.HF_DATASETS_CACHE = str(output / "cache")
    hf.disable_progress_bars()
    whole = hf.Dataset.from_list(rows_of(listed))
    whole.map(_Row(output), num_proc=WORKERS, cache_file_name=str(output / "mapped.arrow"))


def datatrove(listed: Path, output: Path) -> None:
    """A task for every few photos, as many as Labelyard's shards have: what is whole is not done again."""
    from datatrove.executor import LocalPipelineExecutor

    tasks = -(-len(rows_of(listed)) // SHARD)
    steps = [partial(_documents, listed), partial(_written, output)]
    LocalPipelineExecutor(steps, tasks=tasks, workers=WORKERS, logging_dir=str(output / "logs")).run()


def _documents(listed: Path, _: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
    from datatrove.data import Document

    for row in rows_of(listed)[rank::world_size]:
        yield Document(text=row["caption"], id=str(row["index"]), metadata=row)


def _written(output: Path, documents: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
    for document in documents:
        _one(output)(document.metadata)
        yield document


def ray(listed: Path, output: Path) -> None:
    """With its checkpoint of rows, which needs a table to be read and one to be written."""
    import ray as cluster
    from ray.data.checkpoint import CheckpointConfig

    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # it is of this machine alone
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cluster.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    context = cluster.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = int(os.environ.get(FORGIVING, 0))
    context.checkpoint_config = CheckpointConfig("id", str(output / "checkpoint"), delete_checkpoint_on_success=False)
    table = _table(listed, output)
    cluster.data.read_json([str(path) for path in table]).map(_Row(output)).write_parquet(str(output / "ids"))


def _table(listed: Path, output: Path) -> list[Path]:
    """The rows as files of a few each, since a file is what is done at once and done again."""
    rows = rows_of(listed)
    (output / "rows").mkdir(exist_ok=True)
    paths = [output / "rows" / f"{start:06d}.jsonl" for start in range(0, len(rows), SHARD)]
    for number, path in enumerate(paths):
        some = rows[number * SHARD : (number + 1) * SHARD]
        path.write_text("".join(json.dumps({**row, "id": str(row["index"])}) + "\n" for row in some))
    return paths


def daft(listed: Path, output: Path) -> None:
    import daft as engine

    rows, output_ = rows_of(listed), str(output)

    @engine.cls(use_process=True, max_concurrency=WORKERS, on_error="log" if os.environ.get(FORGIVING) else "raise")
    class Records:
        @engine.method(return_dtype=engine.DataType.string())  # type: ignore[untyped-decorator]
        def record(self, index: int, image: str, caption: str) -> str:
            return one({"index": index, "image": image, "caption": caption}, output_)

    table = engine.from_pydict({name: [row[name] for row in rows] for name in ("index", "image", "caption")})
    columns = [engine.col(name) for name in ("index", "image", "caption")]
    table.into_batches(8).with_column("id", Records().record(*columns)).collect()


def _one(output: Path) -> Callable[[Mapping[str, Any]], str]:
    return partial(one, output=str(output))


class _Row:
    """From a row to a row, which a table is made of."""

    def __init__(self, output: Path) -> None:
        self._one = _one(output)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": str(row["index"]), "record": self._one(row)}


EACH: dict[str, Callable[[Path, Path], None]] = {
    "labelyard": labelyard,
    "pool": pool,
    "datasets": datasets,
    "datatrove": datatrove,
    "ray": ray,
    "daft": daft,
}


if __name__ == "__main__":
    name, listed, output = sys.argv[1:]
    Path(output).mkdir(parents=True, exist_ok=True)
    EACH[name](Path(listed), Path(output))
