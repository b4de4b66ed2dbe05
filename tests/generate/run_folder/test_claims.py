"""Claims: who may take a shard, and when."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labelyard.generate.run_folder.claims import HEARTBEAT, STALE_AFTER, Claims, Owner, owner_of
from labelyard.generate.run_folder.layout import RunFolder
from tests.generate.conftest import MakeRun


def claims(folder: RunFolder, worker: str, task: str = "") -> Claims:
    return Claims(folder, Owner.here(worker, task))


def put(folder: RunFolder, owner: Owner, age: float = 0.0, shard: int = 0) -> Path:
    """A claim of somebody else, not refreshed for so long."""
    path = folder.claim(shard)
    path.write_text(json.dumps(dataclasses.asdict(owner)))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def elsewhere(worker: str = "w", task: str = "") -> Owner:
    return Owner(worker, task, "another-host", 1, "1", "another machine")


def gone() -> Owner:
    """A process of this machine that has ended."""
    code = "from labelyard.generate.run_folder.claims import Owner; from dataclasses import asdict; import json; "
    code += "print(json.dumps(asdict(Owner.here('ended'))))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return Owner(**json.loads(told))


def test_a_shard_is_one_workers_until_it_is_freed(make_run: MakeRun) -> None:
    folder = make_run(8)
    one, other = claims(folder, "one"), claims(folder, "other")
    assert one.take(0) and not other.take(0)
    owner = owner_of(folder, 0)
    assert owner is not None and owner.worker == "one"
    one.free(0)
    assert other.take(0)


def test_of_many_at_once_hardly_more_than_one_gets_it(make_run: MakeRun) -> None:
    folder = make_run(8)
    put(folder, elsewhere(), age=STALE_AFTER + 10)
    start, won = threading.Barrier(8), []
    everybody = [claims(folder, f"w{n}") for n in range(8)]

    def take(name: str) -> None:
        mine = everybody[int(name[1:])]
        start.wait()
        if mine.take(0):
            won.append(name)

    threads = [threading.Thread(target=take, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner = owner_of(folder, 0)
    # Between looking at a dead claim and moving it aside a second may slip in, which costs double work and no more.
    assert owner is not None and owner.worker in won and len(won) <= 2
    for each in everybody:
        each.close()
    assert not list(folder.claims.iterdir())


def test_the_claim_of_an_ended_process_is_taken_over_at_once(make_run: MakeRun) -> None:
    folder = make_run(8)
    put(folder, gone())
    mine = claims(folder, "mine")
    assert mine.seconds_until_stale(0) == 0.0 and mine.take(0)


def test_a_later_process_with_the_same_number_is_not_taken_for_the_owner(make_run: MakeRun) -> None:
    folder = make_run(8)
    put(folder, dataclasses.replace(Owner.here("earlier"), started="12345"))
    assert claims(folder, "mine").take(0)


def test_another_hosts_claim_is_left_until_it_is_stale(make_run: MakeRun) -> None:
    folder = make_run(8)
    mine = claims(folder, "mine")
    put(folder, elsewhere(), age=0)
    assert not mine.take(0) and mine.seconds_until_stale(0) is None, "it lives"
    put(folder, elsewhere(), age=3 * HEARTBEAT)
    wait = mine.seconds_until_stale(0)
    assert not mine.take(0) and wait is not None and 0 < wait <= STALE_AFTER - 3 * HEARTBEAT + 5
    put(folder, elsewhere(), age=STALE_AFTER + 5)
    assert mine.take(0)


def test_a_claim_that_is_refreshed_does_not_get_stale(make_run: MakeRun) -> None:
    folder = make_run(8)
    one, other = claims(folder, "one"), claims(folder, "other")
    assert one.take(0)
    os.utime(folder.claim(0), (1, 1))
    one.refresh()
    assert other.seconds_until_stale(0) is None


def test_an_earlier_life_of_the_same_array_task_on_another_host_is_taken_over_at_once(make_run: MakeRun) -> None:
    folder = make_run(8)
    put(folder, elsewhere("slurm-5_3-r0", task="5_3"))
    assert not claims(folder, "slurm-5_4-r0", "5_4").take(0)
    assert claims(folder, "slurm-5_3-r1", "5_3").take(0)


def test_processes_of_one_batch_script_are_told_apart_while_they_live(make_run: MakeRun) -> None:
    folder = make_run(8)
    assert claims(folder, "slurm-5_3-r0", "5_3").take(0)
    assert not claims(folder, "slurm-5_3-r1", "5_3").take(0), "its process is here, and lives"


def test_clocks_decide_nothing(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """This host's clock is a day ahead, or behind. Ages are read off the file server's clock."""
    folder = make_run(8)
    for skew in (86_400, -86_400):
        put(folder, elsewhere(), age=10)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda now=now, skew=skew: now + skew)
        assert not claims(folder, "mine").take(0)
        monkeypatch.undo()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"worker": 1}', "\x00" * 50])
def test_a_claim_that_nobody_can_read_gets_stale_like_any_other(make_run: MakeRun, text: str) -> None:
    folder = make_run(8)
    path = folder.claim(0)
    path.write_text(text)
    mine = claims(folder, "mine")
    assert not mine.take(0)
    os.utime(path, (1, 1))
    assert mine.take(0)


def test_a_claim_taken_over_is_not_freed_by_its_first_owner(make_run: MakeRun) -> None:
    folder = make_run(8)
    slept = claims(folder, "slept")
    assert slept.take(0)
    put(folder, elsewhere("new"))
    slept.free(0)
    owner = owner_of(folder, 0)
    assert owner is not None and owner.worker == "new"


def test_a_living_claim_moved_by_mistake_is_put_back(make_run: MakeRun) -> None:
    folder = make_run(8)
    dead, mine = elsewhere("dead"), claims(folder, "mine")
    path = put(folder, elsewhere("faster"))
    assert not mine._take_over(path, dead)
    owner = owner_of(folder, 0)
    assert owner is not None and owner.worker == "faster"
    assert [path.name for path in folder.claims.iterdir()] == ["00000"]


def test_closing_frees_everything_and_leaves_no_trace(make_run: MakeRun) -> None:
    folder = make_run(16)
    mine = claims(folder, "mine")
    put(folder, elsewhere(), age=3 * HEARTBEAT, shard=1)
    assert mine.take(0) and mine.take_planning() and not mine.take(1)
    mine.close()
    assert [path.name for path in folder.claims.iterdir()] == ["00001"]


def test_a_link_whose_answer_was_lost_counts_as_made(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS repeats a request whose answer got lost, and then says that the file exists."""
    folder = make_run(8)
    real = os.link

    def link(source: Path, target: Path) -> None:
        real(source, target)
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr(os, "link", link)
    mine = claims(folder, "mine")
    assert mine.take(0)
    monkeypatch.undo()
    assert not claims(folder, "other").take(0)
    mine.close()
    assert not folder.claim(0).exists()


def test_a_worker_whose_hand_was_swept_away_still_claims_and_refreshes(make_run: MakeRun) -> None:
    folder = make_run(16)
    mine, other = claims(folder, "mine"), claims(folder, "other")
    assert mine.take(0)
    for hand in folder.claims.glob(".*"):
        hand.unlink()
    os.utime(folder.claim(0), (1, 1))
    mine.refresh()
    assert other.seconds_until_stale(0) is None, "the claim that was linked to the lost hand is refreshed by itself"
    assert mine.take(1)
    os.utime(folder.claim(1), (1, 1))
    mine.refresh()
    assert other.seconds_until_stale(1) is None
    assert mine.taken() == {0, 1}
