"""`backend=openai`: a model behind a server that speaks as OpenAI's does, here or far away."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from labelyard.generate.errors import AskedToStop, Ending, FatalError, ItemError
from labelyard.generate.steps.models.chat.addresses import Addresses
from labelyard.generate.steps.models.chat.engine import Engine
from labelyard.generate.steps.models.chat.flow import Gate, Pace
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.sampling import Sampling
from labelyard.generate.steps.models.chat.used import Account, guessed_tokens
from labelyard.generate.steps.models.chat.verdicts import Again, OtherName, Refused, Rejected, answer_of
from labelyard.generate.steps.models.chat.web import BEARER, NoReply, NotTrusted, Reply, Unreachable, ask
from labelyard.generate.steps.models.chat.wire import body
from labelyard.generate.surroundings import Surroundings
from labelyard.utils.jsons import text_of, utf8
from labelyard.utils.text import one_line

LONGEST_PAUSE = 60.0  # seconds between two tries, where the server names no other time
LOOKS = 2.0  # seconds between two looks whether a server that is away is back
LAST_WAIT = 30.0  # seconds for which answers that are under way are waited for, when it has come to an end
SHORT = 10.0  # seconds that are waited also by a worker that is asked to stop
FEW = 3  # requests, all rejected, after which it is asked whether any would be accepted


@dataclass(frozen=True)
class Serving:
    """How a server is spoken to."""

    model: str
    addresses: Addresses
    key_variable: str | None = None
    template: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    guided: bool = False
    at_once: int = 16
    tries: int = 6
    patience: float = 600.0
    pause: float = 1.0
    timeout: float = 600.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


class _Over(Exception):
    """Another question has come to what ends all of them."""


class _Died(Exception):
    """Our own server died while this was under way; it is there again."""

    def __init__(self, reason: str, alone: bool) -> None:
        super().__init__(reason)
        self.alone = alone  # with nothing else under way


class Served:
    accepts = "application/json"  # of what kind answers are
    key_in = BEARER

    def __init__(
        self,
        serving: Serving,
        sampling: Sampling,
        account: Account,
        around: Surroundings,
        engine: Engine | None = None,
    ) -> None:
        """`engine`: a server of our own, which is started anew when it dies."""
        self._how, self._sampling, self._account, self._around, self._engine = (
            serving,
            sampling,
            account,
            around,
            engine,
        )
        self._gate = Gate(serving.at_once)
        self._pace = Pace(serving.requests_per_minute, serving.tokens_per_minute, around.workers)
        self._health = _Health()
        self._max_tokens = "max_tokens"  # as the server calls it
        self._over = False
        self._probing = threading.Lock()
        self._rejected = 0
        self.called = ""  # the model, by the server

    def answers(self, requests: Sequence[Request], mapped: Any = None) -> list[Answer | Exception]:
        """In order; in place of an answer what is wrong with its request, or what has ended all of them."""
        self._over = False
        self._health.begin()
        todo, done = SimpleQueue[int](), SimpleQueue[tuple[int, Answer | BaseException]]()
        for place in range(len(requests)):
            todo.put(place)

        def work() -> None:
            while not todo.empty() and not self._over:
                try:
                    place = todo.get_nowait()
                except Empty:  # another was faster
                    return
                try:
                    done.put((place, self._answer(requests[place])))
                except BaseException as error:
                    self._over = True  # before anyone takes the next
                    done.put((place, error))

        crew = [threading.Thread(target=work, name="ask", daemon=True) for _ in requests[: self._how.at_once]]
        for thread in crew:
            thread.start()
        found: dict[int, Answer | Exception] = {}
        trouble: BaseException | None = None
        deadline = float("inf")
        while len(found) < len(requests) and any(thread.is_alive() for thread in crew) | (not done.empty()):
            try:
                place, answer = done.get(timeout=0.2)
            except Empty:
                if time.monotonic() > deadline:
                    break
                continue
            if isinstance(answer, Answer | ItemError):
                found[place] = answer
            elif not isinstance(answer, _Over):
                trouble = trouble or answer
                deadline = time.monotonic() + LAST_WAIT
        if trouble is None:
            return [found[place] for place in range(len(requests))]
        if not isinstance(trouble, Ending):
            raise trouble
        return [found.get(place, trouble) for place in range(len(requests))]

    def rest(self) -> bool:
        """Whether it can stay as it is until `wake`: a server elsewhere is in nobody's way."""
        return self._engine is None or self._engine.rest()

    def wake(self) -> None:
        if self._engine is not None:
            self._engine.wake()

    def close(self) -> None:
        self._over = True
        if self._engine is not None:
            self._engine.end()

    def _answer(self, request: Request) -> Answer | ItemError:
        """Through all tries."""
        sent = self._body(request)
        dice = random.Random(request.digest())
        began, tries, failures, deaths = time.monotonic(), 0, 0, 0
        while True:
            try:
                return self._try(sent, request)
            except Refused as error:
                self._account.paid(*error.tokens)
                return ItemError(str(error), request.item)
            except Rejected as error:
                self._rejected += 1
                if not self._health.ever and self._rejected >= FEW and (trouble := self._trouble(rejections=True)):
                    raise FatalError(f"the server rejects every request: {trouble}") from None
                return ItemError(f"rejected by the server: {error}", request.item)
            except OtherName as error:
                self._max_tokens = error.name
                sent = self._body(request)
                continue
            except Unreachable as error:
                self._away(str(error))
                if not self._how.addresses.has_others():
                    self._wait(min(LOOKS, 4 * self._how.pause) * (0.5 + dice.random()))
                continue
            except _Died as error:
                deaths += 1
                if deaths > 1 and error.alone:
                    return ItemError(f"the server died {deaths} times at this request: {error}", request.item)
                self._gate.one_by_one()
            except Again as error:
                if error.busy:
                    self._gate.busy()
                    self._away(str(error))
                    wait = _pause(failures, self._how.pause, dice) if error.after is None else error.after
                    self._pace.rest(wait)
                else:
                    tries += 1
                    if tries >= self._how.tries and self._its_own_fault(began):
                        return ItemError(f"{tries} times in a row: {error}", request.item)
                    self._away(str(error))
                    wait = _pause(failures, self._how.pause, dice) if error.after is None else error.after
                failures += 1
                self._wait(wait)

    def _try(self, sent: Mapping[str, Any], request: Request | None) -> Answer:
        """Once. `request` is None for a question of our own, which costs nothing to speak of."""
        data = utf8(text_of(dict(sent)))
        alone = self._gate.enter()
        try:
            if alone and self._engine is not None:
                self._engine.mend()  # or one that is just dying of another question would be laid to this one
            expected = 0.0
            if request is not None:
                wait, expected = self._pace.turn(
                    guessed_tokens(request.system + request.text, len(request.images)) + self._sampling.max_tokens
                )
                self._wait(wait)
            address = self._how.addresses.pick()
            if address is None:
                raise Unreachable("no address is known yet")
            starts = self._engine.starts if self._engine is not None else 0
            try:
                reply = ask(
                    f"{address}/{self._path()}", data, self._key(), self._how.timeout, self.accepts, self.key_in
                )
                self._account.tried()
            except Unreachable:
                self._how.addresses.failed(address)
                raise
            except NoReply as error:
                self._account.tried()
                if self._has_died(starts):
                    raise _Died(str(error), alone) from None
                raise Again(str(error)) from None
            except NotTrusted as error:
                raise FatalError(f"base_url={address}: its certificate is not trusted here ({error})") from None
            answer, called = self._read(reply, sent)
        finally:
            self._gate.leave()
        self.called = called
        self._gate.good()
        self._health.good()
        if self._engine is not None:
            self._engine.good()
        if request is not None:
            self._account.answered(answer)
            self._pace.took(expected, answer.prompt_tokens + answer.answer_tokens)
        return answer

    def _path(self) -> str:
        return "completions" if self._how.template is not None else "chat/completions"

    def _read(self, reply: Reply, sent: Mapping[str, Any]) -> tuple[Answer, str]:
        """The answer, and what the server calls its model; or what comes of another reply, as an error."""
        return answer_of(reply, sent, self._about_keys())

    def _its_own_fault(self, began: float) -> bool:
        """Whether others are answered while this one is not; if there are no others, it is found out."""
        return self._health.last > began or self._trouble() is None

    def _trouble(self, rejections: bool = False) -> str | None:
        """What comes of a question that any server can answer. With `rejections`, that it is rejected counts too."""
        with self._probing:
            if self._health.last > time.monotonic() - LOOKS:
                return None
            try:
                self._try({**self._body(Request("Say yes.")), self._max_tokens: 1}, None)
            except (Refused, OtherName):
                return None
            except Rejected as error:
                return str(error) if rejections else None
            except (Again, Unreachable, _Died) as error:
                return str(error)
            return None

    def _has_died(self, starts: int) -> bool:
        """Whether our own server has died since it was started for the how-manyth time; it is there again then."""
        if self._engine is None:
            return False
        self._engine.mend()
        return self._engine.starts != starts

    def _away(self, reason: str) -> None:
        """Nothing came of it. If nothing has come of anything for too long, it is the server."""
        if self._engine is not None and self._engine.mend():
            self._health.begin()
            return
        silence = self._health.silence()
        if silence > self._how.patience:
            raise FatalError(
                f"no answer for {silence:.0f} s (patience={self._how.patience:g}) from {self._how.addresses}: "
                f"{one_line(reason, 200)}. Nothing was marked. Once the server is there, the same command goes on"
            )

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._over:
                raise _Over
            if self._around.stopping() and (left > SHORT or self._health.silence() > SHORT):
                raise AskedToStop
            time.sleep(min(left, 0.1))
        if self._over:
            raise _Over

    def _key(self) -> str | None:
        variable = self._how.key_variable
        return os.environ.get(variable) if variable else None

    def _about_keys(self) -> str:
        variable = self._how.key_variable
        if variable is None:
            return "If it wants a key: export NAME_KEY=… and key_variable=NAME_KEY"
        return f"Look at the key in {variable}"

    def _body(self, request: Request) -> dict[str, Any]:
        how = self._how
        schema = request.schema if how.guided else None
        said = body(request, how.model, self._sampling, how.template, schema, self._max_tokens)
        return said | dict(how.extra)


class _Health:
    """When the server last answered well, and since when it has not."""

    def __init__(self) -> None:
        self.ever = False
        self.last = float("-inf")
        self._since = time.monotonic()

    def good(self) -> None:
        self.ever = True
        self.last = self._since = time.monotonic()

    def begin(self) -> None:
        """What was not asked was not left unanswered."""
        self._since = time.monotonic()

    def silence(self) -> float:
        return time.monotonic() - self._since


def _pause(failures: int, first: float, dice: random.Random) -> float:
    """Twice as long each time; not all at the same moment."""
    longest: float = min(first * 2**failures, LONGEST_PAUSE)
    return longest * (0.5 + 0.5 * dice.random())
