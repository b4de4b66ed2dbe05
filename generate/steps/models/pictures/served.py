"""Servers that draw: asked by the same rules as those that speak, in the words of OpenAI's images or Hugging Face's."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.sampling import Sampling
from labelyard.generate.steps.models.chat.served import Served, Serving
from labelyard.generate.steps.models.chat.used import Account
from labelyard.generate.steps.models.chat.verdicts import Again, Refused, answer_of
from labelyard.generate.steps.models.chat.web import Reply
from labelyard.generate.surroundings import Surroundings
from labelyard.utils.redact import redacted
from labelyard.utils.text import one_line

OPENAI, HUGGINGFACE, BFL = "openai", "huggingface", "bfl"
# What services call it when a prompt or a picture is not to their liking.
UNWANTED = ("content_policy", "moderation", "safety", "content_filter", "nsfw")


@dataclass(frozen=True)
class Wanted:
    """Beside the prompt."""

    width: int | None = None
    height: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Painter(Served):
    """Answers have the picture's file as `value`."""

    accepts = "*/*"

    def __init__(self, serving: Serving, wanted: Wanted, service: str, account: Account, around: Surroundings) -> None:
        super().__init__(serving, Sampling(1), account, around)
        self._wanted, self._service = wanted, service

    def _path(self) -> str:
        return "images/generations" if self._service == OPENAI else f"models/{self._how.model}"

    def _body(self, request: Request) -> dict[str, Any]:
        how, extra = self._wanted, dict(self._wanted.extra)
        if self._service == HUGGINGFACE:
            asked = {"width": how.width, "height": how.height, "seed": request.seed % 2**32, **extra}
            return {"inputs": request.text, "parameters": without_nothing(asked)}
        size = f"{how.width}x{how.height}" if how.width and how.height else None
        # gpt-image answers with pictures, and does not take the word for it; others answer with addresses without it.
        form = None if self._how.model.startswith("gpt-image") else "b64_json"
        asked = {"model": self._how.model, "prompt": request.text, "n": 1, "size": size, "response_format": form}
        return without_nothing({**asked, **extra})

    def _read(self, reply: Reply, sent: Mapping[str, Any]) -> tuple[Answer, str]:
        if reply.status != 200:
            if reply.status in (400, 403, 422) and (why := _unwanted(reply.body)):
                raise Refused(f"refused: {why}")
            return answer_of(reply, sent, self._about_keys())
        data = reply.body if self._service == HUGGINGFACE else _picture(reply.body)
        if data.lstrip()[:1] in (b"{", b"["):
            raise Again(f"the reply is no picture: {one_line(data.decode('utf-8', 'replace'), 100)!r}")
        return Answer("", value=data), ""

    def _trouble(self, rejections: bool = False) -> str | None:
        """Nothing is drawn, and paid for, to find out."""
        return None if self._health.ever and not rejections else "no request was answered so far"


def without_nothing(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _picture(body: bytes) -> bytes:
    try:
        (made, *_) = json.loads(body)["data"]
        coded = made.get("b64_json")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Again(f"the reply is no picture: {one_line(body.decode('utf-8', 'replace'), 100)!r}") from None
    if coded is None and made.get("url"):
        raise FatalError(
            "the server answers with addresses instead of pictures, and workers fetch none; "
            "use ++extra.response_format=b64_json, or a model that gives pictures"
        )
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Again("the reply's picture is no base64") from None


def _unwanted(body: bytes) -> str:
    """What the service says to a prompt that it does not like; empty for any other complaint."""
    try:
        said = json.loads(body)
        error = said["error"] if isinstance(said, dict) and "error" in said else said
        told = error.get("message", "") if isinstance(error, dict) else error
        code = f"{error.get('code')} {error.get('type')}" if isinstance(error, dict) else ""
    except (ValueError, AttributeError):
        return ""
    if any(word in f"{code} {told}".lower().replace(" ", "_") for word in UNWANTED):
        return redacted(one_line(str(told or code), 200))
    return ""
