"""`text=chat`: what a language model, which does not see, writes about what is known of a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labelyard.generate.phrases import relations_of
from labelyard.generate.record import Item, Record, Text
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.messages import Answer
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.steps.text.prompts_of import prompt_of
from labelyard.generate.steps.text.scene import names_text, scene_text

DENSE, CONTEXT = "dense", "context"
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: {prompt} ASSISTANT:"
)


@dataclass(kw_only=True)
class TextChat(ChatStep):
    """`dense`: a caption of a few sentences, texts.dense, from things by depth and place, captions and relations.
    `context`: what is worth knowing about such things, texts.context, from their names. An answer that is cut off is
    not taken: the item goes on without, and found.NAME_cut_off says so."""

    checkpoint: str = "Qwen/Qwen2.5-7B-Instruct"
    task: str = setting(DENSE, words=(DENSE, CONTEXT))  # what is written
    prompt: str | None = None  # a UTF-8 text with {scene} in it; null: that of `prompts`
    prompts: str | None = None  # a folder with dense.txt and context.txt, or a checkout of GLaMM; null: the package's
    captions: list[str] = field(default_factory=lambda: ["blip2", "llava"])  # texts that a dense caption is told of
    landmark: str | None = "landmark"  # the finding that says what kind of place it is; null: none does
    max_tokens: int = setting(1024, least=1, most=1_000_000)  # of an answer
    # what the model reads, as 'USER: {prompt} ASSISTANT:', or vicuna; null: by the checkpoint's own chat template
    template: str | None = None

    def __post_init__(self) -> None:
        if self.template == "vicuna":
            self.template = VICUNA
        super().__post_init__()

    @property
    def reads(self) -> tuple[str, ...]:
        dense = ("found.relationships", *(f"texts.{name}" for name in self.captions)) if self.task == DENSE else ()
        return ("instances", *dense, *((f"found.{self.landmark}",) if self.landmark else ()))

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"texts.{self.task}", f"found.{self.cut_off}")

    @property
    def cut_off(self) -> str:
        return f"{self.name or self.task}_cut_off"

    def questions(self, item: Item) -> None:
        """How long a scene is told shows only once it is known."""
        return None

    def load(self) -> None:
        self.loaded.prompt = Template(prompt_of(self.task, self.prompt, self.prompts))
        super().load()

    def __call__(self, records: Sequence[Record]) -> None:
        prompt: Template = self.loaded.prompt
        asked = [self.request(one, prompt.filled(one, {"scene": self.scene(one)})) for one in records]
        for record, answer in zip(records, self.ask(asked), strict=True):
            record.found.pop(self.cut_off, None)
            if answer.finish == "length":
                record.found[self.cut_off] = self.max_tokens
            self._note(record, answer if answer.finish != "length" and answer.text.strip() else None)

    def scene(self, record: Record) -> str:
        landmark = record.found.get(self.landmark) if self.landmark else None
        if self.task == CONTEXT:
            return names_text(record.instances, landmark)
        captions = [record.texts[name].text for name in self.captions if name in record.texts]
        return scene_text(record.instances, relations_of(record), captions, landmark)

    def _note(self, record: Record, answer: Answer | None) -> None:
        record.texts.pop(self.task, None)
        if answer is not None:
            record.texts[self.task] = Text(answer.text, "model", facts=self.facts(answer))

    def model(self) -> dict[str, Any]:
        known: Template | None = getattr(self.loaded, "prompt", None)  # asked for every batch: not read each time
        text = known.text if known is not None else prompt_of(self.task, self.prompt, self.prompts)
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        return super().model() | {"name": "Text", "task": self.task, "prompt": digest}
