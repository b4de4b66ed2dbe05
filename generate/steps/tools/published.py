"""Single files that were published for a model: checkpoints in the authors' own format, lists of names."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from labelyard.generate.checkpoint import PublishedFile
from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tools.weights import FILE_ENDINGS, how_to_fetch, missing_package
from labelyard.utils.text import one_line

HUB_FILE = re.compile(r"([\w.-]+/[\w.-]+)/([\w./-]+)")


def hub_file(location: str) -> tuple[str, str] | None:
    """'owner/name/file.pth' as repository and file, unless it is a path on this machine."""
    if Path(location).expanduser().exists() or location.startswith((".", "/", "~")):
        return None
    match = HUB_FILE.fullmatch(location)
    return (match[1], match[2]) if match and location.endswith(FILE_ENDINGS) else None


def find_checkpoint(location: str, revision: str | None = None) -> Path:
    """The file on this machine: itself, alone in a folder, or a hub's 'owner/name/file'."""
    path = Path(location).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith(FILE_ENDINGS))
        if len(files) != 1:
            seen = ", ".join(file.name for file in files) or "none"
            raise FatalError(f"{location}: a folder with {len(files)} weights files ({seen}); name the file")
        return files[0]
    named = hub_file(location)
    if path.exists() or named is None:
        return path  # whoever reads it says what is wrong with it
    return _from_hub(*named, revision)


def cached_repository(repository: str, revision: str | None = None) -> Path | None:
    """The folder of a repository's files in the hub's cache, without asking the hub.

    By the cache's published layout: what the hub's library has for it costs a tenth of a second to import, which every
    start of a run would pay.
    """
    from huggingface_hub import constants

    home = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    named = home / "refs" / (revision or constants.DEFAULT_REVISION)
    commit = named.read_text("utf-8").strip() if named.is_file() else revision
    folder = home / "snapshots" / commit if commit else None
    return folder if folder is not None and folder.is_dir() else None


def cached_hub_file(repository: str, name: str, revision: str | None = None) -> Path | None:
    """Where the file lies in the hub's cache, without asking the hub."""
    folder = cached_repository(repository, revision)
    return folder / name if folder is not None and (folder / name).is_file() else None


def _from_hub(repository: str, name: str, revision: str | None) -> Path:
    cached = cached_hub_file(repository, name, revision)
    if cached is not None:
        return cached
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except Exception as error:  # whatever the network or the hub raises: the user's next step is the same
        reason = one_line(f"{type(error).__name__}: {error}", 160)
        if package := missing_package(error):
            raise FatalError(f"{repository}/{name}: the hub's library needs {package} ({reason})") from error
        raise FatalError(
            f"{repository}/{name}: neither in the hub's cache here nor to be had now; {how_to_fetch()} ({reason})"
        ) from error


def lists_folder() -> Path:
    """Where `launch/fetch.py` puts lists that are in no hub repository: beside the hub's own cache."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "labelyard" / "lists"


def find_list(published: PublishedFile, given: str | None, checkpoint: Path, option: str) -> Path:
    """The list given, or the published one: beside the checkpoint, fetched, or in the package `ram`."""
    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file():
            raise FatalError(f"{option}={given}: there is no such file; check the path, or {how_to_fetch()}")
        return path
    places = [checkpoint.parent, lists_folder()]
    package = importlib.util.find_spec("ram")  # found, not imported: its import needs an old transformers
    if package is not None:
        places += [Path(place) / "data" for place in package.submodule_search_locations or ()]
    for place in places:
        if (place / published.name).is_file():
            return place / published.name
    looked = ", ".join(str(place) for place in places)
    raise FatalError(
        f"{published.name}: not found (looked in {looked}); {how_to_fetch()}; "
        f"or download {published.url} and give it as {option}"
    )
