"""Tags to prompts for a detector that reads text, and back: no tag is lost, and every label is one of the tags.

A prompt is put together from the tokens of each tag, so that it is known which tokens belong to which tag. Tags that do
not fit into one prompt go on in the next; what the detector answers is read off those tokens, never off decoded text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """The token ids around the tags: those that begin a prompt, stand between two tags, and end it."""

    begin: tuple[int, ...]
    between: tuple[int, ...]
    end: tuple[int, ...]


@dataclass(frozen=True)
class Prompt:
    ids: tuple[int, ...]
    tags: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]  # of each tag, from its first token to behind its last


def build_prompts(tags: Sequence[str], tokens: Sequence[Sequence[int]], frame: Frame, limit: int) -> list[Prompt]:
    """As few prompts as hold all tags, in their order. `tokens` are those of each tag, without special ones.

    Of tags that read the same (twice the same, or in another case) the first is asked. A tag without tokens (white
    space) has nothing to ask. One that alone is too long for a prompt is asked by what fits.
    """
    room = limit - len(frame.begin) - len(frame.end)
    seen: set[tuple[int, ...]] = set()
    prompts: list[Prompt] = []
    chosen: list[tuple[str, tuple[int, ...]]] = []
    used = 0
    for tag, all_ids in zip(tags, tokens, strict=True):
        ids = tuple(all_ids[:room])
        if not ids or ids in seen:
            continue
        seen.add(ids)
        if chosen and used + len(frame.between) + len(ids) > room:
            prompts.append(_prompt(chosen, frame))
            chosen, used = [], 0
        used += len(ids) + (len(frame.between) if chosen else 0)
        chosen.append((tag, ids))
    if chosen:
        prompts.append(_prompt(chosen, frame))
    return prompts


def _prompt(chosen: Sequence[tuple[str, tuple[int, ...]]], frame: Frame) -> Prompt:
    ids = list(frame.begin)
    spans = []
    for position, (_, tokens) in enumerate(chosen):
        if position:
            ids.extend(frame.between)
        spans.append((len(ids), len(ids) + len(tokens)))
        ids.extend(tokens)
    ids.extend(frame.end)
    return Prompt(tuple(ids), tuple(tag for tag, _ in chosen), tuple(spans))


def winning_tag(scores: NDArray[np.floating], prompt: Prompt, threshold: float) -> str | None:
    """The tag that a query answers to, by its score for each token of the prompt; None if it answers to no tag's.

    Only tokens above the threshold count, as in the phrases of the original. A tag weighs what they sum up to, over all
    its tokens: 'dog' must not win as a part of 'hot dog', nor 'hot dog' by its 'dog' alone. The earlier tag wins a tie.
    """
    import numpy as np

    counted = np.where(scores > threshold, scores, 0.0)
    weights = [float(counted[start:end].sum()) / (end - start) for start, end in prompt.spans]
    best = max(range(len(weights)), key=weights.__getitem__)
    return prompt.tags[best] if weights[best] > 0 else None
