"""Providers by name: where they are, and which environment variable holds the key for them."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.utils.redact import SECRET_VARIABLE


@dataclass(frozen=True)
class Provider:
    address: str
    variable: str


PROVIDERS = {
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "claude": Provider("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "huggingface": Provider("https://router.huggingface.co/v1", "HF_TOKEN"),
}


def provider_of(checkpoint: str) -> str | None:
    """`openai:gpt-5` is one of OpenAI's."""
    name, colon, model = checkpoint.partition(":")
    return name if colon and model and name in PROVIDERS else None


def check_variable(name: str) -> None:
    """What its value is, is kept out of logs and files by the end of its name."""
    if not SECRET_VARIABLE.search(name):
        raise ValueError(
            f"key_variable={name}: its name has to end in KEY, TOKEN or SECRET, so that what it holds is known for a "
            f"key and kept out of logs; export {name.upper()}_KEY=… and use key_variable={name.upper()}_KEY"
        )
