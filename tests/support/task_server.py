"""A small real server that draws as Black Forest Labs' does: tasks are posted, looked at, their pictures fetched."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.loopback import answering, bound
from tests.support.pictures_server import picture


class TaskServer:
    """What goes wrong, a prompt says: of its task's first look (`looks`), or of all that becomes of its first task."""

    def __init__(self) -> None:
        self.posted: Counter[str] = Counter()
        self.bodies: list[Mapping[str, Any]] = []
        self.keys: dict[str, set[str | None]] = defaultdict(set)  # by what was asked: post, look, picture
        self.looks: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()
        self._server = bound(_handler(self))

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def address(self) -> str:
        return f"{self.root}/v1"

    def state(self, prompt: str, task: str) -> dict[str, Any]:
        first = task.endswith("-1")
        status = {"moderated": "Content Moderated", "forever": "Pending"}.get(prompt, "Ready")
        status = {"error": "Error", "lost": "Task not found"}.get(prompt, status) if first else status
        if self.looks[task] == 1 and prompt != "lost":
            status = "Pending"
        ready = {"result": {"sample": f"{self.root}/picture/{task}?sig=signed"}} if status == "Ready" else {}
        return {"id": task, "status": status, **ready}


@contextmanager
def task_server() -> Iterator[TaskServer]:
    server = TaskServer()
    with answering(server._server):
        yield server


def _handler(server: TaskServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = str(body["prompt"])
            server.posted[prompt] += 1
            server.bodies.append({**body, "path": self.path})
            self._note("post")
            number = server.posted[prompt]
            if prompt == "unpaid":
                return self._json({"detail": "Insufficient credits"}, 402)
            if prompt == "busy" and number == 1:
                return self._json({"detail": "too many tasks"}, 429)
            task = f"{prompt}-{number}"
            where = "http://elsewhere.example/look" if prompt == "astray" else f"{server.root}/v1/look?id={task}"
            self._json({"id": task, "polling_url": where})

        def do_GET(self) -> None:
            task = self.path.partition("id=")[2] or self.path.rpartition("/")[2].partition("?")[0]
            prompt, first = task.rpartition("-")[0], task.endswith("-1")
            if "/picture/" in self.path:
                self._note("picture")
                server.fetched[task] += 1
                if prompt == "expired" and first:
                    return self._json({}, 403)
                return self._say(200, picture(24), cut=prompt == "torn" and server.fetched[task] == 1)
            self._note("look")
            server.looks[task] += 1
            if server.looks[task] == 2 and prompt in ("cut", "down", "page"):
                status = 503 if prompt == "down" else 200
                return self._say(status, b"<html>", cut=prompt == "cut")
            self._json(server.state(prompt, task))

        def _note(self, what: str) -> None:
            server.keys[what].update((self.headers["x-key"], self.headers["Authorization"]))

        def _json(self, said: Mapping[str, Any], status: int = 200) -> None:
            self._say(status, json.dumps(said).encode())

        def _say(self, status: int, body: bytes, cut: bool = False) -> None:
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
