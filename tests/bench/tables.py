"""How fast a million rows of each tabular format are planned, beside a bare reader of the same file, in one run.

    python -m tests.bench.tables [--rows 1000000] [--folder DIR] [--formats 'csv;parquet'] [--repeats 3]

Planning is all that `run.py` does before it starts workers: read, check, give ids, leave out duplicates, write shards
(to a folder in DIR). The bare reader makes a dict of every row and does nothing with it: `json.loads`,
`csv.DictReader`, Arrow's `to_pylist`. Beside it are readers that do less: `csv.reader` without the names of the
columns, Arrow's batches without Python's values, the lines of a text. Each is a process of its own, the best of a few,
in turn.

Nothing is removed before the end: ext4 is slow to make files for up to six minutes after many were removed (it steps
over each of their inodes, again and again), so give a file system on which nobody has just cleaned up.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SENTENCE = "a photo of two dogs that run over a wet meadow behind a red ball in the early morning light"
WORDS = SENTENCE.split()


def rows(number: int) -> Iterator[dict[str, Any]]:
    for n in range(number):
        caption = " ".join(WORDS[n % 7 : n % 7 + 10])
        yield {"image": f"{n // 10000:05d}/{n % 10000:04d}.jpg", "caption": f"{caption}, {n}"}


def more_of(row: dict[str, Any], n: int) -> dict[str, Any]:
    return {**row, "url": f"https://example.org/{n}.jpg", "similarity": n % 1000 / 1000, "width": 640 + n % 100}


def write_csv(path: Path, number: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "caption"], delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows(number))


def write_jsonl(path: Path, number: int) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(number))


def write_more_jsonl(path: Path, number: int) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(more_of(row, n)) + "\n" for n, row in enumerate(rows(number)))


def write_json(path: Path, number: int) -> None:
    with path.open("w") as file:
        for n, row in enumerate(rows(number)):
            file.write(("[" if n == 0 else ",\n") + json.dumps(row))
        file.write("]\n")


def write_txt(path: Path, number: int) -> None:
    with path.open("w") as file:
        file.writelines(row["image"] + "\n" for row in rows(number))


def write_parquet(path: Path, number: int, wide: bool = False) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist([more_of(row, n) if wide else row for n, row in enumerate(rows(number))])
    pyarrow.parquet.write_table(table, path, row_group_size=100_000)


def write_more_parquet(path: Path, number: int) -> None:
    write_parquet(path, number, wide=True)


def read_csv(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(1 for _ in csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")) - 1


def read_dicts(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def read_jsonl(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if json.loads(line))


def read_json(path: Path) -> int:
    return len(json.loads(path.read_bytes()))


def read_txt(path: Path) -> int:
    with path.open() as file:
        return sum(1 for line in file if line.rstrip("\n"))


def read_parquet(path: Path) -> int:
    import pyarrow.parquet

    return sum(len(batch.to_pylist()) for batch in pyarrow.parquet.ParquetFile(path).iter_batches())


def read_batches(path: Path) -> int:
    import pyarrow.parquet

    return sum(batch.num_rows for batch in pyarrow.parquet.ParquetFile(path).iter_batches())


def planned(path: Path) -> int:
    from labelyard.generate.run_folder.layout import RunFolder
    from labelyard.generate.sources.auto import Auto
    from labelyard.launch.planning.plan import plan

    folder = RunFolder(Path(tempfile.mkdtemp(prefix="planned-", dir=path.parent)))
    folder.make()
    return plan(folder, Auto(path=str(path)), None, None, lambda seen: None).items


Read = Callable[[Path], int]
FORMATS: dict[str, tuple[str, Callable[[Path, int], None], Read]] = {
    "train_json": ("list.json", write_json, read_json),
    "jsonl": ("list.jsonl", write_jsonl, read_jsonl),
    "jsonl, 5 keys": ("more.jsonl", write_more_jsonl, read_jsonl),
    "csv": ("list.csv", write_csv, read_dicts),
    "csv, no dicts": ("list.csv", write_csv, read_csv),
    "tsv": ("list.tsv", write_csv, read_dicts),
    "tsv, no dicts": ("list.tsv", write_csv, read_csv),
    "parquet": ("list.parquet", write_parquet, read_parquet),
    "parquet, 5 columns": ("more.parquet", write_more_parquet, read_parquet),
    "parquet, batches": ("list.parquet", write_parquet, read_batches),
    "txt": ("list.txt", write_txt, read_txt),
}


def measured(call: Read, path: Path, number: int) -> dict[str, float]:
    """In this process."""
    before, cpu = time.perf_counter(), time.process_time()
    found = call(path)
    assert found == number, (found, number)
    return {"seconds": time.perf_counter() - before, "cpu": time.process_time() - cpu, "peak": peak()}


def peak() -> float:
    """MB; of this program alone, where getrusage would tell of the process that it was forked from."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def apart(name: str, what: str, path: Path, number: int) -> dict[str, float]:
    """In a process of its own."""
    arguments = [sys.executable, "-m", "tests.bench.tables", "--one", what, name, str(path), "--rows", str(number)]
    found: dict[str, float] = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the files and the shards lie meanwhile")
    parser.add_argument("--formats", default=";".join(FORMATS), help="divided by ;")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        what, name, path = chosen.one
        print(json.dumps(measured(planned if what == "plan" else FORMATS[name][2], Path(path), chosen.rows)))
        return
    print(f"{chosen.rows} rows      bare reader         planned        ratio   (CPU)   peak MB: bare  planned")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for name in chosen.formats.split(";"):
            file, write, _ = FORMATS[name]
            path = Path(folder) / file
            write(path, chosen.rows)
            kinds: dict[str, list[dict[str, float]]] = {"bare": [], "plan": []}
            for _ in range(chosen.repeats):
                for what, times in kinds.items():
                    times.append(apart(name, what, path, chosen.rows))
            bare, plan = (min(times, key=lambda one: one["seconds"]) for times in kinds.values())
            ratio, of_cpu = plan["seconds"] / bare["seconds"], plan["cpu"] / bare["cpu"]
            print(
                f"{name:18} {bare['seconds']:6.2f} s {chosen.rows / bare['seconds']:9.0f}/s {plan['seconds']:6.2f} s "
                f"{chosen.rows / plan['seconds']:8.0f}/s {ratio:6.2f} {of_cpu:8.2f} {bare['peak']:14.0f} "
                f"{plan['peak']:8.0f}",
                flush=True,
            )
            path.unlink()


if __name__ == "__main__":
    main()
