"""Graph200K's layout, by what the trainer does with it; its own code is in tests/consumers."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.exporters.graph200k.coverage import Coverage, types_of
from labelyard.generate.exporters.graph200k.entries import Scale, scaled_fill, scaled_meta
from labelyard.generate.exporters.graph200k.export import Graph200k
from labelyard.generate.exporters.graph200k.layout import FOLDERS, files_in
from labelyard.generate.exporters.graph200k.pictures import Coding, Pictures, Shape, is_constant
from labelyard.generate.exporters.graph200k.tasks import DEGRADED, TEST, TRAINING
from labelyard.generate.media.depth_view import near_white
from labelyard.generate.rows import Entry
from labelyard.generate.sources.graph200k import Graph200k as Source
from labelyard.utils import rle
from labelyard.utils.graph200k import IMAGES, SCORES
from labelyard.utils.images import UnreadableImage
from tests import graph200k
from tests.conftest import FAKES, call, command, environment
from tests.generate.exporters.conftest import export


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extracted")
    graph200k.saved(folder / "Graph200K")
    settings = ["source=graph200k", f"source.path={folder / 'Graph200K'}", "source.split=test", "pipeline=none"]
    done = call("run", *settings, f"output={folder / 'run'}", "cluster=debug")
    assert done.returncode == 0, done.stderr
    assert not list((folder / "run").glob("images/*")), "nothing is copied"
    return folder / "run"


def rows_of(listed: Path) -> list[dict[str, Any]]:
    text = listed.read_text()
    found: list[dict[str, Any]] = (
        json.loads(text) if listed.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    )
    return found


def test_what_the_dataset_holds_comes_out_to_the_byte(extracted: Path, tmp_path: Path) -> None:
    done = export(extracted, "graph200k", tmp_path / "out", "names=index")
    assert done.returncode == 0 and "9 records" in done.stdout, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {*FOLDERS, ".parts"}
    for n, row in enumerate(rows_of(tmp_path / "out" / "data.json")):
        given = graph200k.row(n)
        assert row["description"] == given["description"] and row["collection"] == given["collection"]
        assert row["quality_assessment"] == given["quality_assessment"]
        condition = row["condition"]
        assert ("reference" in condition, "openpose" in condition) == (n % 5 != 1, n % 3 != 1)
        assert ("FillEdit" in condition) == (n != 3), "one of its five is not there"
        assert condition["qwen_2_5_meta"] == given["qwen_2_5_meta"]
        for key, paths in files_in(condition).items():
            for at, path in enumerate(paths):
                number, _, column = Path(path).stem.partition("_")
                assert (int(number), Path(path).parent.parent) == (n, (tmp_path / "out").resolve())
                assert Path(path).read_bytes() == given[column]["bytes"], (key, at)
        if n != 3:
            assert condition["FillEdit"]["name"][2] == "jug 2"
            assert condition["FillEdit"]["image_path"][4].endswith(f"FillEdit/{n}_FillEdit_image_4.jpg")
        assert condition["ReduxStyle"]["style_path"][1].endswith(f"ReduxStyle/{n}_ReduxStyle_ref_1.jpg")
    covered = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert covered["images"]["openpose"] == 6 and covered["images"]["FillEdit"] == 8
    assert covered["images"]["reference"] == 6, "seven pictures, one of them without a score"
    assert "1 rows have a score and no reference" in done.stdout
    source = Source(path=str(tmp_path / "out"))
    again = list(source.entries())
    assert len(again) == 9 and {"images.ref", "found.description"} < set(source.gives()["given"])


def test_lists_are_written_anew_without_the_images(extracted: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    assert export(extracted, "graph200k", first).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in first.glob("*/*") if path.suffix == ".jpg"}
    assert len(before) > 200
    shutil.move(first, tmp_path / "moved")
    options = ["list=jsonl", "paths=relative", "split=val=0.4", "assessment=with_reference", "min_consistency=4"]
    done = export(extracted, "graph200k", tmp_path / "moved", *options)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "moved" / "data.json").exists(), "the earlier list"
    whole = [row for name in ("data", "val") for row in rows_of(tmp_path / "moved" / f"{name}.jsonl")]
    assert len(whole) == 9 and len(rows_of(tmp_path / "moved" / "val.jsonl")) not in (0, 9)
    for row in whole:
        for paths in files_in(row["condition"]).values():
            assert all((tmp_path / "moved" / path).is_file() and not Path(path).is_absolute() for path in paths)
        scores = row["quality_assessment"]
        assert scores is None or ("reference" in row["condition"] and scores["objectConsistency"] >= 4)
    after = {first / path.relative_to(tmp_path / "moved"): path.stat().st_mtime_ns for path in (
        tmp_path / "moved").glob("*/*") if path.suffix == ".jpg"}  # fmt: skip
    assert after == before
    back = export(extracted, "graph200k", tmp_path / "moved")
    assert back.returncode == 0 and not list((tmp_path / "moved").glob("*.jsonl"))[1:]
    assert Path(rows_of(tmp_path / "moved" / "data.json")[0]["condition"]["target"]).is_file()
    assumed = export(extracted, "graph200k", tmp_path / "moved", "assessment=assume")
    scored = [row["quality_assessment"] for row in rows_of(tmp_path / "moved" / "data.json")]
    assert assumed.returncode == 0 and scored[4] == dict.fromkeys(SCORES, 5) and scored[1] is None is scored[6]
    other = export(extracted, "graph200k", tmp_path / "moved", "format=jpg")
    assert other.returncode == 1 and "holds another export" in other.stderr


def test_a_killed_export_goes_on_and_makes_the_same(
    extracted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Graph200k, "size", 4)
    whole, parts = Graph200k.write, list[int]()

    def killed(self: Graph200k, dest: Path, number: int, *rest: Any) -> None:
        whole(self, dest, number, *rest)
        parts.append(number)
        if len(parts) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Graph200k, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        export(extracted, "graph200k", tmp_path / "one")
    assert not (tmp_path / "one" / "data.json").exists()
    assert export(extracted, "graph200k", tmp_path / "one", "paths=relative").returncode == 0
    assert parts == [0, 1, 1, 2], "what was written stays"
    assert export(extracted, "graph200k", tmp_path / "two", "paths=relative").returncode == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_table_in_the_datasets_own_form_comes_back_as_it_was(extracted: Path, tmp_path: Path) -> None:
    import datasets

    done = export(extracted, "parquet", tmp_path / "table", "columns=graph200k", "per_file=5")
    assert done.returncode == 0 and "9 records" in done.stdout, done.stderr
    files = sorted(map(str, (tmp_path / "table").glob("*.parquet")))
    read = datasets.Dataset.from_parquet(files, cache_dir=str(tmp_path / "cache"))
    of_images = {name for name, feature in read.features.items() if isinstance(feature, datasets.Image)}
    assert of_images == {"target", *IMAGES}
    again = [row for row in Source(path=str(tmp_path / "table")).entries() if isinstance(row, Entry)]
    rows = read.cast_column("target", datasets.Image(decode=False))
    for n, (row, entry) in enumerate(zip(rows, again, strict=True)):
        given = graph200k.row(n)
        assert row["target"]["bytes"] == given["target"]["bytes"] and row["collection"] == given["collection"]
        assert [name for name in IMAGES if row[name] is None] == [name for name in IMAGES if given[name] is None]
        assert row["FillEdit_meta"]["description"] == given["FillEdit_meta"]["description"]
        for name in ("qwen_2_5_meta", "description", "quality_assessment"):
            assert entry.given[name] == given[name]
    refused = export(extracted, "parquet", tmp_path / "none", "columns=graph200k", "per=instance")
    assert refused.returncode == 1 and "a row per image" in refused.stderr


def tree(top: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name != "export.jsonl"}


@pytest.mark.slow
def test_a_run_on_a_run_knows_the_same_and_copies_nothing(extracted: Path, tmp_path: Path) -> None:
    run = ["source=records", f"source.path={extracted}", "pipeline=none", "cluster=debug", f"output={tmp_path / 'run'}"]
    assert call("run", *run).returncode == 0
    assert not list((tmp_path / "run").glob("images/*"))
    for name, folder in (("one", extracted), ("two", tmp_path / "run")):
        assert export(folder, "graph200k", tmp_path / name, "names=index", "paths=relative").returncode == 0
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert one == two and one["hed/0_hed.jpg"] == graph200k.row(0)["hed"]["bytes"]


@pytest.mark.slow
def test_halves_of_a_pair_come_out_pixel_for_pixel(tmp_path: Path) -> None:
    import datasets

    pixels = np.random.default_rng(0).integers(0, 255, (56, 104, 3)).astype(np.uint8)
    said = {"item": "a cup", "description_0": "left", "description_1": "right"}
    row = {"image": Image.fromarray(pixels), "description": said, "quality_assessment": {"objectConsistency": 5}}
    datasets.Dataset.from_list([row]).to_parquet(tmp_path / "pairs.parquet")
    settings = ["source=subjects200k", f"source.path={tmp_path / 'pairs.parquet'}", "source.target=both"]
    assert call("run", *settings, "pipeline=none", "cluster=debug", f"output={tmp_path / 'run'}").returncode == 0
    assert export(tmp_path / "run", "graph200k", tmp_path / "out", "names=index").returncode == 0
    left, right = pixels[8:48, 8:48], pixels[8:48, 56:96]
    for number, (target, reference) in enumerate([(left, right), (right, left)]):
        one = rows_of(tmp_path / "out" / "data.json")[number]
        assert one["description"]["description_0"] == ("left", "right")[number]
        for name, expected in (("target", target), ("reference", reference)):
            assert (np.asarray(Image.open(one["condition"][name]).convert("RGB")) == expected).all()


@pytest.mark.slow
def test_two_workers_killed_in_their_midst_make_what_one_makes(tmp_path: Path) -> None:
    """And the export, killed too, goes on behind its last part."""
    graph200k.saved(tmp_path / "Graph200K", rows=600)
    settings = ["--config-dir", FAKES, "trouble=fake", "pipeline=none", "pipeline.steps=[trouble]", "shard_size=20"]
    settings += ["source=graph200k", f"source.path={tmp_path / 'Graph200K'}", "source.split=test", "work.batch=2"]
    assert call("run", *settings, f"output={tmp_path / 'one'}", "cluster=debug").returncode == 0
    gate, run = tmp_path / "gate", tmp_path / "two"
    two = [*settings, f"output={run}", "cluster.num_jobs=2", f"trouble.until={gate}", "trouble.after=130"]
    killed(command("run", *two), lambda: len(list(run.glob("done/*"))) >= 5)
    assert len(list(run.glob("done/*"))) < 30
    gate.touch()
    again = call("run", *two)
    assert again.returncode == 0 and "600 of 600 items are done" in again.stdout, again.stderr
    arguments = [run, "graph200k", tmp_path / "second", "paths=relative"]
    notes = tmp_path / "second" / "export.jsonl"
    with held(sorted(run.glob("records/*/*.json"))[-1]):
        killed(command("export", *arguments), lambda: notes.exists() and notes.read_bytes().count(b"\n") >= 2)
    assert not (tmp_path / "second" / "data.json").exists()
    assert "of 3 parts were there" in call("export", *arguments).stdout
    assert export(tmp_path / "one", "graph200k", tmp_path / "first", "paths=relative").returncode == 0
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Whoever reads it waits."""
    kept = file.rename(file.with_suffix(".kept"))
    os.mkfifo(file)
    yield
    kept.replace(file)


