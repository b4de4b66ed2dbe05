"""Keys do not reach files, logs and messages."""

from __future__ import annotations

import pytest

from labelyard.generate.settings import build
from labelyard.utils.errors import UserError
from labelyard.utils.redact import redacted, secret_settings

# Put together here, so that no scanner of repositories takes them for real ones.
HUB, CLOUD = "hf_" + "a1B2" * 9, "sk-" + "x9Y8" * 9


@pytest.mark.parametrize(
    "text",
    [
        f"401 for {HUB}",
        f"Authorization failed with {CLOUD} at step caption",
        f"GET https://host.example/v1?api_key={'q' * 12}&x=1",
        f"api_key='{'q' * 12}'",
        f"OPENAI_API_KEY={'q' * 12}",
        f'{{"token": "{"q" * 12}"}}',
        f"password: {'q' * 12}",
        f"token=Bearer {'q' * 12}",
    ],
)
def test_what_looks_like_a_key_is_hidden(text: str) -> None:
    clean = redacted(text)
    assert "***" in clean
    for secret in (HUB, CLOUD, "q" * 12):
        assert secret not in clean


def test_the_value_of_a_secret_variable_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVER_TOKEN", "correct horse battery")
    assert redacted("refused: correct horse battery, sorry") == "refused: ***, sorry"


@pytest.mark.parametrize(
    "text",
    [
        "no such file: /data/tokens/key_0001.jpg",
        "RuntimeError: expected 77 tokens: got 80",
        "the worker vanished 3 times while it worked on this item, at last on it alone",
        "max_new_tokens=40",
    ],
)
def test_ordinary_reasons_stay(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT_KEY", "data")
    assert redacted(text) == text


def test_which_settings_hold_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", "hunter2hunter2")
    node = {
        "api_key": "anything",
        "hf_token": "anything",
        "nested": {"client_secret": "anything", "lines": ["module load x", f"export A={HUB}"]},
        "url": "http://me:hunter2hunter2@proxy.example",
        "image_key": "image",
        "caption_key": "caption",
        "max_tokens": 40,
        "token": None,
        "threshold": 0.3,
    }
    assert set(secret_settings(node)) == {"api_key", "hf_token", "nested.client_secret", "nested.lines", "url"}


def test_a_setting_with_a_key_is_refused_without_showing_it() -> None:
    with pytest.raises(UserError) as refused:
        build({"_target_": "tests.fakes.FakeTags", "api_key": CLOUD})
    assert "environment" in str(refused.value) and CLOUD not in str(refused.value)
