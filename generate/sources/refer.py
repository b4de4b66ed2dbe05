"""RefCOCO, RefCOCO+, RefCOCOg, RefCLEF: pickled expressions about objects, with instances.json beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.settings import setting
from labelyard.generate.source import Source
from labelyard.generate.sources.common.coco_lists import Aside, instance, is_id, list_of, size_of
from labelyard.utils.errors import UserError
from labelyard.utils.plain_pickle import NotPlain, load_plain

KEYS = ("ref_id", "ann_id", "image_id", "split", "sentences")


@dataclass(kw_only=True)
class Refer(Source):
    """`path`: the folder of one of them, such as …/refcoco; `root`: its pictures, such as …/train2014.

    One item a picture, with the objects that expressions are about (`extra.expressions`), or one an expression, which
    is its caption, with what it is about.
    """

    image_key: str = "file_name"
    caption_key: str | None = None
    by: str = "unc"  # whose split: unc, umd or google
    split: str | None = "train"  # null: all
    # one item for each picture, or for each expression
    per: str = setting("image", words=("image", "expression"))

    def gives(self) -> dict[str, tuple[str, ...]]:
        phrases = ["texts.caption"] if self.per == "expression" else []
        return {"refer": ("instances", "instances.mask", *phrases)}

    def files(self) -> list[Path]:
        folder = Path(self.path)
        if not folder.is_dir():
            raise UserError(f"source.path={self.path}: give the folder with refs({self.by}).p and instances.json")
        wanted = [folder / f"refs({self.by}).p", folder / "instances.json"]
        if not wanted[0].exists():
            there = ", ".join(sorted(path.name for path in folder.glob("refs(*).p"))) or "none"
            raise UserError(f"source.by={self.by}: {wanted[0]} is not there; of its kind there are: {there}")
        return [self.readable(path) for path in wanted]

    @cached_property
    def _refs(self) -> list[Mapping[str, Any]]:
        path = self.files()[0]
        try:
            refs = load_plain(path.read_bytes())
        except NotPlain as error:
            raise UserError(f"{path} can't be read: {error}") from None
        if not isinstance(refs, list):
            raise UserError(f"{path} holds no list of expressions")
        splits = sorted({str(ref.get("split")) for ref in refs if isinstance(ref, Mapping)})
        if self.split is not None and self.split not in splits:
            raise UserError(f"source.split={self.split}: {path} has the splits {', '.join(splits)}")
        return refs

    def entries(self) -> Iterator[Row]:
        refs_path, instances = self.files()
        about: dict[Any, Objects] = {}
        for number, ref in enumerate(self._refs):
            where = f"{refs_path}: entry {number}"
            if not isinstance(ref, Mapping) or not all(key in ref for key in KEYS):
                yield Refusal(where, f"is no expression with {', '.join(KEYS)}")
            elif not is_id(ref["image_id"]) or not is_id(ref["ann_id"]):
                yield Refusal(where, "its image_id or ann_id is neither a number nor text")
            elif self.split in (None, ref["split"]):
                about.setdefault(ref["image_id"], Objects()).add(ref)
        labels = {entry.get("id"): entry.get("name") for entry in list_of(instances, "categories")}
        with Aside(instances) as found:
            for number, image in enumerate(list_of(instances, "images")):
                objects = about.pop(image.get("id"), None) if isinstance(image, dict) else None
                if objects is not None:
                    where = f"{instances}: image {number}"
                    yield from self._rows(image, objects, found.of(image["id"]), labels, where)
        for image_id in about:
            yield Refusal(str(refs_path), f"speaks of image {image_id}, which is not among those of instances.json")

    def _rows(
        self,
        image: Mapping[str, Any],
        objects: Objects,
        annotations: Sequence[Mapping[str, Any]],
        labels: Mapping[Any, Any],
        where: str,
    ) -> Iterator[Row]:
        name = image.get(self.image_key)
        there = {entry.get("id"): entry for entry in annotations}
        if not isinstance(name, str) or not name:
            yield Refusal(where, f"has no '{self.image_key}'")
            return
        try:
            known = {ann_id: _known(there[ann_id], labels, refs) for ann_id, refs in objects.refs.items()}
        except KeyError as error:
            yield Refusal(where, f"an expression is about annotation {error}, which it has not got")
            return
        except (TypeError, ValueError) as error:
            yield Refusal(where, f"an annotation of it can't be used: {type(error).__name__}: {error}")
            return
        given = self.kept({"coco_id": image["id"]})
        if self.per == "image":
            yield Entry(name, "", given, known={"instances": list(known.values()), **size_of(image)})
            return
        for expression, ann_ids in objects.by_expression().items():
            meant = [known[ann_id] for ann_id in ann_ids]
            phrases = [[0, len(expression), list(range(len(meant)))]]
            yield Entry(name, expression, given, known={"instances": meant, "phrases": phrases, **size_of(image)})


@dataclass
class Objects:
    """Of one picture: what is said about which annotation."""

    refs: dict[Any, list[Mapping[str, Any]]] = field(default_factory=dict)

    def add(self, ref: Mapping[str, Any]) -> None:
        self.refs.setdefault(ref["ann_id"], []).append(ref)

    def by_expression(self) -> dict[str, list[Any]]:
        """Two that are called the same are one expression about both."""
        found: dict[str, list[Any]] = {}
        for ann_id, refs in self.refs.items():
            for text in _expressions(refs):
                if ann_id not in (about := found.setdefault(text, [])):
                    about.append(ann_id)
        return found


def _expressions(refs: Sequence[Mapping[str, Any]]) -> list[str]:
    texts = [sentence["sent"] for ref in refs for sentence in ref["sentences"]]
    return [text for text in dict.fromkeys(texts) if text]


def _known(entry: Mapping[str, Any], labels: Mapping[Any, Any], refs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    extra = {"expressions": _expressions(refs), "ref_id": refs[0]["ref_id"], "ann_id": entry["id"]}
    return {**instance(entry, labels), "extra": extra}
