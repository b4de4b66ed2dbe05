"""Where a prompt is from: a file of the user's, a folder of them, a checkout of GLaMM, or the package."""

from __future__ import annotations

from pathlib import Path

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.models.chat.prompts import Template

OWN = Path(__file__).with_name("prompts")
SCENE = "scene"


def prompt_of(task: str, file: str | None, folder: str | None) -> str:
    """A text with {scene}."""
    if file is not None:
        return _checked(_read(Path(file).expanduser(), f"prompt={file}"), f"prompt={file}")
    if folder is None:
        return _checked(_read(OWN / f"{task}.txt", "prompt"), "prompt")
    place = Path(folder).expanduser()
    if (place / "GranD").is_dir():
        from labelyard.generate.steps.text.glamm import prompt_in

        return prompt_in(place, task)
    return _checked(_read(place / f"{task}.txt", f"prompts={folder}"), f"prompts={folder}")


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(
            f"{setting}: {path}: can't be read ({error}); give a UTF-8 text with {{scene}} in it"
        ) from None


def _checked(text: str, setting: str) -> str:
    try:
        places = Template(text).places()
    except ValueError as error:
        raise FatalError(f"{setting}: {str(error)[:300]}") from None
    if SCENE not in places:
        raise FatalError(f"{setting}: there is no {{scene}} in it, where what is known of the picture goes")
    return text
