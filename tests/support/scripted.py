"""A model that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labelyard.generate.steps.models.chat.asking import Asking
from labelyard.generate.steps.models.chat.messages import Answer, Request


class Scripted:
    """A backend that answers by a script: for each round of questions its answers, or one function for all; it keeps
    what it was asked."""

    def __init__(self, script: list[list[Answer | Exception]] | Callable[[Request], str]) -> None:
        self.script, self.asked = script, list[list[Request]]()

    @property
    def all_asked(self) -> list[Request]:
        return [request for requests in self.asked for request in requests]

    def answers(self, requests: Sequence[Request], mapped: Any) -> list[Answer | Exception]:
        self.asked.append(list(requests))
        if isinstance(self.script, list):
            return self.script.pop(0)
        return [Answer(self.script(request), "stop", 10, 3) for request in requests]


def answering(step: Asking, script: list[list[Answer | Exception]] | Callable[[Request], str]) -> Scripted:
    """The step as if its model were loaded."""
    step.loaded.backend = Scripted(script)
    scripted: Scripted = step.loaded.backend
    return scripted
