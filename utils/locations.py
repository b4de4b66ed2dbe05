"""Where something lies, as people write it: a path, ~/…, file://…, or a URL that nothing here reads."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from urllib.parse import unquote

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
WEB = ("http", "https")
FETCHED_BY = {
    "http": "curl -LO {url}",
    "https": "curl -LO {url}",
    "ftp": "curl -LO {url}",
    "s3": "aws s3 cp {whole}{url} .",
    "gs": "gcloud storage cp {whole}{url} .",
    "hf": "hf download {repository}--local-dir .",
}


def local(location: str) -> str:
    """The path that is meant. What lies there under the very name that was given is meant as it stands."""
    if location.startswith("file://"):
        path = location.removeprefix("file://").removeprefix("localhost")
        return path if not path.startswith("/") or os.path.exists(path) else unquote(path)
    if location.startswith("~") and not os.path.lexists(location):
        return os.path.expanduser(location)
    return location


def scheme(location: str) -> str | None:
    """Of a URL: http, s3, …"""
    found = URL.match(location)
    return found[1].lower() if found else None


def is_fetched(location: str) -> bool:
    """Whether a worker may fetch it by itself, where it is let (`load.urls`)."""
    return scheme(location) in WEB


def how_to_fetch(url: str) -> str:
    """The command for it, for whoever has it on no disk yet."""
    pattern = FETCHED_BY.get(scheme(url) or "", "")
    whole = "" if "." in url.rpartition("/")[2] else "--recursive "
    return pattern.format(url=shlex.quote(url), whole=whole, repository=_repository(url))


def how_to_fetch_dataset(repository: str, folder: str, only: Sequence[str] = ()) -> str:
    """The command for a data set of the hub, or for the files in it that fit one of the patterns."""
    patterns = [part for pattern in only for part in ("--include", pattern)]
    return shlex.join(["hf", "download", "--repo-type", "dataset", repository, *patterns, "--local-dir", folder])


def _repository(url: str) -> str:
    """What `hf download` is to be told of hf://datasets/OWNER/NAME/FILE."""
    parts = url.partition("://")[2].split("/")
    kind = {"datasets": "--repo-type dataset ", "spaces": "--repo-type space "}.get(parts[0], "")
    parts = parts[1:] if kind else parts
    names = ["/".join(parts[:2]), "/".join(parts[2:])]
    return "".join(f"{shlex.quote(name)} " for name in names if name) + kind
