"""Rows 10, 12, 13, 14, 17, 19 and 22 of docs/failures.md: items and lists that mean harm, or are just odd."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.conftest import MakeList, call, fake_run, listed, records
from tests.faults.outcome import check_at_any_time
from tests.faults.support import lines, merge, plan, started_and_ended, work

NASTY = [
    "../../../etc/passwd.jpg",
    "..",
    "/absolute.jpg",
    "a b, c;d.jpg",
    "quote'\"`.jpg",
    "$(touch HACKED).jpg",
    "; touch HACKED #.jpg",
    "line\nbreak.jpg",
    "\x1b]0;title\x07.jpg",
    "nul\0byte.jpg",
    "e\u0301.jpg",
    "\u00e9.jpg",
    "\u202egpj.exe",
    "\u2028\u0085.jpg",
    "猫/写真.jpg",
    "😀" * 200 + ".jpg",
    "x" * 4000 + ".jpg",
    "\ud800.jpg",
    "-rf.jpg",
    "%s%n${jndi:x}.jpg",
    " ",
    ".",
    "~/.bashrc.jpg",
    "file:///etc/passwd",
    "CON.jpg",
]
SAID = [
    "<script>alert(1)</script>",
    "$(touch HACKED)`touch HACKED`",
    "'; DROP TABLE items; --",
    "a" * 4000,
    "\ud83d half a pair",
    "NaN",
    "\u0000\u0007\u001b[31m",
    "tab\tline\r\nend",
    "{{7*7}} ${oc.env:HOME} !!python/object/apply:os.system ['touch HACKED']",
]


def test_an_item_that_kills_its_worker_every_time_among_five_hundred(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    killers = ["trouble.abort=0250", "trouble.leave=0100"]
    done = call("run", *fake_run(make_list(502, side=24), out, "cluster.num_jobs=3", *killers))
    assert done.returncode == 3, done.stderr
    assert "500 of 502 items are done" in done.stdout
    entries = lines(out / "quarantine.jsonl")
    assert sorted(entry["image"][-8:] for entry in entries) == ["0100.jpg", "0250.jpg"]
    assert all(entry["attempts"] == 3 and "vanished 3 times" in entry["reason"] for entry in entries)
    assert len(set(listed(out))) == 500


def test_hostile_names_and_captions(make_list: MakeList, tmp_path: Path) -> None:
    """Nothing is executed, nothing lies outside of the run folder, nothing is lost, and every reader opens the files.

    Lines are read with Python's splitlines, as many programs do, though it takes more than a line feed for an end.
    """
    train = make_list(len(SAID))
    out = tmp_path / "deep" / "er" / "out"
    entries = json.loads(train.read_text())
    for entry, caption in zip(entries, SAID, strict=True):
        entry |= {"caption": caption, caption[:20]: {"nested": caption}}
    entries += [{"image": name, "caption": caption} for name in NASTY for caption in ("", SAID[0])]
    as_lines = tmp_path / "list.jsonl"
    as_lines.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    before = set(tmp_path.rglob("*"))
    done = call("run", *fake_run(as_lines, out, "work.max_failure_rate=1"), cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    made = set(tmp_path.rglob("*")) - before
    assert made and all(path.is_relative_to(tmp_path / "deep") for path in made)
    assert not any(path.name == "HACKED" for path in made)
    stats = json.loads((out / "stats.json").read_text())
    assert stats["done"] == len(SAID) and stats["quarantined"] == 2 * len(NASTY) and stats["missing"] == 0
    captions = []
    for path in listed(out):
        with open(path, encoding="utf-8") as file:  # as the trainer does
            captions.append(json.load(file)["caption"])
    assert captions == SAID
    assert {entry["image"] for entry in lines(out / "quarantine.jsonl")} == set(NASTY)
    for program in ("status", "jsons2txt", "validate"):
        told = call(program, out)
        assert "Traceback" not in told.stderr and "\x1b" not in told.stdout and "\x07" not in told.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_one_basename_in_many_folders_and_duplicates(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(4), tmp_path / "out"
    pictures = [Path(entry["image"]).read_bytes() for entry in json.loads(train.read_text())]
    entries = []
    for n, data in enumerate(pictures):
        (tmp_path / f"d{n}").mkdir()
        (tmp_path / f"d{n}" / "image.jpg").write_bytes(data)
        entries.append({"image": f"d{n}/image.jpg", "caption": "same"})
    train.write_text(json.dumps([*entries, *entries, {**entries[0], "caption": "another"}]))
    done = call("run", *fake_run(train, out))
    assert done.returncode == 0 and "4 duplicates" in done.stdout
    found = [json.loads(Path(path).read_text()) for path in listed(out)]
    assert [(r["file_name"], r["caption"]) for r in found] == [
        *[(f"d{n}/image.jpg", "same") for n in range(4)],
        ("d0/image.jpg", "another"),
    ]
    assert len({record["image"] for record in found}) == 4, "each has its own pixels"


def test_a_list_that_is_edited_between_runs(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(12), tmp_path / "out"
    entries = json.loads(train.read_text())

    def run(rows: list[dict[str, Any]]) -> list[str]:
        train.write_text(json.dumps(rows))
        before = {path: path.stat().st_mtime_ns for path in records(out)}
        assert call("run", *fake_run(train, out)).returncode == 0
        assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing is computed again"
        return [json.loads(Path(path).read_text())["caption"] for path in listed(out)]

    first = run(entries[:8])
    assert run(entries[:8][::-1]) == first, "another order is no other data"
    assert run([entries[9], *entries[2:6], entries[8]]) == [*first, entries[9]["caption"], entries[8]["caption"]]
    grown = run(entries)
    assert len(grown) == len(set(grown)) == 12, "what was deleted stays, what came back is known"
    changed = [{**entries[0], "caption": "better words"}, *entries[1:]]
    assert run(changed) == [*grown, "better words"]


def test_another_shard_size_is_fine_and_another_threshold_is_refused(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(20), tmp_path / "out"
    assert call("run", *fake_run(train, out, "limit=10", "shard_size=3")).returncode == 0
    refused = call("run", *fake_run(train, out, "write.short_side=99"))
    assert refused.returncode == 1 and "write.short_side: 512 in the run, 99 now" in refused.stderr
    assert call("run", *fake_run(train, out, "shard_size=7", "work.batch=3")).returncode == 0
    assert len(set(listed(out))) == 20


def test_merge_early_twice_and_with_failures(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan(make_list(12), out, "trouble.reject=0005")
    code, stats = merge(out)
    assert code == 3 and stats["missing"] == 12 and listed(out) == []
    assert work(out)[0] == 0
    first = merge(out), [(out / name).read_bytes() for name in ("train.txt", "missing.jsonl", "quarantine.jsonl")]
    second = merge(out), [(out / name).read_bytes() for name in ("train.txt", "missing.jsonl", "quarantine.jsonl")]
    assert first[0][0] == second[0][0] == 3 and first[1] == second[1]
    assert first[0][1]["done"] == 11 and first[0][1]["quarantined"] == 1


def test_out_of_memory_halves_and_loses_nothing(make_list: MakeList, tmp_path: Path) -> None:
    """A step whose allocator has room for three images, while sixteen come."""
    out = tmp_path / "out"
    plan(make_list(40), out, "trouble.fits=3", "work.batch=16")
    assert work(out)[0] == 0
    _, stats = merge(out)
    assert stats["done"] == 40 and stats["quarantined"] == 0
    assert started_and_ended(out) == (40, 40), "the same items, in the same life"


def test_a_wrong_mount_stops_a_short_list_too(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(30), tmp_path / "out"
    (tmp_path / "pictures").rename(tmp_path / "away")
    done = call("run", *fake_run(train, out, "cluster.num_jobs=2"))
    assert done.returncode == 1 and "no such file" in done.stderr
    assert check_at_any_time(out, tmp_path) == {"done": 0, "quarantined": 0, "pending": 30}
    (tmp_path / "away").rename(tmp_path / "pictures")
    assert call("run", *fake_run(train, out, "cluster.num_jobs=2")).returncode == 0
    assert len(listed(out)) == 30


def test_keys_reach_no_file_and_no_message(make_list: MakeList, tmp_path: Path) -> None:
    """From the environment; from the command line; and in what a server answers."""
    train, out = make_list(6), tmp_path / "out"
    secret = "hf_" + "Q1w2" * 9
    os.environ["SOME_HUB_TOKEN"] = secret
    try:
        for override in (f"+tag.api_key={secret}", f"tag.api_key={secret}", "+tag.api_key=${oc.env:SOME_HUB_TOKEN}"):
            refused = call("run", *fake_run(train, out, override))
            assert refused.returncode == 1 and secret not in refused.stdout + refused.stderr, override
        done = call("run", *fake_run(train, out, "trouble.quote_variable=SOME_HUB_TOKEN"))
    finally:
        del os.environ["SOME_HUB_TOKEN"]
    assert done.returncode == 3 and secret not in done.stdout + done.stderr
    assert [entry["reason"] for entry in lines(out / "quarantine.jsonl")] == ["RuntimeError: 401 for key ***"]
    holding = [path for path in out.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert holding == []
