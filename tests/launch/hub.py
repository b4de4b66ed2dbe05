"""A model hub on loopback, small enough to be read, real enough for the hub's own client library."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

Files = dict[str, bytes]
COMMIT = "c0ffee" + 34 * "0"
LARGE = (".safetensors", ".bin", ".pth")  # what the hub keeps by checksum


class Hub:
    def __init__(self, repositories: dict[str, Files]) -> None:
        self.repositories = repositories
        self.cards: dict[str, dict[str, object]] = {}  # what the head of a repository's README says
        self.asked: list[str] = []  # downloads, as 'repository/file' with the range that was asked for
        self.cut_after: int | None = None  # break the next download off after so many bytes
        self.lie = False  # send other bytes than were promised

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"


@contextmanager
def serve(hub: Hub) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silent."""

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = urlparse(self.path).path
            for repository, files in hub.repositories.items():
                if path.startswith(f"/api/models/{repository}/tree/"):
                    self._send(200, json.dumps(_tree(files)).encode(), {}, body)
                    return
                if path.startswith((f"/api/models/{repository}", f"/api/datasets/{repository}")):
                    told = _info(repository, files) | {"cardData": hub.cards.get(repository, {})}
                    self._send(200, json.dumps(told).encode(), {}, body)
                    return
                prefix = f"/{repository}/resolve/"
                if path.startswith(prefix):
                    name = path[len(prefix) :].partition("/")[2]
                    if name in files:
                        self._file(repository, name, files[name], body)
                        return
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)

        def _file(self, repository: str, name: str, data: bytes, body: bool) -> None:
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(name, data)}"', "Accept-Ranges": "bytes"}
            if name.endswith(LARGE):
                headers["X-Linked-Size"] = str(len(data))
                headers["X-Linked-ETag"] = headers["ETag"]
            if not body:
                self._send(200, data, headers, body=False)
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            hub.asked.append(f"{repository}/{name}@{start}")
            sent = bytes(255 - b for b in data) if hub.lie and name.endswith(LARGE) else data
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            cut, hub.cut_after = (hub.cut_after, None) if name.endswith(LARGE) else (None, hub.cut_after)
            self._send(206 if start else 200, sent[start:], headers, body=True, cut=cut)

        def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool, cut: int | None = None) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data if cut is None else data[:cut])
                if cut is not None:
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub.url(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


def _etag(name: str, data: bytes) -> str:
    return (hashlib.sha256 if name.endswith(LARGE) else hashlib.sha1)(data).hexdigest()


def _tree(files: Files) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for name, data in files.items():
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": _etag("", data)}
        if name.endswith(LARGE):
            entry["lfs"] = {"oid": _etag(name, data), "size": len(data), "pointerSize": 130}
        entries.append(entry)
    return entries


def _info(repository: str, files: Files) -> dict[str, object]:
    siblings = []
    for name, data in files.items():
        entry: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
        if name.endswith(LARGE):
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        siblings.append(entry)
    return {"_id": "1", "id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
