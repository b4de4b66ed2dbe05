"""Pictures by tasks that are posted, looked at and fetched: nothing that was paid for is posted twice without need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.steps.draw.api import ApiDrawing
from tests.generate.steps.draw.test_api import said
from tests.support.task_server import TaskServer, task_server

KEY = "bfl-quite-secret"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskServer]:
    monkeypatch.setenv("BFL_API_KEY", KEY)
    with task_server() as found:
        yield found


def step(server: TaskServer, **settings: Any) -> ApiDrawing:
    usual: dict[str, Any] = {"checkpoint": "bfl:flux-pro-1.1", "base_url": server.address, "pause": 0.005, "tries": 2}
    made = ApiDrawing(**{**usual, **settings})
    made.name = "draw"
    made.setup("cpu")
    return made


def test_a_task_is_posted_once_looked_at_and_its_picture_fetched(server: TaskServer) -> None:
    ready = step(server, width=64, height=32, extra={"safety_tolerance": 2}, price=0.04)
    prompts = ["fine", "cut", "down", "page", "torn", "astray"]  # what goes wrong behind the post is mended there
    records = said(*prompts)
    ready(records)
    assert server.posted == dict.fromkeys(prompts, 1) and ready.used()["cost"] == 0.24
    assert server.looks["fine-1"] == 2 and server.looks["cut-1"] == 3 and server.fetched["torn-1"] == 2
    assert {record.images["draw"].image.size for record in records} == {(24, 10)}
    body = next(dict(body) for body in server.bodies if body["prompt"] == "fine")
    assert body["path"] == "/v1/flux-pro-1.1" and isinstance(body.pop("seed"), int)
    assert body == {
        "path": "/v1/flux-pro-1.1", "prompt": "fine", "width": 64, "height": 32, "output_format": "png",
        "safety_tolerance": 2,
    }  # fmt: skip
    assert server.keys == {"post": {KEY, None}, "look": {KEY, None}, "picture": {None}}, "in its own header alone"


def test_what_came_to_nothing_is_posted_again(server: TaskServer) -> None:
    prompts = ["busy", "error", "lost", "expired"]
    step(server)(said(*prompts))
    assert server.posted == dict.fromkeys(prompts, 2)


def test_what_is_refused_or_never_done_is_its_items_error(server: TaskServer) -> None:
    ready = step(server, request_timeout=0.4)
    ready(said("fine"))
    with pytest.raises(ItemError, match="refused: content moderated"):
        ready(said("moderated"))
    with pytest.raises(ItemError, match=r"2 times in a row: no picture in request_timeout=0\.4 s: pending"):
        ready(said("forever"))
    assert server.posted == {"fine": 1, "moderated": 1, "forever": 2}


def test_an_empty_account_ends_the_run(server: TaskServer) -> None:
    with pytest.raises(FatalError, match="credits are used up"):
        step(server)(said("unpaid"))
