"""A model behind a server: every way in which a server can fail, by a server that does."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import AskedToStop, FatalError, ItemError
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.describe.vlm import Describe
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.surroundings import Surroundings
from tests.support.fault_server import Asked, Fault, FaultServer, Script, error, said


def ready(server: FaultServer | str, around: Surroundings | None = None, **options: Any) -> ChatStep:
    address = server if isinstance(server, str) else server.address
    quick = {"pause": 0.01, "patience": 20.0, "max_num_seqs": 8}
    step = ChatStep(**{"checkpoint": "tiny", "base_url": address, "max_tokens": 7, **quick, **options})
    step.name = "asks"
    step.around = around or Surroundings()
    step.setup("cpu")
    return step


def questions(number: int, **more: Any) -> list[Request]:
    return [Request(f"q{n}", item=f"i{n}", **more) for n in range(number)]


def only(text: str, fault: Callable[[int], Fault | None]) -> Script:
    """A fault of one question."""
    return lambda asked, number: fault(number) if asked.text == text else None


def errors_of(step: ChatStep, requests: list[Request]) -> dict[str, str]:
    """As the pipeline does it: call again without whoever failed."""
    failed: dict[str, str] = {}
    while True:
        try:
            step.ask(requests)
            return failed
        except ItemError as error:
            assert error.item_id is not None
            failed[error.item_id] = error.reason
            requests = [request for request in requests if request.item != error.item_id]


def test_answers_come_in_order_many_at_once_and_are_counted() -> None:
    with FaultServer(seconds=0.05) as server:
        step = ready(server, price_in=2.0, price_out=10.0)
        answers = step.ask(questions(40))
        assert answers == [Answer(f"you said q{n}", "stop", 10, 5) for n in range(40)]
        assert server.most_at_once == 8
        assert step.used() == {
            "requests": 40, "tries": 40, "prompt_tokens": 400, "answer_tokens": 200,
            "cost": pytest.approx((400 * 2 + 200 * 10) / 1e6),
        }  # fmt: skip
    assert step.chosen == "openai" and step.settled(0) == {"backend": "openai"} and step.checkpoints() == ()
    assert step.model() == {"name": "ChatStep", "checkpoint": "tiny", "backend": "openai", "max_tokens": 7}


def test_what_is_sent() -> None:
    picture = Image.new("RGB", (6, 4), (200, 10, 10))
    png = io.BytesIO()
    picture.save(png, "PNG")
    drawn: dict[str, Any] = {"temperature": 0.7, "top_p": 0.9, "top_k": 50, "repetition_penalty": 1.2, "stop": ["END"]}
    with FaultServer() as server:
        asked = [Request("what?", "be brief", (picture, picture), 7, "i", files=(png.getvalue(), None))]
        ready(server, extra={"min_p": 0.1}, **drawn).ask(asked)
        ready(server, template="[{system}] {prompt}").ask([Request("why?", "be brief")])
    first, second = server.asked
    content = first.body["messages"][1]["content"]
    assert first.body["messages"][0] == {"role": "system", "content": "be brief"}
    assert first.path == "/v1/chat/completions" and content[2] == {"type": "text", "text": "what?"}
    urls = [part["image_url"]["url"] for part in content[:2]]
    assert urls[0] == "data:image/png;base64," + base64.b64encode(png.getvalue()).decode(), "the file as it is"
    with Image.open(io.BytesIO(base64.b64decode(urls[1].removeprefix("data:image/jpeg;base64,")))) as seen:
        assert seen.format == "JPEG" and seen.size == (6, 4)
    rest = {key: value for key, value in first.body.items() if key != "messages"}
    assert rest == {"model": "tiny", "max_tokens": 7, "seed": 7, "min_p": 0.1, **drawn}
    assert second.path == "/v1/completions"
    assert second.body == {"model": "tiny", "prompt": "[be brief] why?", "max_tokens": 7, "temperature": 0.0}


PASSING = [
    error(500, "oh"), error(503, "loading"), error(408, "slow"), error(409, "conflict"), Fault(200, b"<html>no JSON"),
    Fault(200, {"choices": []}), Fault(200, said("x"), cut=True), error(429, "slow down", {"Retry-After": "0.05"}),
    error(429, "slow down"),
]  # fmt: skip


@pytest.mark.parametrize("fault", PASSING, ids=range(len(PASSING)))
def test_what_may_pass_is_tried_again(fault: Fault) -> None:
    with FaultServer(only("q1", lambda number: fault if number <= 3 else None)) as server:
        step = ready(server)
        assert [answer.text for answer in step.ask(questions(3))] == [f"you said q{n}" for n in range(3)]
        assert [asked.text for asked in server.asked].count("q1") == 4
        assert step.used()["tries"] == 6 and step.used()["requests"] == 3


def test_a_server_that_asks_to_wait_is_waited_for_by_all() -> None:
    with FaultServer(
        only("q0", lambda number: error(429, headers={"Retry-After": "0.4"}) if number == 1 else None)
    ) as server:
        step = ready(server, max_num_seqs=1)
        began = time.monotonic()
        step.ask(questions(2))
        assert time.monotonic() - began >= 0.4
        assert [asked.text for asked in server.asked] == ["q0", "q0", "q1"]


def test_an_item_that_never_goes_well_is_its_own_fault_where_others_go_well() -> None:
    faults = {"q1": error(500, "out of memory"), "q2": Fault(200, b"?"), "q5": Fault(hang=True)}
    with FaultServer(lambda asked, number: faults.get(asked.text)) as server:
        step = ready(server, tries=3, request_timeout=0.3)
        failed = errors_of(step, questions(8))
        assert failed == {
            "i1": "3 times in a row: HTTP 500: out of memory",
            "i2": "3 times in a row: the reply is no answer: '?'",
            "i5": "3 times in a row: no answer in time",
        }
        asked = [one.text for one in server.asked]
        assert [asked.count(f"q{n}") for n in range(8)] == [1, 3, 3, 1, 1, 3, 1, 1], "nobody is asked again for others"


def test_one_alone_is_told_from_the_server_by_a_question_of_our_own() -> None:
    with FaultServer(only("q0", lambda number: error(500))) as server:
        assert list(errors_of(ready(server, tries=2), questions(1))) == ["i0"]
        assert [asked.text for asked in server.asked] == ["q0", "q0", "Say yes."]


def test_where_nothing_goes_well_it_is_the_server_and_no_item_is_blamed() -> None:
    with FaultServer(lambda asked, number: error(500, "the engine is dead")) as server:
        with pytest.raises(
            FatalError, match=r"no answer for \d+ s \(patience=1\) .*the engine is dead.* Nothing was mark"
        ):
            ready(server, tries=2, patience=1.0).ask(questions(4))
        nobody = server.address
    with pytest.raises(FatalError, match="Connection refused"):
        ready(nobody, patience=0.3).ask(questions(2))


FATAL = [
    (error(401, "no such key"), "the server refuses: HTTP 401: no such key. If it wants a key: export NAME_KEY"),
    (error(403, "not yours"), "HTTP 403"),
    (error(404, "model tiny does not exist"), "no such model or path: HTTP 404.*asked was model='tiny'"),
    (error(429, "You exceeded your quota", code="insufficient_quota"), "the account's quota is used up"),
    (error(400, "Unsupported value: 'temperature'", param="temperature"), "does not take temperature=0.0"),
    (Fault(422, {"detail": [{"loc": ["", "top_p"], "msg": "extra"}]}), r"does not take top_p=0\.9: .*extra \(top_p"),
    (Fault(422, {"detail": "Unexpected keys in the request: {'top_p'}"}), "does not take top_p"),
    (Fault(307, b"", {"Location": "http://127.0.0.1:1/"}), "the server sends elsewhere"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "message"), FATAL, ids=range(len(FATAL)))
def test_what_no_item_can_help_ends_the_run_at_once(fault: Fault, message: str) -> None:
    with FaultServer(only("q3", lambda number: fault)) as server:
        with pytest.raises(FatalError, match=message):
            ready(server, top_p=0.9).ask(questions(6))
        assert [asked.text for asked in server.asked].count("q3") == 1


REJECTED = [
    (error(400, "broken picture"), "rejected by the server: HTTP 400: broken picture"),
    (error(413, "too large"), "rejected by the server: HTTP 413: too large"),
    (error(400, "the context length is 9, max_tokens 7"), "rejected by the server: HTTP 400: the context length"),
    (Fault(200, said("", finish="content_filter")), "refused: content_filter"),
    (Fault(200, said(None, refusal="I won't")), "refused: I won't"),
    (Fault(200, said(None)), "refused: no content"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "reason"), REJECTED, ids=range(len(REJECTED)))
def test_what_is_the_item_s_own_fault_is_asked_once(fault: Fault, reason: str) -> None:
    with FaultServer(lambda asked, number: fault if asked.text in ("q1", "q2") else None) as server:
        failed = errors_of(ready(server), questions(4))
        assert list(failed) == ["i1", "i2"] and all(told.startswith(reason) for told in failed.values())
        assert len(server.asked) == 4


def test_where_everything_is_rejected_from_the_start_it_is_the_request_s_form() -> None:
    everything = "the server rejects every request: HTTP 400: no pictures here"
    with (
        FaultServer(lambda asked, number: error(400, "no pictures here")) as server,
        pytest.raises(FatalError, match=everything),
    ):
        errors_of(ready(server), questions(5))
    with FaultServer(lambda asked, number: error(400) if asked.text.startswith("q") else None) as server:
        assert len(errors_of(ready(server), questions(5))) == 5, "what is left of a list may be bad throughout"


def test_a_server_that_calls_max_tokens_otherwise_is_asked_in_its_words() -> None:
    def newer(asked: Asked, number: int) -> Fault | None:
        told = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return error(400, told, param="max_tokens") if "max_tokens" in asked.body else None

    with FaultServer(newer) as server:
        assert len(ready(server, max_num_seqs=1).ask(questions(3))) == 3
        assert [asked.body.get("max_completion_tokens") for asked in server.asked] == [None, 7, 7, 7]


def test_answers_that_are_cut_off() -> None:
    with FaultServer(only("q1", lambda number: Fault(200, said("a long", finish="length")))) as server:
        assert [answer.finish for answer in ready(server).ask(questions(2))] == ["stop", "length"]
        assert errors_of(ready(server, on_length="fail"), questions(2)) == {
            "i1": "cut off at 7 tokens (on_length=fail): a long"
        }


def test_fewer_at_once_when_it_is_too_much() -> None:
    with FaultServer(
        only("q3", lambda number: error(429, headers={"Retry-After": "0"}) if number == 1 else None)
    ) as server:
        step = ready(server)
        step.ask(questions(10))
        assert step.loaded.backend._gate.limit == 4
        step.ask(questions(60))
        assert step.loaded.backend._gate.limit == 5, "one more after fifty good ones"


def test_a_rate_is_kept_by_all_workers_together() -> None:
    with FaultServer() as server:
        steps = [ready(server, Surroundings(workers=3), requests_per_minute=3600) for _ in range(3)]
        threads = [threading.Thread(target=step.ask, args=(questions(25),)) for step in steps]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
    # 75 requests, 60 a second; the first of each worker goes at once
    assert took >= 72 / 60 * 0.95


def test_tokens_have_a_rate_too() -> None:
    with FaultServer() as server:
        step = ready(server, tokens_per_minute=60 * 15 * 40, max_num_seqs=1)  # 40 requests of 15 tokens a second
        step.ask(questions(1))
        began = time.monotonic()
        step.ask(questions(20))
        assert time.monotonic() - began >= 19 / 40 * 0.9


def test_a_server_that_dies_and_comes_back_elsewhere(tmp_path: Path) -> None:
    place = tmp_path / "address"
    first, second = FaultServer(seconds=0.02).start(), FaultServer()
    place.write_text(first.address)

    def die(asked: Asked, number: int) -> Fault | None:
        if len(first.asked) == 10:
            threading.Thread(target=move).start()
        return None

    def move() -> None:
        first.stop()
        second.start()
        place.write_text(f"{second.address}\n")

    first.script = die
    try:
        step = ready(str(place))
        assert len(step.ask(questions(30))) == 30
        answered = first.answered + second.answered
        assert set(answered) == {f"q{n}" for n in range(30)} and set(answered.values()) == {1}
        assert len(second.answered) >= 12
    finally:
        first.stop()
        second.stop()


def test_of_several_servers_those_that_live_are_asked() -> None:
    with FaultServer() as one, FaultServer() as other, FaultServer() as gone:
        told = ",".join(server.address for server in (one, gone, other))
        gone.stop()
        assert len(ready(told).ask(questions(20))) == 20
        assert min(len(one.asked), len(other.asked)) >= 5


def test_a_key_goes_to_the_server_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "very-secret-words-of-mine"
    monkeypatch.setenv("MY_SERVER_KEY", secret)
    with FaultServer(only("q1", lambda number: error(401, f"wrong key: {secret}"))) as server:
        step = ready(server, key_variable="MY_SERVER_KEY")
        step.ask(questions(1))
        assert server.asked[0].headers["Authorization"] == f"Bearer {secret}"
        with pytest.raises(FatalError, match=r"wrong key: \*\*\*\. Look at the key in MY_SERVER_KEY") as caught:
            step.ask(questions(2))
        assert secret not in str(caught.value)
    monkeypatch.delenv("MY_SERVER_KEY")
    with pytest.raises(FatalError, match="MY_SERVER_KEY is not set in the worker's environment"):
        ready(server, key_variable="MY_SERVER_KEY")
    with pytest.raises(ValueError, match="its name has to end in KEY"):
        ready(server, key_variable="mine")


def test_a_provider_has_its_address_and_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789012345678901234")
    step = ChatStep(checkpoint="openai:gpt-5-mini")
    step.setup("cpu")
    how = step.loaded.backend._how
    assert (how.model, str(how.addresses), how.key_variable) == (
        "gpt-5-mini",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
    )


def test_a_budget_ends_the_run_before_it_is_overdrawn() -> None:
    with FaultServer() as server:
        step = ready(server, price_in=1000.0, price_out=1000.0, max_cost=0.5)  # 0.015 an answer
        step.ask(questions(20))
        with pytest.raises(
            FatalError, match=r"max_cost=0\.5: 0\.3 is used up, and the next 20 questions would go beyond"
        ):
            step.ask(questions(20))
        assert len(server.asked) == 20
        step.ask(questions(10))
        others = Surroundings(used_by_others=lambda name: {"prompt_tokens": 1000.0, "answer_tokens": 10.0})
        with pytest.raises(FatalError, match="max_tokens_total=1000: 1,010 is used up"):
            ready(server, others, max_tokens_total=1000).ask(questions(1))


def test_whoever_is_asked_to_stop_does_not_wait_for_a_dead_server() -> None:
    with FaultServer() as server:
        nobody = server.address
    asked_at = time.monotonic()
    around = Surroundings(stopping=lambda: True)
    step = ready(nobody, around, patience=600.0, pause=30.0)
    step.loaded.backend._health.begin = lambda: None
    step.loaded.backend._health._since = time.monotonic() - 60
    with pytest.raises(AskedToStop):
        step.ask(questions(1))
    assert time.monotonic() - asked_at < 10


def test_a_form_can_be_asked_of_the_server_too() -> None:
    schema = {"type": "object", "required": ["n"]}
    with FaultServer(lambda asked, number: Fault(200, said('{"n": 1}'))) as server:
        assert ready(server, guided=True).ask(questions(1, schema=schema))[0].value == {"n": 1}
        assert server.asked[0].body["response_format"]["json_schema"]["schema"] == schema


def test_in_a_pipeline_a_bad_item_costs_itself_alone() -> None:
    with FaultServer(only("look at i3", lambda number: error(400, "broken picture"))) as server:
        step = Describe(checkpoint="tiny", base_url=server.address, prompt="look at {item.id}", pause=0.01)
        pipeline, failed = Pipeline({"describe": step}), list[str]()
        pipeline.setup("cpu")
        rows = [Record(Item(f"i{n}", n, f"{n}.jpg", ""), Image.new("RGB", (4, 4))) for n in range(6)]
        done = pipeline.run(rows, lambda record, name, reason: failed.append(f"{record.item.id}: {reason}"))
        assert len(done) == 5 and failed == ["i3: rejected by the server: HTTP 400: broken picture"]
        assert len(server.asked) == 6 and pipeline.used()["describe"]["requests"] == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "openai", "base_url": None}, "where is the server"),
        ({"base_url": "localhost:8000, http://"}, "no address"),
        ({"base_url": "http://me:pw@127.0.0.1/v1"}, "Keys come from the environment"),
        ({"max_cost": 1.0}, "by which prices"),
        ({"backend": "transformers", "base_url": None, "extra": {"a": 1}}, "no server to send it to"),
        ({"backend": "transformers", "base_url": None, "presence_penalty": 1.0}, "servers do this"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        ready("http://127.0.0.1:9/v1", **options)


def ends_after(number: int, fault: Fault) -> Script:
    """So many are answered, whoever is asked; then nobody is any more."""
    answered, one_by_one = set[str](), threading.Lock()

    def script(asked: Asked, time: int) -> Fault | None:
        with one_by_one:
            if len(answered) < number:
                answered.add(asked.text)
            return None if asked.text in answered else fault

    return script


def test_what_was_answered_ahead_of_the_end_is_kept() -> None:
    """It goes through the steps behind, each asked once; nobody is blamed, rejected or not."""
    rejected = only("of i0", lambda number: error(400, "broken picture"))
    until = ends_after(4, error(401, "the key has run out"))
    with FaultServer(lambda asked, time: rejected(asked, time) or until(asked, time)) as server, FaultServer() as other:
        quick: dict[str, Any] = {"checkpoint": "tiny", "pause": 0.01, "max_num_seqs": 1}
        steps = {
            "first": Describe(prompt="of {item.id}", base_url=server.address, **quick),
            "second": Describe(prompt="{texts.first}", base_url=other.address, **quick),
        }
        for name, step in steps.items():
            step.name = name
        pipeline, ends = Pipeline(steps), list[Exception]()
        pipeline.setup("cpu")
        rows = [Record(Item(f"i{n}", n, f"{n}.jpg", ""), Image.new("RGB", (4, 4))) for n in range(7)]
        done = pipeline.run(rows, lambda *_: pytest.fail("nothing is marked"), ends.append)
        assert [record.item.id for record in done] == ["i1", "i2", "i3", "i4"]
        assert [asked.text for asked in server.asked] == [f"of i{n}" for n in range(6)]
        assert [asked.text for asked in other.asked] == [f"you said of i{n}" for n in range(1, 5)]
        (end,) = map(str, ends)
        assert end.startswith("first: the server refuses: HTTP 401: the key has run out")
        with pytest.raises(FatalError, match="the key has run out"):
            pipeline.run(rows[5:], lambda *_: None, ends.append)
        assert len(server.asked) == 6, "where all has ended, nothing more is asked"


def test_who_has_to_answer_in_a_form_may_be_left_over() -> None:
    schema = {"type": "object", "required": ["n"]}
    answers = {"q0": '{"n": 1}', "q1": "no JSON"}

    def script(asked: Asked, number: int) -> Fault:
        return Fault(200, said(answers[asked.text])) if asked.text in answers else error(403)

    with FaultServer(script) as server:
        step = ready(server, max_num_seqs=1)
        with pytest.raises(FatalError) as caught:
            step.ask(questions(4, schema=schema))
        assert caught.value.left == {"i1", "i2", "i3"}
        assert step.ask(questions(1, schema=schema))[0].value == {"n": 1} and len(server.asked) == 3
