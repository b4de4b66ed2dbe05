"""One step's weights and lists, from the hub or from where they are published, checked against published checksums."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from labelyard.generate.checkpoint import Parts, PublishedFile
from labelyard.generate.step import Step
from labelyard.generate.steps.tools.licences import CARD
from labelyard.generate.steps.tools.model_cache import sha256
from labelyard.generate.steps.tools.parts import INDEX, files_of_parts, listed
from labelyard.generate.steps.tools.published import hub_file, lists_folder
from labelyard.generate.steps.tools.weights import kind
from labelyard.utils.atomic import temporary_beside
from labelyard.utils.errors import UserError
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

# Beside weights a model needs its settings and its vocabulary; its card tells the licence.
SMALL = ("*.json", "*.txt", "*.model", "*.jinja", CARD)


def download(step: Step) -> None:
    for checkpoint in step.checkpoints():
        named = hub_file(checkpoint.location)
        if named:
            _from_hub(named[0], checkpoint.revision, [named[1], CARD])
        elif kind(checkpoint.location) == "hub" and checkpoint.parts:
            _from_hub(checkpoint.location, checkpoint.revision, checkpoint.parts)
        elif kind(checkpoint.location) == "hub":
            named_files = [*checkpoint.files, CARD] if checkpoint.files else None
            _from_hub(checkpoint.location, checkpoint.revision, named_files)
    for published in step.lists():
        _from_its_place(published)


def _from_hub(repository: str, revision: str | None, files: list[str] | Parts | None) -> None:
    from huggingface_hub import HfApi, snapshot_download

    try:
        info = HfApi().model_info(repository, revision=revision, files_metadata=True)
        if isinstance(files, Parts):
            files = _of_parts(repository, revision, info, files)
        wanted = files if files is not None else [*SMALL, *_weights(info)]
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))
    except Exception as error:  # the network and the hub fail in many ways; the next step is the same
        raise UserError(
            f"{repository}: {one_line(f'{type(error).__name__}: {error}', 240)}. Is the internet reachable from here? "
            "Gated models need HF_TOKEN in the environment. Started again, it goes on where it was"
        ) from None
    _check(repository, info, folder)


def _of_parts(repository: str, revision: str | None, info: ModelInfo, parts: Parts) -> list[str]:
    from huggingface_hub import hf_hub_download

    index = Path(hf_hub_download(repository, INDEX, revision=revision))
    names = [sibling.rfilename for sibling in info.siblings or ()]
    return [INDEX, CARD, *files_of_parts(names, listed(index), parts)]


def _weights(info: ModelInfo) -> list[str]:
    """One form of the weights, safetensors where there is one; of the top folder, from which models are loaded."""
    names = [sibling.rfilename for sibling in info.siblings or () if "/" not in sibling.rfilename]
    for ending in (".safetensors", ".bin"):
        found = [name for name in names if name.endswith(ending) and not name.startswith(("flax", "tf_"))]
        if found:
            return found
    return []


def _check(repository: str, info: ModelInfo, folder: Path) -> None:
    for sibling in info.siblings or ():
        file = folder / sibling.rfilename
        if sibling.lfs is None or not file.exists():
            continue
        found = sha256(file.resolve())  # of the bytes: the file's name in the cache is what is to be proved
        if found != sibling.lfs.sha256:
            file.resolve().unlink()
            raise UserError(
                f"{repository}: {sibling.rfilename} came damaged (sha256 {found[:12]}…, published is "
                f"{sibling.lfs.sha256[:12]}…) and was removed. Run the same command again"
            )


def _from_its_place(published: PublishedFile) -> None:
    target = lists_folder() / published.name
    if target.exists() and sha256(target) == published.sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_beside(target)
    try:
        with urllib.request.urlopen(published.url, timeout=60) as answer:
            part.write_bytes(answer.read())
        found = sha256(part)
        if found != published.sha256:
            raise UserError(
                f"{published.url} gave another file than the published one (sha256 {found[:12]}…, expected "
                f"{published.sha256[:12]}…). Get {published.name} from elsewhere and put it at {target}"
            )
        part.replace(target)
    except (urllib.error.URLError, OSError) as error:
        raise UserError(f"{published.url}: {error}. Is the internet reachable from here?") from None
    finally:
        part.unlink(missing_ok=True)
