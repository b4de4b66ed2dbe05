"""Which override Hydra stumbled over, and what would have been valid in its place."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from labelyard.launch.config.typed_values import parse
from labelyard.utils.errors import nearest


@dataclass(frozen=True)
class Culprit:
    options: Mapping[str, Mapping[str, Path]]  # of every group
    kinds: tuple[str, ...]
    overrides: Sequence[str]
    name: str

    def explain(self, error: Exception) -> str:
        """Hydra's message, or a better one where the culprit can be found."""
        for override in self.overrides:
            found = (
                self._unknown_option(override)
                or self._added_twice(override)
                or self._unknown_key(override)
                or _unreadable(override)
            )
            if found:
                return found
        text = f"{error}\n{error.__cause__ or ''}"
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        wanted = [
            line
            for line in lines
            if not line.startswith(("object_type=", "reference_type=", "full_key:", "Set the env"))
        ]
        return "; ".join(wanted) or type(error).__name__

    def _unknown_option(self, override: str) -> str | None:
        key, value = _split(override)
        options = self.options.get(key)
        if options is None or value in options or value in ("", "null"):
            return None
        likely = nearest(value, options)
        hint = f" Did you mean {key}={likely}?" if likely else ""
        return f"{override}: '{key}' has no option '{value}'. Its options: {', '.join(options)}.{hint}"

    def _added_twice(self, override: str) -> str | None:
        """Every kind of step has a place of its name, to which an option is given without a plus."""
        key, value = _split(override)
        if not override.startswith("+") or "@" in override.partition("=")[0] or key not in self.kinds:
            return None
        return (
            f"{override}: say {key}={value}, without the plus. A second step of the kind gets a name of its own: "
            f"+{key}@NAME={value}, and NAME in pipeline.steps"
        )

    def _unknown_key(self, override: str) -> str | None:
        """Walk the key through the configuration as it is without it, and say where it leaves the known ground."""
        key, _ = _split(override)
        if (
            is_choice(override, self.options)
            or key.startswith("hydra")
            or override.startswith("+")
            or "=" not in override
        ):
            return None
        try:
            node: Any = compose(self.name, [choice for choice in self.overrides if is_choice(choice, self.options)])
        except (HydraException, OmegaConfBaseException):
            return None
        walked: list[str] = []
        for part in key.split("."):
            place = ".".join(walked)
            if not isinstance(node, DictConfig):
                return f"{override}: {place} is {'null' if node is None else 'a value'} and has no keys below it"
            if part not in node.keys():  # noqa: SIM118  (`in` would deny a key whose value is still missing)
                return self._missing_key(override, part, walked, node)
            walked.append(part)
            node = None if OmegaConf.is_missing(node, part) else node[part]
        return None

    def _missing_key(self, override: str, part: str, walked: list[str], node: DictConfig) -> str:
        place = ".".join(walked)
        if not walked and part in self.kinds:
            return f"{override}: no option is chosen for '{part}'. Choose one: {part}={'|'.join(self.options[part])}"
        valid = [str(key) for key in node if key != "_target_"]
        likely = nearest(part, valid)
        hint = f" Did you mean {'.'.join([*walked, likely])}?" if likely else ""
        return (
            f"{override}: there is no key '{part}'{f' in {place}' if place else ''}. "
            f"Valid keys: {', '.join(sorted(valid))}.{hint}"
        )


def is_choice(override: str, options: Container[str]) -> bool:
    """Whether it picks an option of a group."""
    return _split(override)[0] in options


def _unreadable(override: str) -> str | None:
    """A list or dictionary that Hydra's grammar does not read, or two values where one belongs."""
    key, _, value = override.partition("=")
    if not value:
        return None  # Hydra's own words are good there
    parsed = parse(override)
    if parsed is None:
        return (
            f"{override}: the value can't be read. In lists and dictionaries text goes in quotes if there is more to "
            f"it than letters from a to z, digits and _ - . /, as in: '{key.lstrip('+~')}=[\"größe, mm\",name]'"
        )
    if parsed.is_sweep_override():
        return f"{override}: several values, where one belongs. A list is in brackets: '{key}=[{value}]'"
    return None


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.lstrip("+~").partition("@")[0], value
