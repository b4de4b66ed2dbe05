"""What asking has cost so far: requests, tokens, money."""

from __future__ import annotations

import threading
from collections import Counter

from labelyard.generate.steps.models.chat.messages import Answer

MILLION = 1_000_000
PICTURE = 1000  # tokens


class Account:
    """Filled by several threads. A request may take several tries; only answers have tokens."""

    def __init__(self, price_in: float | None = None, price_out: float | None = None) -> None:
        self._prices = None if price_in is None and price_out is None else (price_in or 0.0, price_out or 0.0)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tried(self) -> None:
        with self._lock:
            self._counts["tries"] += 1

    def answered(self, answer: Answer) -> None:
        with self._lock:
            self._counts["requests"] += 1
        self.paid(answer.prompt_tokens, answer.answer_tokens)

    def paid(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Also for what was no answer."""
        with self._lock:
            self._counts["prompt_tokens"] += prompt_tokens
            self._counts["answer_tokens"] += answer_tokens

    def told(self) -> dict[str, float]:
        """As `Step.used` says it."""
        with self._lock:
            counts = {name: float(n) for name, n in self._counts.items()}
        if not counts:
            return {}
        order = ("requests", "tries", "prompt_tokens", "answer_tokens")
        told = {name: counts.get(name, 0.0) for name in order}
        if self._prices is not None:
            told["cost"] = round(cost(told["prompt_tokens"], told["answer_tokens"], *self._prices), 9)
        return told


def guessed_tokens(text: str, pictures: int) -> int:
    """Before anything was answered: four letters a token, and what a large picture takes at many models."""
    return len(text) // 4 + PICTURE * pictures


def cost(prompt_tokens: float, answer_tokens: float, price_in: float, price_out: float) -> float:
    """Prices are for a million tokens."""
    return (prompt_tokens * price_in + answer_tokens * price_out) / MILLION
