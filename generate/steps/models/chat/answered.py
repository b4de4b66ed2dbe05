"""What was answered already, for a call that is made again because one item of it failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from labelyard.generate.steps.models.chat.messages import Answer, Request

MOST = 4096  # answers; they are small, and the pictures are not kept


class Answered:
    """After a failure the same step is called again with the records that are left. What was answered then is not
    asked again: it was paid for. Without a failure nothing comes from here: what is asked anew is answered anew."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Answer | Exception] = OrderedDict()
        self._failed = False

    def ask(
        self, requests: Sequence[Request], call: Callable[[Sequence[Request]], Sequence[Answer | Exception]]
    ) -> list[Answer]:
        """`call` over what is not known; the first of its errors is raised, once all answers are kept."""
        digests = [request.digest() for request in requests]
        known = {digest: self._known[digest] for digest in digests if self._failed and digest in self._known}
        if not known:
            self._failed = False
        missing = {d: request for d, request in zip(digests, requests, strict=True) if d not in known}
        try:
            found = dict(zip(missing, call(list(missing.values())), strict=True)) if missing else {}
        except Exception:
            self._failed = True
            raise
        for digest, answer in found.items():
            self._known[digest] = answer
            self._known.move_to_end(digest)
        while len(self._known) > max(MOST, 2 * len(requests)):
            self._known.popitem(last=False)
        every = [(known | found)[digest] for digest in digests]
        answers = [answer for answer in every if isinstance(answer, Answer)]
        if len(answers) < len(every):
            self._failed = True
            raise next(answer for answer in every if isinstance(answer, Exception))
        return answers
