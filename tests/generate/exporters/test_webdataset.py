from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.record_json.check import record_problems
from tests.generate.exporters.conftest import alike, export, picture_of, real, same_picture


def test_webdataset_reads_what_the_records_say(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    import webdataset

    done = export(run, "webdataset", tmp_path / "tars", "per_tar=15")
    assert done.returncode == 0 and "42 records" in done.stdout, done.stderr
    tars = sorted(map(str, (tmp_path / "tars").glob("*.tar")))
    assert len(tars) == 3
    samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode("pil"))
    assert len(samples) == len(bodies) == len({sample["__key__"] for sample in samples})
    for sample, body in zip(samples, bodies, strict=True):
        assert sample["json"] == {key: value for key, value in body.items() if key != "image"}
        assert sample["txt"] == body["caption"]
        assert alike(sample["jpg"], picture_of(body))
    again = export(run, "webdataset", tmp_path / "again", "per_tar=15")
    assert again.returncode == 0
    assert all((tmp_path / "again" / Path(tar).name).read_bytes() == Path(tar).read_bytes() for tar in tars)


def rounded(value: Any) -> Any:
    """As `datasets` keeps numbers in a column of JSON: to ten digits behind the point."""
    return json.loads(json.dumps(value), parse_float=lambda text: pytest.approx(float(text), abs=1e-9))


@pytest.mark.parametrize("image", ["jpg", "png"])
def test_hugging_face_s_datasets_reads_them_where_photos_were_of_two_kinds(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str
) -> None:
    import datasets

    assert len({body["file"]["format"] for body in bodies[:5]}) == 2
    assert export(run, "webdataset", tmp_path / "tars", "per_tar=15", f"image={image}").returncode == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tars = sorted(map(str, (tmp_path / "tars").glob("*.tar")))
    named = datasets.load_dataset("webdataset", data_files=tars, cache_dir=str(tmp_path / "cache"))["train"]
    folder = datasets.load_dataset(str(tmp_path / "tars"), cache_dir=str(tmp_path / "cache"))["train"]
    assert isinstance(named.features[image], datasets.Image)
    for row, other, body in zip(named, folder, bodies, strict=True):
        assert row["txt"] == other["txt"] == body["caption"] and row["json"]["id"] == body["id"]
        assert other["json"].keys() == body.keys() - {"image"} and real(other["json"]) == rounded(real(body))
        assert same_picture(row[image], other[image]) and alike(row[image], picture_of(body))
        assert image != "png" or same_picture(row[image], picture_of(body))


def test_datasets_reads_the_folder_where_the_first_samples_lack_what_later_ones_have(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    import tarfile

    import datasets

    assert export(run, "webdataset", tmp_path / "tars").returncode == 0
    empty = {body["id"] for body in bodies if not real(body)}
    assert len(empty) > 5
    (tmp_path / "sorted").mkdir()
    with tarfile.open(tmp_path / "tars" / "00000.tar") as tar, tarfile.open(tmp_path / "sorted/0.tar", "w") as again:
        for member in sorted(tar, key=lambda member: member.name.partition(".")[0].rpartition("-")[2] not in empty):
            again.addfile(member, tar.extractfile(member))
    shutil.copy(tmp_path / "tars" / "README.md", tmp_path / "sorted")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    read = datasets.load_dataset(str(tmp_path / "sorted"), cache_dir=str(tmp_path / "cache"))["train"]
    found = {row["json"]["id"]: row["json"] for row in read}
    assert set(list(found)[: len(empty)]) == empty
    assert all(real(found[body["id"]]) == rounded(real(body)) for body in bodies)


def test_bytes_stay_as_they_are_where_that_is_asked_for(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    import base64
    import tarfile

    assert export(run, "webdataset", tmp_path / "o", "image=original").returncode == 0
    assert export(run, "webdataset", tmp_path / "j").returncode == 0
    kinds = set()
    with tarfile.open(tmp_path / "o" / "00000.tar") as original, tarfile.open(tmp_path / "j" / "00000.tar") as jpeg:
        other = iter([member for member in jpeg if member.name.endswith(".jpg")])
        members = [member for member in original if not member.name.endswith((".json", ".txt"))]
        for member, body in zip(members, bodies, strict=True):
            data = original.extractfile(member).read()  # type: ignore[union-attr]
            assert data == base64.b64decode(body["image"])
            kinds.add(ending := member.name.rpartition(".")[2])
            assert (jpeg.extractfile(next(other)).read() == data) == (ending == "jpg")  # type: ignore[union-attr]
    assert kinds == {"jpg", "png"}
    assert not (tmp_path / "o" / "README.md").exists()
    refused = export(run, "webdataset", tmp_path / "x", "image=gif")
    assert refused.returncode == 1 and "image=gif: give jpg or png or original" in refused.stderr


def test_what_is_below_a_score_is_left_out_and_the_trainer_can_still_read_the_rest(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:

    import webdataset

    assert export(run, "webdataset", tmp_path / "t", "--min-score", "0.6", "--min-instances", "1").returncode == 0
    expected = {
        body["id"]: [entry for entry in real(body) if entry["pred_score"] >= 0.6]
        for body in bodies
        if any(entry["pred_score"] >= 0.6 for entry in real(body))
    }
    assert 5 < len(expected) < 40 and any(len(found) == 1 for found in expected.values())
    read = webdataset.WebDataset(str(tmp_path / "t" / "00000.tar"), shardshuffle=False).decode()
    found = {sample["json"]["id"]: sample for sample in read}
    assert {key: real(sample["json"]) for key, sample in found.items()} == expected
    for sample in found.values():
        record = {**sample["json"], "image": next(b["image"] for b in bodies if b["id"] == sample["json"]["id"])}
        assert record_problems(record) == []
