"""Pictures by a server: what it is asked, and what becomes of everything that it may answer."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.draw.api import ApiDrawing
from labelyard.launch import run
from tests.support.fault_server import Asked, Fault, FaultServer, Script, error


def png(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


def coded(asked: Asked, time: int) -> Fault:
    return Fault(200, {"data": [{"b64_json": base64.b64encode(png()).decode()}]}, good=True)


def step(server: FaultServer, **settings: Any) -> ApiDrawing:
    usual: dict[str, Any] = {
        "checkpoint": "painter",
        "base_url": server.address,
        "pause": 0.01,
        "patience": 20,
        "format": "png",
    }
    made = ApiDrawing(**{**usual, **settings})
    made.name = "draw"
    made.setup("cpu")
    return made


def said(*texts: str) -> list[Record]:
    return [Record(Item(f"item{n}", n, "", text), caption=text) for n, text in enumerate(texts)]


def colour(record: Record) -> Any:
    return record.images["draw"].image.getpixel((0, 0))


def test_it_is_asked_in_openais_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with FaultServer(coded) as server:
        ready = step(server, width=64, height=48, extra={"quality": "low"}, price=0.02)
        records = said("a cat", "a cup")
        ready(records)
        assert {json.dumps(dict(asked.body), sort_keys=True) for asked in server.asked} == {
            json.dumps(
                {
                    "model": "painter",
                    "prompt": prompt,
                    "n": 1,
                    "size": "64x48",
                    "response_format": "b64_json",
                    "quality": "low",
                },
                sort_keys=True,
            )
            for prompt in ("a cat", "a cup")
        }
        assert {asked.path for asked in server.asked} == {"/v1/images/generations"}
        assert [colour(record) for record in records] == [(255, 0, 0)] * 2
        assert records[0].images["draw"].meta["prompt"] == "a cat" and ready.used()["cost"] == 0.04
        assert all("Authorization" not in asked.headers for asked in server.asked)  # no key was named for it
        named = step(server, checkpoint="openai:gpt-image-1")
        named(said("a dog"))
        last = server.asked[-1]
        assert last.body["model"] == "gpt-image-1" and "response_format" not in last.body
        assert last.headers["Authorization"] == "Bearer sk-secret"
        assert "secret" not in json.dumps([named.model(), named.told()])


def test_it_is_asked_in_hugging_faces_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with FaultServer(lambda asked, time: Fault(200, png("blue"), good=True)) as server:
        ready = step(server, checkpoint="huggingface:owner/painter", width=64)
        (record,) = said("a cat")
        ready([record])
        (asked,) = server.asked
        assert asked.path == "/v1/models/owner/painter" and asked.body["inputs"] == "a cat"
        assert asked.body["parameters"]["width"] == 64 and isinstance(asked.body["parameters"]["seed"], int)
        assert colour(record) == (0, 0, 255)


def after(first: Fault) -> Script:
    """Well, from the second time on."""
    return lambda asked, time: first if time == 1 else coded(asked, time)


@pytest.mark.parametrize(
    "first",
    [
        error(500, "oh"),
        error(429, "busy", {"Retry-After": "0"}),
        Fault(cut=True),
        Fault(200, {"data": []}),
        Fault(200, b"<html>"),
    ],
    ids=["500", "429", "cut", "nothing", "html"],
)
def test_what_passes_is_tried_again(first: Fault) -> None:
    with FaultServer(after(first)) as server:
        (record,) = said("a cat")
        step(server)([record])
        assert colour(record) == (255, 0, 0) and len(server.asked) == 2


def test_a_refused_prompt_is_its_items_error_and_nothing_is_paid_for_twice() -> None:
    def strict(asked: Asked, time: int) -> Fault:
        if asked.body["prompt"] == "blood":
            return error(400, "Your request was rejected by the safety system.", code="moderation_blocked")
        return coded(asked, time)

    with FaultServer(strict) as server:
        ready = step(server)
        records = said("a cat", "blood", "a cup")
        with pytest.raises(ItemError, match=r"refused: Your request was rejected") as trouble:
            ready(records)
        assert trouble.value.item_id == "item1"
        ready([records[0], records[2]])
        assert sorted(asked.body["prompt"] for asked in server.asked) == ["a cat", "a cup", "blood"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (error(401, "bad key"), "the server refuses: HTTP 401: bad key"),
        (error(404, "no such model"), "no such model or path"),
        (error(429, "pay", code="insufficient_quota"), "the account's quota is used up"),
        (error(400, "Unknown parameter: 'response_format'.", param="response_format"), "does not take response_format"),
        (Fault(200, {"data": [{"url": "http://elsewhere/a.png"}]}), "answers with addresses instead of pictures"),
    ],
    ids=["401", "404", "quota", "parameter", "address"],
)
def test_what_concerns_all_items_ends_the_worker(fault: Fault, told: str) -> None:
    with FaultServer(lambda asked, time: fault) as server, pytest.raises(FatalError, match=told):
        step(server)(said("a cat"))


def test_a_picture_that_was_paid_for_ahead_of_the_end_is_kept() -> None:
    def short(asked: Asked, time: int) -> Fault:
        return error(429, "pay", code="insufficient_quota") if asked.body["prompt"] == "a cup" else coded(asked, time)

    with FaultServer(short) as server:
        ready = step(server, max_num_seqs=1)
        records = said("a cat", "a cup", "a dog")
        with pytest.raises(FatalError, match="quota") as end:
            ready(records)
        assert end.value.left == {"item1", "item2"}
        ready(records[:1])
        assert colour(records[0]) == (255, 0, 0) and [asked.body["prompt"] for asked in server.asked] == [
            "a cat",
            "a cup",
        ]


def test_a_damaged_picture_is_its_items_error() -> None:
    bad = {"data": [{"b64_json": base64.b64encode(b"no picture").decode()}]}
    with (
        FaultServer(lambda asked, time: Fault(200, bad)) as server,
        pytest.raises(ItemError, match="the server's picture can't be read"),
    ):
        step(server)(said("a cat"))


def test_a_run_stops_at_its_cost() -> None:
    with FaultServer(coded) as server:
        ready = step(server, price=0.5, max_cost=1.2)
        ready(said("a cat", "a cup"))
        with pytest.raises(FatalError, match=r"max_cost=1\.2: 1 is used up, and the next 1 pictures would go beyond"):
            ready(said("a dog"))
        assert len(server.asked) == 2


def test_where_the_server_is_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ValueError, match=r"checkpoint=other:flux: where is the server\? give openai:NAME, huggingface:NAME, bfl"
    ):
        ApiDrawing(checkpoint="other:flux")
    with pytest.raises(ValueError, match="by which price"):
        ApiDrawing(max_cost=1)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(FatalError, match="OPENAI_API_KEY is not set"):
        ApiDrawing().setup("cpu")


def test_a_run_keeps_the_key_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAINTER_KEY", "very-secret-indeed")
    (tmp_path / "list.jsonl").write_text('{"text": "a cat"}\n{"text": "a cup"}\n')
    with FaultServer(coded) as server:
        asked = [f"source.path={tmp_path / 'list.jsonl'}", "source.caption_key=text", "pipeline.steps=[draw]"]
        asked += ["draw=api", "draw.checkpoint=painter", f"draw.base_url={server.address}", "cluster=debug"]
        out = tmp_path / "out"
        assert run.main([*asked, "draw.key_variable=PAINTER_KEY", "draw.price=0.01", f"output={out}"]) == 0
        assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer very-secret-indeed"}
    assert len(list(out.glob("images/draw/*/*.jpg"))) == 2
    assert not [path for path in out.rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()]
