"""The configuration reference, made from the dataclasses and yaml files that are the configuration.

    python launch/reference.py > docs/configuration.md

What a setting means is the comment at its field, or at that of the nearest base class that has one; what an option
is, the comment on top of its yaml and the docstring of its class.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import re
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from omegaconf import DictConfig, OmegaConf

from labelyard.generate.settings import allowed, defaults, target
from labelyard.generate.step import Step
from labelyard.generate.steps.tools.licences import KNOWN
from labelyard.launch.config.asked import Asked
from labelyard.launch.config.compose import CONF, FRAME, SECTIONS, Groups
from labelyard.utils.jsons import dump

GROUPS = {
    "source": "Where the items come from: `source=NAME source.path=…`. See [formats.md](formats.md).",
    "pipeline": "Which steps, in which order: `pipeline=NAME`.",
    "cluster": "Where the workers run: `cluster=NAME`. See [clusters.md](clusters.md).",
    "export": "Options of `python launch/export.py RUN NAME DEST option=value …`. See [formats.md](formats.md).",
}
WORDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true, false", "None": "null", "Any": "any"}

INTRODUCTION = """\
# Configuration

Made from the code by `python launch/reference.py > docs/configuration.md`.

Every setting is `key=value` behind `python launch/run.py`, and a choice within a group is `group=option`. Text is taken
as it is typed, whatever is in it (`'source.path=fotos ü (1)/a=b,c.json'`: the quotes are the shell's). Only this has a
meaning in it: `key=null` is nothing; quotation marks around all of the text are left out (`'key="null"'`); `${output}`
and `${oc.env:USER}` stand for that setting and that variable, where there is one, and `\\${` for `${` itself. A list is
`'key=[a,b]'`, and what in it is more than letters from a to z, digits and `_-./` is quoted: `'key=["größe, mm",b]'`.

`--cfg job` prints what a command line comes to, and `--cfg job --package segment` a part of it. Unknown keys, values of
another type and numbers out of their range are refused.

A run goes on only with settings that make the same data. Those with a ° say how the work is done, not what comes out,
and may be changed from one start to the next; so may all of `cluster`.
"""


LICENCES = """\
## Licences of the models

What is known here of the weights that settings name, by the beginning of their place. Of others `dry_run=true` and
`launch/fetch.py` tell what the model card says. Weights that may not be used commercially get a line at every start,
and run.json keeps what was known. It is no legal advice: the models' own pages are what counts.
"""


@dataclass(frozen=True)
class Row:
    """One setting."""

    name: str
    kind: str
    default: str
    meaning: str

    def line(self) -> str:
        return f"| {self.name} | {self.kind} | {self.default} | {self.meaning} |"


def reference() -> str:
    parts = [INTRODUCTION, "## Of the run\n", table(_top_rows())]
    for name, kind in SECTIONS.items():
        parts += [f"## `{name}`\n", _said(kind), table(rows(kind, f"{name}."))]
    groups = Groups.under(CONF).options
    for group in [*FRAME, *(name for name in groups if name not in FRAME)]:
        parts += _group(group, groups[group])
    return "\n".join(part for part in [*parts, LICENCES, _licences()] if part)


def _licences() -> str:
    return "".join(f"- `{start}`: {licence}\n" for start, licence in KNOWN.items())


def rows(kind: type, prefix: str) -> list[Row]:
    """The settings of a dataclass; one that is a dataclass itself stands for its own."""
    found: list[Row] = []
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        name = prefix + field.name
        default = _default(field)
        if dataclasses.is_dataclass(default):
            found += rows(type(default), f"{name}.")
            continue
        mark = "°" if field.metadata.get("transient") else ""
        found.append(Row(f"`{name}`{mark}", _kind(kind, field), _shown(default), _cell(meaning(kind, field.name))))
    return found


def meaning(kind: type, name: str) -> str:
    """The comment at the field, in this class or in the first of its bases that has one."""
    for base in kind.__mro__:
        if dataclasses.is_dataclass(base) and comments(base).get(name):
            return comments(base)[name]
    return ""


@cache
def comments(kind: type) -> dict[str, str]:
    """What stands behind each field of a class, or else on the lines right above it."""
    source = textwrap.dedent(inspect.getsource(kind))
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    said = {token.start[0]: _comment(token.string) for token in tokens if token.type == tokenize.COMMENT}
    alone = {number for number, line in enumerate(source.splitlines(), 1) if line.lstrip().startswith("#")}
    found: dict[str, str] = {}
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    for node in body.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        assert node.end_lineno is not None
        words = [said[line] for line in range(node.lineno, node.end_lineno + 1) if said.get(line)]
        above = node.lineno - 1
        while not words and above in alone:
            above -= 1
        words = words or [said[line] for line in range(above + 1, node.lineno) if line in alone]
        found[node.target.id] = " ".join(words)
    return found


def _comment(text: str) -> str:
    words = text.lstrip("#").strip()
    return "" if words.startswith("noqa") else words


def table(found: list[Row]) -> str:
    if not found:
        return "No more settings.\n"
    head = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *(row.line() for row in found)]) + "\n"


def _top_rows() -> list[Row]:
    """The keys of conf/config.yaml, with the comments behind them."""
    path = CONF / "config.yaml"
    values = OmegaConf.load(path)
    assert isinstance(values, DictConfig)
    types = {field.name: _kind(Asked, field) for field in dataclasses.fields(Asked)}
    found = []
    for line in path.read_text().splitlines():
        match = re.match(r"(\w+): +(\S+) +# (.+)", line)
        if match:
            key, value, words = match.groups()
            found.append(Row(f"`{key}`", types[key], "to be given" if value == "???" else f"`{value}`", _cell(words)))
    assert len(found) == len(values) - 1, "every key of config.yaml but `defaults` has a comment"
    return found


def _group(group: str, options: dict[str, Path]) -> Iterator[str]:
    if group == "pipeline":
        yield f"## `pipeline`\n\n{GROUPS[group]}\n"
        yield from (_pipeline(name, path) for name, path in options.items())
        return
    kinds = {name: target(OmegaConf.load(path)._target_) for name, path in options.items()}
    prefix = "" if group == "export" else f"{group}."
    found = {name: _laid_over(rows(kind, prefix), options[name], prefix) for name, kind in kinds.items()}
    every = rows(_shared(list(kinds.values())), prefix)
    yield f"## `{group}`\n"
    yield GROUPS[group] + "\n" if group in GROUPS else _does(group, list(kinds.values()))
    if every:
        yield f"All of them have these; below stands what is different, or more.\n\n{table(every)}"
    for name, kind in kinds.items():
        yield f"### `{name}`\n" if group == "export" else f"### `{group}={name}`\n"
        yield "\n".join(part for part in (_on_top(options[name]), _said(kind)) if part)
        yield table([row for row in found[name] if row not in every])


def _shared(kinds: list[type]) -> type:
    """The nearest class that all of them come from."""
    return next(base for base in kinds[0].__mro__ if all(issubclass(kind, base) for kind in kinds))


def _laid_over(found: list[Row], path: Path, prefix: str) -> list[Row]:
    """With the values that the option's yaml lays over the dataclass's defaults."""
    node = OmegaConf.load(path)
    assert isinstance(node, DictConfig)
    values = {f"`{prefix}{key!s}`": _shown(value) for key, value in node.items()}
    return [dataclasses.replace(row, default=values.get(row.name.rstrip("°"), row.default)) for row in found]


def _does(group: str, kinds: list[type[Step]]) -> str:
    """What steps of a kind take and give, in the words of the code, under the name of their kind and by default."""
    steps = [_as_by_default(kind, group) for kind in kinds]
    reads = dict.fromkeys(name for step in steps for name in step.reads)
    writes = dict.fromkeys(name for step in steps for name in step.writes)
    listed = [", ".join(f"`{name}`" for name in names) or "what it is told to" for names in (reads, writes)]
    return f"A kind of step. Reads {listed[0]}; writes {listed[1]}.\n"


def _as_by_default(kind: type[Step], name: str) -> Step:
    """Unchecked: some can do nothing without being told what."""
    step = object.__new__(kind)
    vars(step).update(defaults(dataclasses.fields(kind)), name=name)
    return step


def _pipeline(name: str, path: Path) -> str:
    node = OmegaConf.load(path)
    assert isinstance(node, DictConfig)
    chosen = _chosen(path)
    steps = " → ".join(f"`{chosen[step]}`" for step in node.pipeline.steps)
    return f"### `pipeline={name}`\n\n{_on_top(path)}\n{steps or 'no steps'}\n"


def _chosen(path: Path) -> dict[str, str]:
    """The option that a pipeline has for each of its steps, as one would write it; those of pipelines that it goes on
    from, too."""
    node = OmegaConf.load(path)
    assert isinstance(node, DictConfig)
    chosen: dict[str, str] = {}
    for entry in node.get("defaults", []):
        if isinstance(entry, str):
            chosen |= _chosen(path.with_name(f"{entry}.yaml")) if entry != "_self_" else {}
            continue
        for key, option in entry.items():
            kind, _, own = str(key).removeprefix("override ").lstrip("/").partition("@")
            chosen[own or kind] = f"{kind}@{own}={option}" if own else f"{kind}={option}"
    return chosen


def _on_top(path: Path) -> str:
    lines = path.read_text().splitlines()
    words = [line.lstrip("# ") for line in lines[: next(n for n, line in enumerate(lines) if line[:1] != "#")]]
    text = " ".join(words)
    return f"{text if text.endswith('.') else text + '.'}\n"


def _said(kind: type) -> str:
    """The class's own words about itself; a dataclass without any has its signature there."""
    words = kind.__dict__.get("__doc__") or ""
    return "" if words.startswith(f"{kind.__name__}(") or not words else inspect.cleandoc(words) + "\n"


def _kind(kind: type, field: dataclasses.Field[Any]) -> str:
    """The type, with what of it is allowed."""
    text, limits = _type(str(field.type)), allowed(kind, field.name)
    if limits is None:
        return text
    if limits.words:
        text = text.replace(WORDS["str"], " or ".join(limits.words))
    return f"{text}, {limits.range}" if limits.is_bounded else text


def _type(written: str) -> str:
    inner = re.fullmatch(r"(Optional|Union)\[(.+)\]", written)
    parts = inner[2].split(", ") if inner else written.split(" | ")
    return " or ".join(map(_word, [*parts, "None"] if inner and inner[1] == "Optional" else parts))


def _word(part: str) -> str:
    within = re.fullmatch(r"(list|dict)\[(.+)\]", part)
    if within is None:
        return WORDS[part]
    kind, of = within.groups()
    return f"list of {WORDS[of]}" if kind == "list" else f"{WORDS[of.split(', ')[1]]} by name"


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _shown(value: Any) -> str:
    if value is dataclasses.MISSING or value == "???":
        return "to be given"
    return f"`{value}`" if isinstance(value, str) and value else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    return dump(OmegaConf.to_container(value) if OmegaConf.is_config(value) else value).decode().rstrip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(inspect.cleandoc(__doc__))
    else:
        print(reference(), end="")
