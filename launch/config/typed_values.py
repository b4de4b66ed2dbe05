"""Text as it is typed. Hydra's grammar of overrides has a use for ( ) [ ] { } = , : and blanks, and reads no letter but
a to z; a file may be called anything. So the value of a text setting is quoted for Hydra, unless it has a meaning:

    null                            nothing
    "…" or '…' around all of it     the text in between, as Hydra's documentation teaches it
    ${output}, ${oc.env:USER}       what that stands for, if there is such a key or resolver
    a,b with --multirun             one run after another

Settings that are lists, dictionaries and numbers stay in Hydra's grammar, but for a new key of those that take any by
name: it needs no plus.
"""

from __future__ import annotations

import re
from typing import Any, get_origin

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, StringNode

# Read by Hydra as what it is, whichever type the setting has; the usual case needs no further look.
HARMLESS = re.compile(r"(?!(?:true|false|null|inf|nan)$)(?!\.?[0-9])[A-Za-z0-9_/.:-]+", re.ASCII | re.IGNORECASE)
INTERPOLATION = re.compile(r"(\\*)\$\{")


def needs_a_look(override: str) -> bool:
    """Whether it depends on the setting's type what Hydra should be told."""
    key, equals, value = override.partition("=")
    return bool(equals and value) and not key.startswith("~") and not HARMLESS.fullmatch(value)


def as_typed(override: str, config: DictConfig, sweeps: bool = False) -> str:
    """The override as Hydra has to be told it; `config` is what it is laid over."""
    key, _, value = override.partition("=")
    node = find(config, key.lstrip("+"))
    if not needs_a_look(override) or not isinstance(node, StringNode) or value == "null":
        return override
    parsed = parse(override)
    if parsed is not None and (isinstance(parsed._value, QuotedString) or (sweeps and parsed.is_sweep_override())):
        return override
    return f"{key}={QuotedString(_literal(value, config), Quote.single).with_quotes()}"


def may_add(override: str) -> bool:
    """Whether its key may be new to a setting that takes any by name: at the least STEP.SETTING.KEY."""
    key, equals, _ = override.partition("=")
    return bool(equals) and key.count(".") >= 2 and key[0] not in "+~"


def added_by_name(override: str, config: DictConfig) -> str:
    """With Hydra's plus signs, where a setting of any by name has not that key yet."""
    key = override.partition("=")[0]
    parts = key.split(".")
    within = (find(config, ".".join(parts[:end])) for end in range(2, len(parts)))
    if may_add(override) and any(map(_any_by_name, within)) and find(config, key) is None:
        return f"++{override}"
    return override


def _any_by_name(node: Any) -> bool:
    return isinstance(node, DictConfig) and get_origin(node._metadata.ref_type) is dict


def literal(text: str) -> str:
    """The text as the value of an override, whatever is in it: nothing in it stands for anything."""
    escaped = INTERPOLATION.sub(lambda found: f"{found[1] * 2}\\${{", text)
    return str(QuotedString(escaped, Quote.single).with_quotes())


def parse(override: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def find(config: DictConfig, key: str) -> Any:
    """The node at a dotted key; None where there is none."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
            return None
        node = node._get_node(part, validate_access=False)
    return node


def _literal(text: str, config: DictConfig) -> str:
    """With ${ escaped where OmegaConf would look for something that is not there."""

    def escaped(found: re.Match[str]) -> str:
        rest = text[found.end() :]
        return found[0] if _stands_for_something(rest, config) else f"{found[1] * 2}\\${{"

    return INTERPOLATION.sub(escaped, text)


def _stands_for_something(rest: str, config: DictConfig) -> bool:
    """What follows `${`: a resolver with its arguments, or a key."""
    resolver = re.match(r"\s*([A-Za-z_][\w.]*):[^}]*\}", rest)
    if resolver:
        return OmegaConf.has_resolver(resolver[1])
    key = re.match(r"\s*([A-Za-z_][\w.-]*)\s*\}", rest)
    return key is not None and find(config, key[1]) is not None
