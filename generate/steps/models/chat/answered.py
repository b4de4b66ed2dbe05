"""What was answered already, for a call that is made again because one item of it failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from labelyard.generate.errors import Ending, leaving
from labelyard.generate.steps.models.chat.messages import Answer, Request

MOST = 4096  # answers; they are small, and the pictures are not kept


class Answered:
    """After a failure the same step is called again with the records that are left. What was answered then is not
    asked again: it was paid for. Without a failure nothing comes from here: what is asked anew is answered anew.
    Once the server's answers have come to an end, nothing more is asked: what is not known yet is left over."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Answer | Exception] = OrderedDict()
        self._failed = False
        self._end: Ending | None = None

    def ask(
        self, requests: Sequence[Request], call: Callable[[Sequence[Request]], Sequence[Answer | Exception]]
    ) -> list[Answer]:
        """`call` over what is not known; the first of its errors is raised, once all answers are kept. An `Ending`
        among them goes first: where all has ended, no item's error is its own for certain."""
        digests = [request.digest() for request in requests]
        known = {digest: self._known[digest] for digest in digests if self._failed and digest in self._known}
        if not known:
            self._failed = False
        missing = {d: request for d, request in zip(digests, requests, strict=True) if d not in known}
        try:
            found = dict(zip(missing, self._found(list(missing.values()), call), strict=True))
        except Exception:
            self._failed = True
            raise
        self._end = self._end or next((answer for answer in found.values() if isinstance(answer, Ending)), None)
        for digest, answer in found.items():
            if self._end is None or isinstance(answer, Answer):
                self._known[digest] = answer
                self._known.move_to_end(digest)
        while len(self._known) > max(MOST, 2 * len(requests)):
            self._known.popitem(last=False)
        every = [(known | found)[digest] for digest in digests]
        answers = [answer for answer in every if isinstance(answer, Answer)]
        if len(answers) < len(every):
            self._failed = True
            if self._end is not None:
                pairs = zip(requests, every, strict=True)
                raise leaving(self._end, (request.item for request, answer in pairs if not isinstance(answer, Answer)))
            raise next(answer for answer in every if isinstance(answer, Exception))
        return answers

    def _found(
        self, requests: Sequence[Request], call: Callable[[Sequence[Request]], Sequence[Answer | Exception]]
    ) -> Sequence[Answer | Exception]:
        if self._end is not None:
            return [self._end] * len(requests)
        return call(requests) if requests else []
