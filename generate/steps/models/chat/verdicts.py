"""What a server's reply means: an answer, to be tried again, the item's fault, or the end of the run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.models.chat.messages import Answer
from labelyard.generate.steps.models.chat.web import Reply
from labelyard.utils.redact import redacted
from labelyard.utils.text import one_line

PASSING = (408, 409, 425)
QUOTA = ("insufficient_quota", "billing_hard_limit_reached")
LENGTH = re.compile(r"context[ _](length|window)|too (long|many tokens|large)|maximum.{0,40}(tokens|length)", re.I)
REFUSED = ("content_filter", "refusal", "safety")


class Again(Exception):
    """It may go well at the next try."""

    def __init__(self, reason: str, after: float | None = None, busy: bool = False) -> None:
        super().__init__(reason)
        self.after = after  # seconds that the server asks to wait
        self.busy = busy  # it has too much to do: nobody's fault


class Rejected(Exception):
    """The server can't do this with the request; another one may be fine."""


class OtherName(Exception):
    """The server calls max_tokens otherwise: the request is sent again with that name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Refused(Exception):
    """The model does not answer to this, which costs tokens all the same."""

    def __init__(self, reason: str, prompt_tokens: int = 0, answer_tokens: int = 0) -> None:
        super().__init__(reason)
        self.tokens = (prompt_tokens, answer_tokens)


def answer_of(reply: Reply, sent: Mapping[str, Any], how_to_know: str) -> tuple[Answer, str]:
    """The answer, and what the server calls its model; or one of the errors above, or the end."""
    if reply.status == 200:
        return _answer(reply.body)
    told, code, parameter = _error(reply.body)
    said = f"HTTP {reply.status}" + (f": {told}" if told else "")
    if reply.status in (401, 403):
        raise FatalError(f"the server refuses: {said}. {how_to_know}")
    if reply.status == 404:
        raise FatalError(f"the server has no such model or path: {said}; asked was model={sent.get('model')!r}")
    if reply.status == 429 and (code in QUOTA or any(word in told for word in QUOTA)):
        raise FatalError(f"the account's quota is used up: {said}")
    if reply.status == 429 or reply.status in PASSING or reply.status >= 500:
        raise Again(said, reply.retry_after, busy=reply.status == 429)
    if "max_completion_tokens" in told and "max_tokens" in sent:
        raise OtherName("max_completion_tokens")
    if 300 <= reply.status < 400:
        raise FatalError(f"the server sends elsewhere ({said}); give base_url as the address that answers itself")
    named = _named(told, parameter, sent)
    if named and not LENGTH.search(told):
        raise FatalError(f"the server does not take {named}={sent[named]!r}: {said}")
    raise Rejected(said)


def _answer(body: bytes) -> tuple[Answer, str]:
    try:
        said = json.loads(body)
        choice = said["choices"][0]
        message = choice.get("message", choice)
        text = message["content"] if "content" in message else message.get("text")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise Again(f"the reply is no answer: {one_line(body.decode('utf-8', 'replace'), 100)!r}") from None
    finish = str(choice.get("finish_reason") or "stop")
    refusal = message.get("refusal")
    used = said.get("usage") or {}
    tokens = (_whole(used.get("prompt_tokens")), _whole(used.get("completion_tokens")))
    if finish in REFUSED or refusal or text is None:
        why = redacted(one_line(str(refusal), 200)) if refusal else finish if finish in REFUSED else "no content"
        raise Refused(f"refused: {why}", *tokens)
    if isinstance(text, list):
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    finish = finish if finish in ("stop", "length") else "stop"
    return Answer(str(text).strip(), finish, *tokens), str(said.get("model") or "")


def _whole(number: Any) -> int:
    return number if isinstance(number, int) and number >= 0 else 0


def _error(body: bytes) -> tuple[str, str, str]:
    """The server's words, its code for it, and the parameter that it complains of: in the words of OpenAI or of
    FastAPI, and whatever else it says."""
    try:
        said = json.loads(body)
    except ValueError:
        return redacted(one_line(body.decode("utf-8", "replace"), 300)), "", ""
    if not isinstance(said, dict):
        return redacted(one_line(str(said), 300)), "", ""
    error = said.get("error", said)
    if not isinstance(error, dict):
        return redacted(one_line(str(error), 300)), "", ""
    detail = error.get("detail", error.get("message", said))
    where = ""
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = str((detail[0].get("loc") or [""])[-1])
        detail = f"{detail[0].get('msg', '')} ({where})"
    told = redacted(one_line(str(detail), 300))
    return told, str(error.get("code") or error.get("type") or ""), str(error.get("param") or where)


def _named(told: str, parameter: str, sent: Mapping[str, Any]) -> str | None:
    """Which of the settings that were sent it complains of; what differs from one request to the next is none."""
    names = [name for name in sent if name not in ("messages", "prompt", "model", "seed")]
    if parameter in names:
        return parameter
    return next((name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told)), None)
