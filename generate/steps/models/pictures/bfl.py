"""Black Forest Labs' way: a task is posted, looked at until it is done, and its picture fetched from where it lies.

What was posted is paid for. So nothing that goes wrong behind it posts it again while there is time
(`request_timeout`): looks and fetches are repeated alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from labelyard.generate.errors import FatalError, ItemError, PassingError
from labelyard.generate.media.urls import fetch
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.verdicts import Again, Refused
from labelyard.generate.steps.models.chat.web import NoReply, Reply, Unreachable, ask
from labelyard.generate.steps.models.pictures.served import Painter, without_nothing
from labelyard.utils.locations import is_fetched
from labelyard.utils.redact import redacted
from labelyard.utils.text import one_line

LONGEST_PAUSE = 4.0  # seconds between two looks
LOOK = 30.0  # seconds for one
MOST_BYTES = 200_000_000
READY, LOST, FAILED = "ready", "task not found", ("error", "failed")


class Tasks(Painter):
    key_in = "x-key"

    def _path(self) -> str:
        return quote(self._how.model)

    def _body(self, request: Request) -> dict[str, Any]:
        how = self._wanted
        asked = {"prompt": request.text, "width": how.width, "height": how.height, "seed": request.seed % 2**32}
        return without_nothing({**asked, "output_format": "png", **dict(how.extra)})

    def _read(self, reply: Reply, sent: Mapping[str, Any]) -> tuple[Answer, str]:
        if reply.status == 402:
            raise FatalError("the account's credits are used up: HTTP 402. Nothing was marked")
        if reply.status != 200:
            return super()._read(reply, sent)
        until = time.monotonic() + self._how.timeout
        return Answer("", value=self._picture(self._done(self._place(reply.body), until), until)), ""

    def _place(self, body: bytes) -> str:
        """Where the task is looked at. The key goes to nobody but the service."""
        try:
            said = json.loads(body)
            task, place = said["id"], said.get("polling_url")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Again(f"the reply names no task: {one_line(body.decode('utf-8', 'replace'), 100)!r}") from None
        own = self._how.addresses.pick() or ""
        if isinstance(place, str) and is_fetched(place) and _family(place) == _family(own):
            return place
        return f"{own}/get_result?id={quote(str(task))}"

    def _done(self, place: str, until: float) -> str:
        """Where its picture lies, once it is there."""
        looks, trouble = 0, "it is still at work"
        while time.monotonic() < until:
            self._wait(min(self._how.pause * 2 ** min(looks, 4), LONGEST_PAUSE))
            looks += 1
            try:
                reply = ask(place, None, self._key(), LOOK, key_in=self.key_in)
                said = json.loads(reply.body)
                status, result = str(said.get("status", "")).lower(), said.get("result")
            except (Unreachable, NoReply, ValueError, AttributeError) as error:
                trouble = str(error)
                continue
            if reply.status in (401, 403):
                raise FatalError(f"the server refuses a look at its own task: HTTP {reply.status}")
            if status == READY and isinstance(result, dict) and is_fetched(str(result.get("sample"))):
                return str(result["sample"])
            if "moderated" in status:
                raise Refused(f"refused: {status}")
            if status in (READY, LOST, *FAILED):
                why = redacted(one_line(str(result or said.get("details") or ""), 200))
                raise Again(f"the task came to nothing ({status}{': ' + why if why else ''})")
            trouble = status or f"HTTP {reply.status}"
        raise Again(f"no picture in request_timeout={self._how.timeout:g} s: {trouble}")

    def _picture(self, place: str, until: float) -> bytes:
        while True:
            try:
                return fetch(place, MOST_BYTES, "")
            except ItemError as error:  # it is gone: such addresses end after some minutes
                raise Again(f"the picture can't be fetched: {_short(error.reason)}") from None
            except PassingError as error:
                if time.monotonic() > until:
                    raise Again(f"the picture can't be fetched: {_short(str(error))}") from None
                self._wait(self._how.pause)


def _family(address: str) -> str:
    """A server and its like in other regions: api.eu.example.com and api.example.com."""
    host = urlsplit(address).hostname or ""
    return host if host.replace(".", "").isdigit() or ":" in host else ".".join(host.split(".")[-2:])


def _short(reason: str) -> str:
    """Without the address, which is signed: whoever has it has the picture."""
    return reason.partition(": http")[0]
