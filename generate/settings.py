"""Configuration as dataclass fields: what is data, what only changes how the work is done, and what may be given."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Any

from labelyard.utils.errors import UserError
from labelyard.utils.redact import secret_settings

MOST_THREADS = 1024  # of one kind in a process
LONGEST_SIDE = 65_500  # that a JPEG can have


@dataclass(frozen=True)
class Allowed:
    """What a field may be, beyond its type."""

    least: float | None = None
    most: float | None = None
    above: float | None = None  # instead of `least`: that number itself is too small
    words: tuple[str, ...] = ()  # texts: these alone; beside a number, these instead of one

    def holds(self, value: Any) -> bool:
        if value is None:  # whether nothing may be given is said by the type
            return True
        if isinstance(value, Mapping | list):
            return all(map(self.holds, value.values() if isinstance(value, Mapping) else value))
        if isinstance(value, str):
            return (not self.is_bounded and not self.words) or value in self.words
        if isinstance(value, bool) or not isinstance(value, int | float):
            return not self.is_bounded
        return self._is_within(value)

    @property
    def is_bounded(self) -> bool:
        return (self.least, self.most, self.above) != (None, None, None)

    def _is_within(self, value: float) -> bool:
        # Written so that it holds for no NaN; and without a bound above, infinity is still no number to work with.
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (value <= self.most if self.most is not None else value < math.inf)
        )

    def __str__(self) -> str:
        words = " or ".join(self.words)
        if not self.is_bounded:
            return words or "a number"
        of = "of " if self.range.startswith("at") else ""
        return f"a number {of}{self.range}" + (f", or {words}" if words else "")

    @property
    def range(self) -> str:
        if self.above is not None:
            return f"above {self.above:,}" + (f", at most {self.most:,}" if self.most is not None else "")
        if self.most is None:
            return f"at least {self.least:,}"
        return f"from {self.least:,} to {self.most:,}" if self.least is not None else f"at most {self.most:,}"


def setting(default: Any, *, transient: bool = False, **allowed: Any) -> Any:
    """A field with what it may be: setting(4, least=1, most=64), setting("a", words=("a", "b")).

    `transient`: it changes how the work is done but not what comes out; a run may be resumed with another value.
    """
    return field(default=default, metadata={"transient": transient, **(allowing(**allowed) if allowed else {})})


def allowing(**allowed: Any) -> dict[str, Allowed]:
    """The same as metadata, for `field(default_factory=…)`."""
    return {"allowed": Allowed(**allowed)}


def transient(default: Any, **allowed: Any) -> Any:
    """A field that changes how the work is done but not what comes out: a run may be resumed with another value."""
    return setting(default, transient=True, **allowed)


def settings(configured: Any, with_transient: bool = True) -> dict[str, Any]:
    """The configuration of a step, source, … as a plain dictionary."""
    return {
        f.name: getattr(configured, f.name)
        for f in fields(configured)
        if with_transient or not f.metadata.get("transient")
    }


def allowed(kind: type, name: str) -> Allowed | None:
    """What a field may be, by this class or by the nearest of its bases that says so."""
    for base in kind.__mro__:
        found: Field[Any] | None = getattr(base, "__dataclass_fields__", {}).get(name)
        if found is not None and "allowed" in found.metadata:
            said: Allowed = found.metadata["allowed"]
            return said
    return None


def check(kind: type, values: Mapping[str, Any], place: str = "") -> None:
    """A value that its field does not allow is refused here, whichever class it is of; `place` is its section."""
    for f in fields(kind):
        value, name = values.get(f.name), f"{place}.{f.name}" if place else f.name
        if isinstance(f.default_factory, type) and is_dataclass(f.default_factory) and isinstance(value, Mapping):
            check(f.default_factory, value, name)
            continue
        limits = allowed(kind, f.name) or (Allowed() if value != value else None)  # NaN is no setting of anything
        if limits is not None and not limits.holds(value):
            null = ", or null" if "None" in str(f.type) or "Optional" in str(f.type) else ""
            raise UserError(f"{name}={value}: give {limits}{null}")


# The starts of names of our classes in configurations from before everything was imported as labelyard.…
BEFORE = ("generate.steps.", "generate.sources.", "generate.exporters.", "launch.clusters.")


def current(name: str) -> str:
    """What a `_target_` is called today: the run.json of an earlier run keeps the names of its day."""
    return f"labelyard.{name}" if name.startswith(BEFORE) else name


def target(name: str) -> Any:
    """The class that a config's `_target_` names, such as labelyard.generate.steps.tag.ram.RAM."""
    module, _, attribute = current(name).rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        top = module.partition(".")[0]
        lost = isinstance(error, ModuleNotFoundError) and error.name == top
        hint = f". For a folder {top}/ of your own, say where it lies: PYTHONPATH=. before the command" if lost else ""
        raise UserError(f"_target_={name}: {error}. It must be the dotted name of an importable class{hint}") from None


def build(node: Mapping[str, Any], place: str = "") -> Any:
    """The object that a config node describes: its `_target_` called with the other keys. `place` is the node's own
    key, for what is refused: by the fields' bounds or by the class itself."""
    values = {key: value for key, value in node.items() if key != "_target_"}
    found = secret_settings(values)
    if found:
        name = found[0].rpartition(".")[2]
        raise UserError(
            f"{found[0]} holds a key or password. The configuration is written to disk for everyone to read, so keys "
            f"come from the environment alone: export {name.upper()}=… and leave {found[0]} out"
        )
    return made(target(node["_target_"]), values, place)


def made(kind: type, values: Mapping[str, Any], place: str = "") -> Any:
    """The dataclass with these values; what it does not take is an error in one line."""
    if is_dataclass(kind):
        check(kind, values, place)
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise UserError(in_full(str(error), place, kind)) from None


def in_full(text: str, place: str, kind: type) -> str:
    """What a configured class says of its own fields (`side=3: too small; use side=4`), as whoever set them under
    `place` knows them: `detail.side=3: too small; use detail.side=4`. What names no field first is told to be of
    `place`."""
    if not place or text.startswith((f"{place}.", f"{place}:")):
        return text
    names = "|".join(re.escape(f.name) for f in fields(kind)) if is_dataclass(kind) else ""
    if names:
        text = re.sub(rf"(^|\b(?:use|give|as|see|or) )({names})(?=[=:;]|$)", rf"\1{place}.\2", text)
    return text if text.startswith(f"{place}.") else f"{place}: {text}"


def what_makes_the_data(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node without its transient fields. A field younger than the node has its default."""
    described = fields(target(node["_target_"]))
    names = {f.name for f in described if f.metadata.get("transient")}
    values = {**defaults(described), **node, "_target_": current(node["_target_"])}
    return {key: value for key, value in values.items() if key not in names}


def defaults(described: Iterable[Field[Any]]) -> dict[str, Any]:
    """The fields that have one, with it."""
    plain = {f.name: f.default for f in described if f.default is not MISSING}
    return plain | {f.name: f.default_factory() for f in described if f.default_factory is not MISSING}
