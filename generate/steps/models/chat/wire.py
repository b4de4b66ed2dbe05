"""A question in the words of OpenAI's interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.pictures import data_url
from labelyard.generate.steps.models.chat.sampling import Sampling


def body(
    request: Request,
    model: str,
    how: Sampling,
    template: str | None = None,
    schema: Mapping[str, Any] | None = None,
    max_tokens: str = "max_tokens",
) -> dict[str, Any]:
    """With a template the model reads exactly that; else the server writes its prompt. What changes nothing is not
    sent, since not every server takes every setting."""
    said: dict[str, Any] = {"model": model}
    if template is not None:
        said["prompt"] = template.replace("{system}", request.system).replace("{prompt}", request.text)
    else:
        said["messages"] = messages(request)
    said[max_tokens] = how.max_tokens
    said |= _but(how.temperature, 1.0, "temperature") | _but(how.top_p, 1.0, "top_p")
    said |= {"seed": request.seed} if how.draws else {}
    said |= {"top_k": how.top_k} if how.top_k > 0 else {}
    said |= _but(how.min_p, 0.0, "min_p") | _but(how.repetition_penalty, 1.0, "repetition_penalty")
    said |= _but(how.presence_penalty, 0.0, "presence_penalty") | _but(how.frequency_penalty, 0.0, "frequency_penalty")
    said |= {"min_tokens": how.min_tokens} if how.min_tokens else {}
    said |= {"stop": list(how.stop)} if how.stop else {}
    if schema is not None:
        form = {"name": "answer", "schema": schema}
        said["response_format"] = {"type": "json_schema", "json_schema": form}
    return said


def messages(request: Request) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    content: Any = request.text
    if request.images:
        files = request.files or (None,) * len(request.images)
        urls = [data_url(image, file) for image, file in zip(request.images, files, strict=True)]
        content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        content.append({"type": "text", "text": request.text})
    return [*said, {"role": "user", "content": content}]


def _but(value: float, neutral: float, name: str) -> dict[str, float]:
    return {} if value == neutral else {name: value}
