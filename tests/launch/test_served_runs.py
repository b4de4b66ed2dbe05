"""Whole runs that ask a server: what is finished is asked once, whatever happens, and what it cost is told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import pytest

from labelyard.generate.record_json.body import read_record
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch import run
from labelyard.launch.watching.used import used_by
from tests.conftest import MakeList, call, command, environment
from tests.support.fault_server import Asked, Fault, FaultServer, error, said
from tests.support.processes import family, wait_for

SECRET = "a-key-that-nobody-may-see"
QUICK = ("describe.pause=0.01", "work.batch=8", "shard_size=8", "describe.max_tokens=9")


def arguments(listed: Path, out: Path, server: FaultServer, *more: object) -> list[object]:
    model = ("describe.checkpoint=tiny", f"describe.base_url={server.address}", "describe.prompt='what is {caption}?'")
    return [f"source.path={listed}", f"output={out}", "pipeline=describe", *model, *QUICK, *more]


FAULTS: dict[int, list[Fault]] = {
    3: [error(429, headers={"Retry-After": "0.01"})] * 9,
    5: [error(500), error(503), Fault(200, b"<html>")],
    7: [Fault(200, said("half"), cut=True), error(408)],
    11: [Fault(200, said("", finish="content_filter"))] * 99,
    13: [error(400, f"broken picture {SECRET}")] * 99,
    17: [error(500, "always")] * 99,
}


def number_of(asked: Asked) -> int:
    found = re.search(r"picture number (\d+)\?", asked.text)
    return int(found[1]) if found else -1


def faulty(asked: Asked, time: int) -> Fault | None:
    faults = FAULTS.get(number_of(asked), [])
    return faults[time - 1] if time <= len(faults) else None


def listed_records(out: Path) -> list[str]:
    return (out / "records.txt").read_text().splitlines()


def asked_well(server: FaultServer) -> dict[int, int]:
    return {int(text.rpartition(" ")[2].rstrip("?")): n for text, n in server.answered.items() if "number" in text}


def hanging_after(number: int) -> Callable[[Asked, int], Fault | None]:
    """So many pictures are spoken of, whoever asks at the same time; about others nothing is heard."""
    heard, one_by_one = set[int](), Lock()

    def script(asked: Asked, time: int) -> Fault | None:
        with one_by_one:
            if len(heard) < number:
                heard.add(number_of(asked))
            return None if number_of(asked) in heard else Fault(hang=True)

    return script


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(faulty) as started:
        yield started


def test_every_fault_and_two_workers(make_list: MakeList, tmp_path: Path, server: FaultServer) -> None:
    out, env = tmp_path / "out", {**environment(), "MY_KEY": SECRET}
    prices = ("describe.price_in=1000", "describe.price_out=1000", "describe.key_variable=MY_KEY")
    asked = arguments(make_list(24), out, server, "cluster.num_jobs=2", *prices)
    done = subprocess.run(command("run", *asked), env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3, done.stdout + done.stderr
    stats = json.loads((out / "stats.json").read_bytes())
    assert (stats["items"], stats["done"], stats["quarantined"], stats["missing"]) == (24, 21, 3, 0)
    assert asked_well(server) == {n: 1 for n in range(24) if n not in (11, 13, 17)}
    reasons = [line["reason"] for line in map(json.loads, (out / "quarantine.jsonl").read_text().splitlines())]
    assert sorted(reasons) == [
        "6 times in a row: HTTP 500: always",
        "refused: content_filter",
        "rejected by the server: HTTP 400: broken picture ***",
    ]
    used = stats["used"]["describe"]
    assert used["requests"] == 21 and used["prompt_tokens"] == 220, "a refusal costs, too"
    assert used["cost"] == pytest.approx(0.33)
    assert used["tries"] == 21 + 9 + 3 + 2 + 1 + 1 + 6
    assert "used         describe: 21 answers in 43 requests; 220 tokens in, 110 out; cost 0.33" in done.stdout
    (shown,) = {asked.headers["Authorization"] for asked in server.asked}
    assert shown == f"Bearer {SECRET}"
    for path in out.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in done.stdout + done.stderr
    record = read_record(Path(listed_records(out)[0]))
    assert record is not None and record["texts"]["describe"]["text"].startswith("you said what is picture number ")
    seen = call("status", out)
    assert "used         describe: 21 answers in 43 requests" in seen.stdout
    assert json.loads(call("status", out, "--json").stdout)["used"]["describe"]["tries"] == 43


def test_killed_stopped_by_its_budget_and_gone_on_with(make_list: MakeList, tmp_path: Path) -> None:
    out, photos = tmp_path / "out", make_list(32)
    budget = ("describe.price_in=1000", "describe.price_out=1000")  # 0.015 an answer
    with FaultServer() as server:
        held = server.script
        server.script = hanging_after(16)
        asked = arguments(photos, out, server, "cluster.num_jobs=1", *budget)
        process = subprocess.Popen(command("run", *asked), env=environment(), stdout=subprocess.PIPE, text=True)
        wait_for(lambda: len(server.asked) >= 20 and len(list(out.glob("records/*/*.json"))) == 16)
        wait_for(lambda: used_by(RunFolder(out)).get("describe", {}).get("requests") == 16)  # it has said so
        worker = next(pid for pid in family(process.pid)[1:])
        os.kill(process.pid, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        process.communicate()
        server.script = held
        assert len(asked_well(server)) == 16
        short = call("run", *arguments(photos, out, server, "cluster.num_jobs=1", *budget, "describe.max_cost=0.39"))
        assert short.returncode == 1 and "max_cost=0.39: " in short.stderr and "Nothing was marked" in short.stderr
        assert json.loads((out / "stats.json").read_bytes())["quarantined"] == 0
        rest = call("run", *arguments(photos, out, server, *budget, "dry_run=true"))
        told = re.search(r"describe: about (\S+) for (\d+) items, 0.015 each \(all that was asked", rest.stdout)
        assert told is not None, rest.stdout
        # It counts by shards: the killed worker has begun one of the last two, or both.
        assert int(told[2]) in (8, 16) and float(told[1]) == pytest.approx(int(told[2]) * 0.015)
        final = call("run", *arguments(photos, out, server, "cluster.num_jobs=1", *budget, "describe.max_cost=9"))
        assert final.returncode == 0, final.stderr
        stats = json.loads((out / "stats.json").read_bytes())
        assert stats["done"] == 32
        assert asked_well(server) == dict.fromkeys(range(32), 1), "what is finished is not asked again"
        assert stats["used"]["describe"]["cost"] == pytest.approx(32 * 0.015)


def test_what_was_answered_ahead_of_the_end_is_written(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that runs out, and a server that goes: twice the end in the middle of a batch, and no answer is lost."""
    out, answered = tmp_path / "out", [0]

    def run_out(asked: Asked, time: int) -> Fault | None:
        answered[0] += 1
        return error(401, "the key has run out") if answered[0] in (6, 14) else None

    with FaultServer(run_out) as server:
        listed = make_list(20)
        asked = [*arguments(listed, out, server, "cluster=debug", "describe.max_num_seqs=1")]
        for done in (5, 12):
            assert run.main([str(word) for word in asked]) == 1
            assert "the key has run out" in capsys.readouterr().err
            assert len(list(out.glob("records/*/*.json"))) == done
        assert run.main([str(word) for word in asked]) == 0
        assert asked_well(server) == dict.fromkeys(range(20), 1) and len(server.asked) == 22


def test_what_it_will_cost_is_told_before_it_starts(make_list: MakeList, tmp_path: Path) -> None:
    with FaultServer() as server:
        prices = ("describe.price_in=2", "describe.price_out=8", "describe.max_tokens=500", "dry_run=true")
        told = call("run", *arguments(make_list(30), tmp_path / "out", server, *prices)).stdout
        assert not server.asked
    # 31 letters and a picture in, 500 tokens out: 1007 * 2 + 500 * 8 millionths
    assert "cost       describe: about 0.18 for 30 items, 0.00601 each (by the prompts of 20 items, answers at" in told


def test_what_is_not_installed_is_refused_before_anything_is_written(make_list: MakeList, tmp_path: Path) -> None:
    engine = ("describe.backend=vllm", "describe.engine=no-such-engine --port {port}", "describe.checkpoint=tiny")
    done = call("run", f"source.path={make_list(2)}", f"output={tmp_path / 'out'}", "pipeline=describe", *engine)
    assert done.returncode == 1 and not (tmp_path / "out").exists()
    assert "describe.backend=vllm: there is no `no-such-engine` here" in done.stderr
    assert "or use describe.backend=transformers" in done.stderr
