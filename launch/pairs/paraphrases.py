"""Templates in other words: the places are hidden behind rare words, which must come back, each as often as before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelyard.generate.exporters.instructcv.templates import PLACE, check
from labelyard.generate.seeds import seed_of
from labelyard.utils.errors import UserError

# No model knows them, so none has a reason to say them otherwise.
HIDDEN = {"%s": "quibbets", "%": "quibbet", "*": "vermorel", "#": "azurine"}
SHOWN = {word: place for place, word in HIDDEN.items()}
WORDS = re.compile(rf"\b({'|'.join(SHOWN)})\b", re.IGNORECASE)
LONGEST = 128  # tokens of a sentence

Reworder = Callable[[Sequence[str], int], list[list[str]]]  # sentences, how many of each


@dataclass
class Reworded:
    lines: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)  # by why


def reworded(lines: Sequence[str], word: str, number: int, reword: Reworder) -> Reworded:
    """Each line with what it may also be called, behind it."""
    found, seen = Reworded(), set[str]()
    for line, others in zip(lines, reword([hidden(line) for line in lines], number), strict=True):
        _add(line, found, seen)
        if not others:
            found.dropped["not answered as asked"] += 1
        for other in others:
            text = shown(other)
            if Counter(PLACE.findall(text)) != Counter(PLACE.findall(line)):
                found.dropped["lost or doubled a place"] += 1
                continue
            try:
                check(text, word, "")
            except UserError:
                found.dropped["no sentence"] += 1
                continue
            if not text or not _add(text, found, seen):
                found.dropped["said already"] += 1
    return found


def _add(line: str, found: Reworded, seen: set[str]) -> bool:
    plain = " ".join(re.findall(r"[\w%*#]+", line.lower()))
    if plain in seen:
        return False
    seen.add(plain)
    found.lines.append(line)
    return True


def hidden(line: str) -> str:
    return PLACE.sub(lambda place: HIDDEN[place[0]], line)


def shown(text: str) -> str:
    """On one line; a list's number or quotation marks before it are left out."""
    text = re.sub(r"^\s*(?:\d+[.)]|[-•])\s+", "", " ".join(text.split())).strip("\"'“”` ")
    # What was there of % * # before is none of ours.
    if PLACE.search(text):
        return ""
    return WORDS.sub(lambda word: SHOWN[word[0].lower()], text)


def by_t5(model: str, device: str, sampled: bool, seed: int) -> Reworder:
    """A model that was made for paraphrasing. Plain beams; in transformers 5 groups of beams are code from a hub."""
    import torch
    import transformers

    ports: Any = transformers
    tokenizer = ports.AutoTokenizer.from_pretrained(model)
    network = ports.AutoModelForSeq2SeqLM.from_pretrained(model).to(device).eval()

    def reword(sentences: Sequence[str], number: int) -> list[list[str]]:
        found: list[list[str]] = []
        for sentence in sentences:
            asked = tokenizer(f"paraphrase: {sentence}", return_tensors="pt", truncation=True, max_length=LONGEST)
            how: dict[str, Any] = {"num_beams": max(2, number), "repetition_penalty": 2.0, "no_repeat_ngram_size": 4}
            if sampled:
                torch.manual_seed(seed_of(sentence, "paraphrase", 0, seed))
                how = {"do_sample": True, "temperature": 0.9, "top_p": 0.95}
            with torch.inference_mode():
                answers = network.generate(
                    **asked.to(device), max_new_tokens=LONGEST, num_return_sequences=number, **how
                )
            found.append(tokenizer.batch_decode(answers, skip_special_tokens=True))
        return found

    return reword


FORM: Mapping[str, Any] = {
    "type": "object",
    "properties": {"sentences": {"type": "array", "items": {"type": "string"}}},
    "required": ["sentences"],
}
QUESTION = """\
Here is a request to a program that edits pictures: {sentence}
Write {number} other ways in which people might ask for exactly the same, short and long, polite and blunt, as orders
and as questions. Keep these words as they are, since they stand for something: {words}.
Answer in JSON: {{"sentences": ["…", "…"]}}"""


def by_chat(settings: Mapping[str, Any], device: str) -> Reworder:
    """Any language model, by the settings of a step that asks one."""
    from labelyard.generate.errors import ItemError
    from labelyard.generate.settings import made
    from labelyard.generate.steps.models.chat.messages import Answer, Request
    from labelyard.generate.steps.models.chat.step import ChatStep

    step: ChatStep = made(ChatStep, {"temperature": 0.8, "max_tokens": 2048, **settings})
    step.name = "paraphrase"
    step.setup(device)

    def reword(sentences: Sequence[str], number: int) -> list[list[str]]:
        asked = [
            Request(
                QUESTION.format(sentence=sentence, number=number, words=", ".join(WORDS.findall(sentence)) or "none"),
                seed=seed_of(sentence, step.name, 0, step.seed),
                item=sentence,
                schema=FORM,
            )
            for sentence in sentences
        ]
        answers = answered(asked)
        return [list(answers[one.item].value["sentences"])[:number] if one.item in answers else [] for one in asked]

    def answered(asked: Sequence[Request]) -> dict[str, Answer]:
        """By their sentences; without those to which none of the tries was an answer. Nothing is asked twice."""
        left = list(asked)
        while left:
            try:
                return dict(zip([one.item for one in left], step.ask(left), strict=True))
            except ItemError as error:
                left, before = [one for one in left if one.item != error.item_id], len(left)
                if len(left) == before:
                    raise
        return {}

    return reword
