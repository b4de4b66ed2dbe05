"""A small real server of pictures and films, which fails where a path says so."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from PIL import Image

from tests.support.loopback import answering, bound
from tests.support.videos import video


def picture(width: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 10), (width, 0, 0)).save(file, kind)
    return file.getvalue()


class PicturesServer:
    """`/20.png` is a picture 20 pixels wide; see `_handler` for what else there is."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._server = bound(_handler(self))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


@contextmanager
def pictures_server() -> Iterator[PicturesServer]:
    server = PicturesServer()
    with answering(server._server):
        yield server


def _handler(server: PicturesServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked[self.path] += 1
            name = self.path.strip("/").partition(".")[0]
            if name.isdigit():
                return self._say(200, picture(int(name)))
            if name == "twice-busy":
                return self._say(503 if server.asked[self.path] < 3 else 200, picture(7))
            if name in ("elsewhere", "files"):
                to = "/21.png" if name == "elsewhere" else "ftp://127.0.0.1/x"
                return self._say(302, b"", Location=to)
            if name == "film":
                return self._say(200, video("mp4"))
            if name == "half-film":
                return self._say(200, video("mp4")[:900])
            if name == "cut":
                return self._say(200, picture(9), length=10_000)
            if name == "page":
                return self._say(200, b"<html>Please log in</html>")
            return self._say(int(name.partition("-")[2] or 404), b"no")

        def _say(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
