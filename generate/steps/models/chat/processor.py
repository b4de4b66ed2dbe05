"""A chat model's processor, for pictures.

Models that watch films as well want a processor of films beside that of pictures. Every one of those wants torchvision,
whose build must match torch's to the letter; here nobody shows a film, so the model's own processor works without it,
and with the pictures' processor on Pillow, whether or not torchvision is there: the two round differently.
"""

from __future__ import annotations

from typing import Any, cast

from labelyard.generate.steps.tools.weights import load_processor, on_pillow

FILMS = "video_processor"
PICTURES = "image_processor"
WORDS = "tokenizer"


def load_chat_processor(location: str, revision: str | None = None) -> Any:
    from transformers import AutoConfig, AutoImageProcessor, AutoProcessor, AutoTokenizer

    config: Any = load_processor(AutoConfig, location, revision)
    kind = _processor_class(config.model_type)
    parts = _parts(kind)
    if FILMS not in parts or set(parts) != {FILMS, PICTURES, WORDS}:
        return load_processor(cast(Any, AutoProcessor), location, revision)
    loaded = {
        PICTURES: load_processor(cast(Any, AutoImageProcessor), location, revision, **on_pillow()),
        WORDS: load_processor(cast(Any, AutoTokenizer), location, revision),
        FILMS: None,
    }

    class Assembled:
        """What transformers' own `from_pretrained` does, but for the loading of the parts."""

        @classmethod
        def from_pretrained(cls, source: str, revision: str | None) -> Any:
            settings, others = kind.get_processor_dict(source, revision=revision)
            return _without_films(kind).from_args_and_dict([loaded[name] for name in parts], settings, **others)

    Assembled.__name__ = kind.__name__
    processor: Any = load_processor(Assembled, location, revision)
    if processor.chat_template is None:
        processor.chat_template = processor.tokenizer.chat_template
    return processor


def _processor_class(model_type: str) -> Any:
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    return getattr(transformers, str(PROCESSOR_MAPPING_NAMES.get(model_type)), None)


def _parts(kind: Any) -> list[str]:
    """In the order of its arguments: transformers 5 reads them off its constructor, 4 has a list of them."""
    found = kind.get_attributes() if hasattr(kind, "get_attributes") else getattr(kind, "attributes", ())
    return list(found)


def _without_films(kind: Any) -> Any:
    def check(self: Any, name: str, argument: Any) -> Any:
        return type(None) if argument is None else kind.check_argument_for_proper_class(self, name, argument)

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check})
