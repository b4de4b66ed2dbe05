from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.generate.exporters.conftest import export


def test_lmdb_holds_the_records_under_their_file_names(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    import lmdb

    done = export(run, "lmdb", tmp_path / "l")
    assert done.returncode == 0 and "42 records" in done.stdout, done.stderr
    keys = (tmp_path / "l" / "keys.txt").read_text().splitlines()
    with lmdb.open(str(tmp_path / "l"), readonly=True) as environment, environment.begin() as transaction:
        assert transaction.stat()["entries"] == len(bodies) == len(keys)
        assert [json.loads(transaction.get(key.encode()) or b"") for key in keys] == bodies
        first = transaction.get(bodies[7]["file_name"].encode())
        assert json.loads(first or b"")["id"] == bodies[7]["id"], "of records that share a file name, the first has it"
    assert f"{bodies[7]['file_name']}#{bodies[40]['id']}" in keys


def test_without_images(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    import lmdb

    assert export(run, "lmdb", tmp_path / "l", "--images", "false").returncode == 0
    with lmdb.open(str(tmp_path / "l"), readonly=True) as environment, environment.begin() as transaction:
        found = json.loads(transaction.get(bodies[0]["file_name"].encode()) or b"")
    assert found == {key: value for key, value in bodies[0].items() if key != "image"}