def killed(command: Sequence[str], when: Callable[[], bool]) -> None:
    """The program, and all that it has started, as a power cut would."""
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as begun:
        while not when() and begun.poll() is None:
            os.sched_yield()
        assert begun.poll() is None, "it has not come as far as that"
        for process in [begun.pid, *started_by(begun.pid)]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def started_by(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *started_by(child))]


def encoded(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


KEEP = Pictures(Shape(), Coding())
DEEP = Image.fromarray((np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
@pytest.mark.parametrize("coding", ["keep", "jpg", "png"])
def test_every_mode_becomes_one_that_readers_take_as_it_is_meant(mode: str, coding: str) -> None:
    image = DEEP if mode == "I;16" else Image.effect_noise((8, 8), 80).convert(mode)
    data = encoded(image, "TIFF" if mode == "CMYK" else "PNG")
    for column in ("target", "canny", "depth", "foreground"):
        found, kind = Pictures(Shape(), Coding(coding)).of(column, data, {}, (8, 8))
        picture = opened(found)
        assert picture.mode in ("1", "L", "P", "RGB") and picture.size == (8, 8)
        assert kind == {"keep": kind, "jpg": "jpg", "png": "png"}[coding]
        if coding == "keep" and mode in ("1", "L", "P", "RGB"):
            assert found == data
        if mode == "I;16":
            grey = np.asarray(picture.convert("L")).astype(int)
            assert grey.min() < 12 and grey.max() > 230 and len(np.unique(grey)) > 40, "and not white above 255"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_is_cut_off_is_not_handed_on(kind: str) -> None:
    data = encoded(Image.effect_noise((40, 40), 80).convert("RGB"), kind)
    assert KEEP.of("target", data, {}, (40, 40))[0] == data
    with pytest.raises(UnreadableImage):
        KEEP.of("target", data[: len(data) * 2 // 3], {}, (40, 40))
    if kind == "JPEG":
        assert KEEP.of("target", data + b"more", {}, (40, 40))[0] == data + b"more", "which readers pass over"


def test_transparency_is_white_but_of_a_foreground_the_matte() -> None:
    cut_out = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    cut_out.paste((0, 0, 200, 255), (0, 0, 4, 8))
    data = encoded(cut_out)
    matte, _ = KEEP.of("foreground", data, {}, (8, 8))
    assert opened(matte).mode == "L" and list(opened(matte).crop((3, 0, 5, 1)).tobytes()) == [255, 0]
    photo = opened(KEEP.of("target", data, {}, (8, 8))[0]).convert("RGB")
    assert photo.getpixel((7, 7)) == (255, 255, 255)
    assert is_constant(encoded(Image.new("L", (20, 20), 90))) and not is_constant(matte)


def test_conditions_get_the_size_of_their_target_each_in_its_way() -> None:
    wide = Image.new("RGB", (40, 20))
    wide.paste((255, 255, 255), (0, 0, 20, 20))
    data = encoded(wide)
    flat = opened(KEEP.of("uniformer", data, {}, (60, 30))[0])
    assert flat.size == (60, 30) and len(flat.getcolors() or ()) == 2, "colours are numbers"
    soft = opened(KEEP.of("hed", data, {}, (60, 30))[0])
    assert soft.size == (60, 30) and len(soft.getcolors() or ()) > 2
    for column in ("ref", "InstantStyle_ref_1"):
        assert KEEP.of(column, data, {}, (60, 30))[0] == data, "a picture of something else"
    square = Pictures(Shape(side=10, square=True), Coding())
    for column in ("target", "canny", "ref"):
        found, kind = square.of(column, data, {}, (40, 20))
        assert opened(found).size == (10, 10) and kind == ("png" if column == "canny" else "jpg")
    middle = opened(square.of("canny", data, {}, (40, 20))[0])
    assert [middle.convert("L").getpixel((x, 5)) for x in (0, 9)] == [255, 0]


def test_depth_is_near_white_by_what_is_known_of_its_numbers() -> None:
    inverse = np.asarray(near_white(DEEP, {"near_is_large": True}))
    assert inverse[0, 0] == 0 and inverse[-1, -1] == 255
    metres = np.asarray(near_white(DEEP, {"near_is_large": False, "scale": 1e-4, "offset": 1.0}))
    assert metres[0, 0] == 255 and metres[-1, -1] == 0 and metres[4, 0] < 128, "inverse, not turned over"
    assert np.asarray(near_white(Image.new("L", (4, 4), 9), {})).max() == 0


def test_boxes_and_masks_of_ours_are_in_pixels_of_the_exported_target() -> None:
    mask = np.zeros((20, 40), bool)
    mask[:10, 10:30] = True
    meta = [
        {"label": "cup", "bbox_2d": [10, 0, 30, 10], "color": [1, 2, 3], "score": 1.0, "mask": rle.encode(mask)},
        {"label": "edge", "bbox_2d": [0, 0, 8, 20], "color": [4, 5, 6], "score": 1.0, "mask": None},
    ]
    (one,) = scaled_meta(meta, Scale.of((40, 20), (80, 40), Shape(square=True)))
    assert one["bbox_2d"] == [0, 0, 40, 20] and one["label"] == "cup", "of the other nothing is left"
    assert rle.decode(one["mask"]).sum() == 40 * 20
    assert scaled_fill({"box": [4, 4, 8, 8], "name": []}, Scale.of((40, 20), (20, 10), Shape()))["box"] == [2, 2, 4, 4]
    assert scaled_meta("as the dataset has it", Scale.of((1, 1), (1, 1), Shape())) == "as the dataset has it"


def element(*images: str, score: int | None = 5) -> dict[str, Any]:
    scores = None if score is None else {"objectConsistency": score}
    return {"quality_assessment": scores, "condition": {"target": "t", **dict.fromkeys(images, "p")}}


def test_the_lists_of_images_are_the_trainers() -> None:
    assert [len(group.lists) for group in TRAINING] == [11, 10, 18, 1, 1, 3, 9, 2, 2, 8, 32, 32]
    assert sum(len(group.lists) for group in TEST) == 37 and len(set(DEGRADED)) == 32


def test_too_few_rows_are_a_warning_and_none_is_a_note() -> None:
    few = Coverage()
    for n in range(6):
        few.add(types_of(element("reference", "canny", *(["openpose"] if n < 3 else [])), 3))
    assert few.is_safe(("canny", "target")) and not few.is_safe(("openpose", "target"))
    (warning,) = few.warnings()
    assert "openpose: 3 of 6 rows" in warning and "6 lists of training and 4 of test" in warning
    (note,) = few.notes()
    assert note.startswith("no row has hed, mlsd, depth") and "lists of training" in note
    lists = [images for group in few.safe(TRAINING) for images in group["image_list"]]
    assert ["reference", "canny", "target"] in lists and not any("openpose" in images for images in lists)


def test_references_count_with_their_score_and_scores_without_reference_are_traps() -> None:
    assert "reference" in types_of(element("reference", score=3), 3)
    assert "reference" not in types_of(element("reference", score=3), 4)
    assert "reference" not in types_of(element("reference", score=None), 3)
    good = Coverage()
    for score in (5, 5, 5, 5):
        good.add(types_of(element("reference", "canny", score=score), 3))
    assert good.is_safe(("reference", "canny", "target")) and good.is_safe(("target", "reference"))
    good.add(types_of(element("hed", score=2), 3))
    assert good.is_safe(("target", "reference")), "which the trainer does not take"
    good.add(types_of(element("hed", score=4), 3))
    assert not good.is_safe(("target", "reference")) and good.is_safe(("reference", "canny", "target"))
    assert any("assessment=with_reference" in warning for warning in good.warnings())


def test_of_targets_with_an_odd_side_the_trainer_can_make_no_mosaic() -> None:
    coverage = Coverage()
    whole = {
        "condition": dict.fromkeys(("target", "reference"), "a path"),
        "quality_assessment": dict.fromkeys(SCORES, 5),
    }
    for _ in range(4):
        coverage.add(types_of(whole, 3))
    assert coverage.is_safe(("mosaic", "target")) and not any("mosaic" in text for text in coverage.warnings())
    coverage.add(types_of({**whole, "condition": {"target": "a path"}, "quality_assessment": None}, 3, odd=True))
    assert not coverage.is_safe(("mosaic", "target")) and coverage.is_safe(("blur", "target"))
    assert coverage.is_safe(("reference", "mosaic", "target")), "the odd one has no reference"
    (told,) = coverage.warnings()
    assert "1 targets have a side of an odd number" in told and "side=512 fit=square" in told


@pytest.mark.parametrize(
    ("shape", "size", "final"),
    [
        (Shape(), (97, 96), (97, 96)),
        (Shape(48), (97, 96), (48, 48)),
        (Shape(48), (99, 48), (99, 48)),
        (Shape(512, square=True), (451, 300), (512, 512)),
        (Shape(square=True), (451, 301), (301, 301)),
    ],
)
def test_the_size_that_a_picture_ends_with(shape: Shape, size: tuple[int, int], final: tuple[int, int]) -> None:
    data = encoded(Image.new("RGB", size))
    assert shape.of(size) == final == opened(Pictures(shape, Coding()).of("target", data, {}, size)[0]).size


def test_bad_options_are_one_line(extracted: Path, tmp_path: Path) -> None:
    for options, told in (
        (["format=bmp"], "format=bmp: give keep or jpg or png"),
        (["split=coverage=0.1"], "'coverage' is the name of another file"),
        ([f"consumer={tmp_path}"], "no checkout of VisualCloze"),
    ):
        done = export(extracted, "graph200k", tmp_path / "none", *options)
        assert done.returncode == 1 and told in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "none").exists()
    assert len(IMAGES) == 30
