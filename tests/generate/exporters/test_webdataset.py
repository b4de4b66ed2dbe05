from __future__ import annotations

from pathlib import Path
from typing import Any

from generate.schema import record_problems
from tests.generate.exporters.conftest import export, picture_of, real, same_picture


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
        assert same_picture(sample.get("jpg") or sample.get("png"), picture_of(body))
    again = export(run, "webdataset", tmp_path / "again", "per_tar=15")
    assert again.returncode == 0
    assert all((tmp_path / "again" / Path(tar).name).read_bytes() == Path(tar).read_bytes() for tar in tars)


def test_what_is_below_a_score_is_left_out_and_the_trainer_can_still_read_the_rest(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    import base64

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
        image = base64.b64encode(sample.get("png") or b"")
        record = {**sample["json"], "image": next(b["image"] for b in bodies if b["id"] == sample["json"]["id"])}
        assert record_problems(record) == [] and image is not None
