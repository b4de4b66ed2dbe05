"""Single published files: named by path, folder, or a file of a hub repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tag.tagger import RAM_TAGS
from labelyard.generate.steps.tools.published import cached_hub_file, find_checkpoint, find_list, hub_file

FILE = "owner/some_model/weights_v1.pth"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache as its own library lays it out, with one repository in it."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = folder / "models--owner--some_model"
    (repository / "blobs").mkdir(parents=True)
    (repository / "blobs" / "abc").write_bytes(b"weights")
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    os.symlink("../../blobs/abc", snapshot / "weights_v1.pth")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "refs" / "v2").write_text(COMMIT)
    return snapshot


@pytest.mark.parametrize("revision", [None, "main", "v2", COMMIT, "no such"])
@pytest.mark.parametrize("name", ["weights_v1.pth", "other.pth"])
def test_what_is_cached_is_what_the_hubs_own_library_finds(cache: Path, name: str, revision: str | None) -> None:
    from huggingface_hub import try_to_load_from_cache

    theirs = try_to_load_from_cache("owner/some_model", name, cache_dir=cache.parents[2], revision=revision)
    ours = cached_hub_file("owner/some_model", name, revision)
    assert (str(ours) if ours else None) == theirs
    assert cached_hub_file("owner/another", name, revision) is None


def test_a_file_of_a_hub_repository_is_found_in_its_cache(cache: Path) -> None:
    assert find_checkpoint(FILE) == cache / "weights_v1.pth"
    assert find_checkpoint(FILE, "v2").read_bytes() == b"weights"
    assert cached_hub_file("owner/some_model", "other.pth") is None
    with pytest.raises(FatalError, match=r"other\.pth: neither in the hub's cache here.*launch/fetch\.py"):
        find_checkpoint("owner/some_model/other.pth")
    with pytest.raises(FatalError, match=r"neither in the hub's cache"):
        find_checkpoint(FILE, "v3")


def test_what_is_on_this_machine_is_no_hub_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub_file(FILE) == ("owner/some_model", "weights_v1.pth")
    assert hub_file("owner/some_model") is None
    assert hub_file("./owner/some_model/weights_v1.pth") is None
    assert hub_file("weights_v1.pth") is None
    here = tmp_path / FILE
    here.parent.mkdir(parents=True)
    here.write_bytes(b"mine")
    assert hub_file(FILE) is None
    assert find_checkpoint(FILE) == Path(FILE)
    assert find_checkpoint("owner/some_model").name == "weights_v1.pth"
    (here.parent / "second.safetensors").write_bytes(b"")
    with pytest.raises(FatalError, match=r"2 weights files \(second\.safetensors, weights_v1\.pth\); name the file"):
        find_checkpoint("owner/some_model")


def test_a_list_that_is_given_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"^tag_list=absent\.txt: there is no such file"):
        find_list(RAM_TAGS, "absent.txt", tmp_path / "ram.pth", "tag_list")


def test_a_list_is_looked_for_in_the_ram_package_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    data = tmp_path / "site" / "ram" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise ImportError('an old transformers is needed')")
    (data / RAM_TAGS.name).write_text("cat")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert find_list(RAM_TAGS, None, tmp_path / "ram.pth", "tag_list") == data / RAM_TAGS.name
