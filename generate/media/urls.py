"""Images behind http(s) addresses, for runs whose workers may fetch (`load.urls`)."""

from __future__ import annotations

import http.client
from contextlib import closing
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
AGENT = "labelyard (training data; one request per image)"  # many servers turn nameless ones away


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
    try:
        request = Request(address, headers={"User-Agent": AGENT, "Accept": "image/*,*/*;q=0.5"})
        with closing(_opener(address).open(request, timeout=SILENCE)) as reply:
            return _read(reply, max_bytes, address, item_id)
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


def _read(reply: Any, max_bytes: int, address: str, item_id: str) -> bytes:
    """What it sends, counted while it comes: a server may say nothing of the length, or the wrong one."""
    data = bytearray()
    while block := reply.read(BLOCK):
        data += block
        if len(data) > max_bytes:
            raise ItemError(f"too large: more than load.max_bytes={max_bytes}: {address}", item_id)
    told = reply.headers.get("Content-Length")
    if told and told.isdigit() and len(data) < int(told):
        raise PassingError(f"the connection was cut after {len(data)} of {told} bytes: {address}")
    return bytes(data)


def _opener(address: str) -> OpenerDirector:
    """A proxy does not lead back to this machine."""
    here = urlsplit(address).hostname in HERE
    return build_opener(_WebOnly, *([ProxyHandler({})] if here else []))
