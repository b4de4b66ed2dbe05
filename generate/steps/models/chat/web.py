"""Requests over HTTP, by what Python brings along."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

LONGEST_WAIT = 120.0  # seconds: what a server asks for beyond that is not waited for
BEARER = "Authorization"  # the header in which most want the key
HERE = ("127.0.0.1", "localhost", "::1")


class Unreachable(Exception):
    """Nobody listens there."""


class NoReply(Exception):
    """It was asked, and did not answer to the end."""


class NotTrusted(Exception):
    """Its certificate is not accepted here."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    retry_after: float | None = None


class _NoRedirects(HTTPRedirectHandler):
    """A question that is sent on would arrive without its words."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    address: str,
    body: bytes | None,
    key: str | None,
    timeout: float,
    accepts: str = "application/json",
    key_in: str = BEARER,
) -> Reply:
    """POST of a body, GET without one."""
    headers = {"Content-Type": "application/json", "Accept": accepts}
    if key:
        headers[key_in] = f"Bearer {key}" if key_in == BEARER else key
    request = Request(address, data=body, headers=headers)
    try:
        with _opener(address).open(request, timeout=timeout) as response:
            return Reply(response.status, response.read())
    except HTTPError as error:
        with error:
            return Reply(error.code, _rest(error), _seconds(error.headers.get("Retry-After")))
    except URLError as error:
        raise _told(error.reason) from None
    except (OSError, http.client.HTTPException) as error:
        raise _told(error) from None


def _opener(address: str) -> OpenerDirector:
    """A proxy does not lead back to this machine."""
    here = urlsplit(address).hostname in HERE
    return build_opener(_NoRedirects, *([ProxyHandler({})] if here else []))


def _rest(error: HTTPError) -> bytes:
    try:
        return error.read()
    except (OSError, http.client.HTTPException):
        return b""


def _told(reason: Any) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NotTrusted(str(reason))
    if isinstance(reason, TimeoutError):
        return NoReply("no answer in time")
    if isinstance(reason, ConnectionResetError | BrokenPipeError | http.client.HTTPException):
        return NoReply(f"the connection was cut ({type(reason).__name__})")
    if isinstance(reason, OSError):  # refused, no route, no such host
        return Unreachable(reason.strerror or str(reason))
    return NoReply(str(reason))


def _seconds(said: str | None) -> float | None:
    """What Retry-After says: seconds, or a date."""
    if not said:
        return None
    try:
        wanted = float(said)
    except ValueError:
        try:
            wanted = parsedate_to_datetime(said).timestamp() - time()
        except ValueError:
            return None
    return min(max(wanted, 0.0), LONGEST_WAIT)
