"""Images and videos behind http(s) addresses, for runs whose workers may fetch (`load.urls`)."""

from __future__ import annotations

import http.client
import io
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from labelyard.generate.errors import ItemError, PassingError
from labelyard.utils.locations import is_fetched

SILENCE = 30.0  # seconds without a byte
BLOCK = 1 << 16
HERE = ("127.0.0.1", "localhost", "::1")
PASSING = (408, 425, 429)  # and all from 500 on
AGENT = "labelyard (training data; one request per file)"  # many servers turn nameless ones away


class _WebOnly(HTTPRedirectHandler):
    """A server leads to other servers, and never to files or ftp."""

    def redirect_request(
        self, request: Request, file: IO[bytes], code: int, why: str, headers: http.client.HTTPMessage, address: str
    ) -> Request | None:
        if not is_fetched(address):
            raise HTTPError(request.full_url, code, f"leads to {address[:80]}", headers, file)
        return super().redirect_request(request, file, code, why, headers, address)


def fetch(address: str, max_bytes: int, item_id: str) -> bytes:
    """PassingError for what another try may mend, ItemError for what it does not."""
    found = io.BytesIO()
    _fetch(address, found, "image", max_bytes, item_id)
    return found.getvalue()


def fetch_video(address: str, max_bytes: int, item_id: str) -> IO[bytes]:
    """Into a file without a name: nothing stays of it, whatever becomes of this process."""
    with _kept(address):
        found = tempfile.TemporaryFile(prefix="labelyard-")  # noqa: SIM115 - whoever looks at the video has it
    _fetch(address, found, "video", max_bytes, item_id)
    with _kept(address):
        found.flush()
    return found


@contextmanager
def _kept(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PassingError(f"{error.strerror}: {tempfile.gettempdir()}, for what comes from {address}") from None


def _fetch(address: str, file: IO[bytes], kind: str, max_bytes: int, item_id: str) -> None:
    try:
        request = Request(address, headers={"User-Agent": AGENT, "Accept": f"{kind}/*,*/*;q=0.5"})
        with closing(_opener(address).open(request, timeout=SILENCE)) as reply:
            _read(reply, file, max_bytes, address, item_id)
    except HTTPError as error:
        with error:
            if error.code in PASSING or error.code >= 500:
                raise PassingError(f"the server says {error.code} {error.reason}: {address}") from None
            raise ItemError(f"the server says {error.code} {error.reason}: {address}", item_id) from None
    except URLError as error:
        raise PassingError(f"the server can't be reached: {error.reason}: {address}") from None
    except TimeoutError:
        raise PassingError(f"no byte in {SILENCE:g} s: {address}") from None
    except (OSError, http.client.IncompleteRead, http.client.BadStatusLine) as error:
        raise PassingError(f"the connection was cut ({type(error).__name__}): {address}") from None
    except (ValueError, http.client.HTTPException) as error:
        raise ItemError(f"not an address: {error}: {address!r:.200}", item_id) from None


def _read(reply: Any, file: IO[bytes], max_bytes: int, address: str, item_id: str) -> None:
    """What it sends, counted while it comes: a server may say nothing of the length, or the wrong one."""
    size = 0
    while block := reply.read(BLOCK):
        size += len(block)
        if size > max_bytes:
            raise ItemError(f"too large: more than load.max_bytes={max_bytes}: {address}", item_id)
        with _kept(address):
            file.write(block)
    told = reply.headers.get("Content-Length")
    if told and told.isdigit() and size < int(told):
        raise PassingError(f"the connection was cut after {size} of {told} bytes: {address}")


def _opener(address: str) -> OpenerDirector:
    """A proxy does not lead back to this machine."""
    here = urlsplit(address).hostname in HERE
    return build_opener(_WebOnly, *([ProxyHandler({})] if here else []))
