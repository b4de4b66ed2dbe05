"""A small real server that speaks as OpenAI's does, and fails as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A question as it came in."""

    text: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    path: str
    at: float


@dataclass(frozen=True)
class Fault:
    """Instead of an answer."""

    status: int = 200
    body: Any = None  # JSON, or bytes as they are
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False  # until the server is stopped
    cut: bool = False  # in the middle of the reply
    good: bool = False  # it is an answer, and counts as one


def error(status: int, message: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> Fault:
    return Fault(status, {"error": {"message": message, **more}}, headers or {})


Script = Callable[[Asked, int], Fault | None]  # the how-manyth time that this text is asked, from 1


def obedient(asked: Asked, time: int) -> Fault | None:
    return None


class FaultServer:
    """Answers `you said …` with ten tokens in and five out. What it was asked and has answered is kept."""

    def __init__(self, script: Script = obedient, port: int = 0, seconds: float = 0.0) -> None:
        self.script, self.seconds = script, seconds
        self.asked: list[Asked] = []
        self.answered: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._port = port
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> FaultServer:
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """As if it were killed: whoever waits for an answer is cut off, and nobody listens any more."""
        if self._server is not None:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> FaultServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, asked: Asked) -> Fault:
        with self._lock:
            self.asked.append(asked)
            self._times[asked.text] += 1
            number = self._times[asked.text]
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            fault = self.script(asked, number)
            if fault is not None and fault.hang:
                self._ended.wait()
            elif self.seconds:
                self._ended.wait(self.seconds)
        finally:
            with self._lock:
                self.at_once -= 1
        return fault if fault is not None else answer_to(asked)

    @property
    def is_ended(self) -> bool:
        return self._ended.is_set()

    def count(self, asked: Asked, number: int) -> None:
        with self._lock:
            self.answered[asked.text] += number


def answer_to(asked: Asked) -> Fault:
    return Fault(200, said(f"you said {asked.text}", str(asked.body["model"])), good=True)


def said(text: Any, model: str = "tiny", finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "model": model,
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Whoever is cut off needs no trace."""


def _handler(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(Fault(200, {"status": "ok"}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(_text(body), body, dict(self.headers), self.path, time.monotonic())
            fault = server.answer(asked)
            if server.is_ended or fault.hang:
                self.close_connection = True
                return
            good = fault.good
            if good:
                server.count(asked, 1)  # ahead of the reply: who has it may look at once
            if not self._reply(fault) and good:
                server.count(asked, -1)

        def _reply(self, fault: Fault) -> bool:
            content = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
            with suppress(OSError):
                self.send_response(fault.status)
                for name, value in fault.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if fault.cut else content)
                self.wfile.flush()
                return True
            return False

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _text(body: Mapping[str, Any]) -> str:
    for name in ("prompt", "inputs"):
        if name in body:
            return str(body[name])
    if "messages" not in body:
        return ""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
