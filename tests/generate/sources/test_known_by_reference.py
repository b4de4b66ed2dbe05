"""What a list knows besides stays where it lies: side images in tables and tars, annotations, parts of a picture."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.media.parts import box_of
from labelyard.generate.record import Instance, Item, Record
from labelyard.generate.record_json.given import read_known
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.source import Source
from labelyard.generate.sources.hf import Hf
from labelyard.generate.sources.parquet import Parquet
from labelyard.generate.sources.webdataset import Webdataset
from labelyard.launch.planning.plan import plan
from labelyard.utils.errors import UserError
from labelyard.utils.images import UnreadableImage
from tests.conftest import call, fake_run, listed

COLUMNS = [f"FillEdit_image_{n}" for n in range(30)]
SIDE = 24


def png(n: int, side: int = SIDE) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 40 + n % 100).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def rows_of(number: int) -> list[dict[str, Any]]:
    """Thirty image columns; of the third every second is null, the fourth is null everywhere."""
    made = [png(n) for n in range(7)]
    rows = []
    for n in range(number):
        row: dict[str, Any] = {"target": {"bytes": made[n % 7], "path": None}, "caption": f"number {n}"}
        for at, name in enumerate(COLUMNS):
            absent = (at == 2 and n % 2) or at == 3
            row[name] = None if absent else {"bytes": made[(n + at) % 7], "path": f"{at}.png"}
        rows.append(row)
    return rows


def table_of(rows: list[dict[str, Any]]) -> Any:
    import pyarrow

    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    schema = pyarrow.schema([("target", image), ("caption", pyarrow.string()), *((name, image) for name in COLUMNS)])
    return pyarrow.Table.from_pylist(rows, schema=schema)


def items_of(source: Source, run: Path) -> list[Item]:
    folder = RunFolder(run)
    folder.make()
    plan(folder, source, None, None, lambda rows: None)
    return [item for number in range(folder.read_plan().shards) for item in folder.items(number)]


def check_images(items: list[Item], rows: list[dict[str, Any]], root: str) -> None:
    for item, row in zip(items, rows, strict=True):
        record = load(item, root, Load())
        assert list(record.images) == [name for name in COLUMNS if row[name] is not None]
        for name, image in record.images.items():
            assert image.place is not None and image.encoded() == row[name]["bytes"]
            assert image.image.size == (SIDE, SIDE)


def bytes_per_line(run: Path) -> float:
    lines = [line for shard in run.glob("shards/*.jsonl") for line in shard.read_bytes().splitlines()]
    return sum(map(len, lines)) / len(lines)


def test_thirty_image_columns_of_a_table_are_side_images_read_where_they_lie(tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = rows_of(50)
    pyarrow.parquet.write_table(table_of(rows), tmp_path / "t.parquet", row_group_size=20)
    source = Parquet(path=str(tmp_path / "t.parquet"), image_key="target", images=COLUMNS)
    items = items_of(source, tmp_path / "run")
    check_images(items, rows, source.image_root())
    assert bytes_per_line(tmp_path / "run") < 1500
    assert source.gives() == {"given": tuple(f"images.{name}" for name in COLUMNS)}


def test_likewise_in_an_arrow_file(tmp_path: Path) -> None:
    import pyarrow

    rows, folder = rows_of(20), tmp_path / "set"
    folder.mkdir()
    table = table_of(rows)
    with pyarrow.OSFile(str(folder / "data.arrow"), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as out:
        out.write_table(table, max_chunksize=8)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    source = Hf(path=str(folder), image_key="target", images=COLUMNS)
    items = items_of(source, tmp_path / "run")
    check_images(items, rows, source.image_root())
    assert bytes_per_line(tmp_path / "run") < 1500


def test_columns_of_bytes_that_nobody_named_are_refused_with_the_way_to(tmp_path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(table_of(rows_of(2)), tmp_path / "t.parquet")
    for images, told in (
        (None, r"source\.images=\["),
        (["canny"], "which is no column"),
        (["caption"], "no column of side"),
    ):
        with pytest.raises(UserError, match=told):
            list(Parquet(path=str(tmp_path / "t.parquet"), image_key="target", images=images).entries())


def test_nothing_is_copied_into_the_run_and_a_run_on_it_knows_them_too(tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = rows_of(6)
    pyarrow.parquet.write_table(table_of(rows), tmp_path / "t.parquet")
    settings = ["source=parquet", "source.image_key=target", f"source.images=[{','.join(COLUMNS)}]"]
    done = call("run", *fake_run(tmp_path / "t.parquet", tmp_path / "run", *settings, "pipeline.steps=[tag]"))
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "run").glob("images/*"))
    again = call("run", *fake_run(tmp_path / "run", tmp_path / "second", "pipeline.steps=[]", "source=records"))
    assert again.returncode == 0, again.stderr
    assert not list((tmp_path / "second").glob("images/*"))
    for path, row in zip(listed(tmp_path / "second"), rows, strict=True):
        images = json.loads(Path(path).read_bytes())["images"]
        assert list(images) == [name for name in COLUMNS if row[name] is not None]
        number = int(row["caption"].split()[1])
        assert images[COLUMNS[0]] == {"file": "t.parquet", "row": number, "column": f"{COLUMNS[0]}.bytes"}
    assert call("validate", tmp_path / "second").returncode == 0


def take(record: Record, known: dict[str, Any]) -> None:
    """As a plug-in has it."""
    found = json.loads(read_known(record, known))
    record.instances = [Instance(tuple(a["box"]), 1.0, a["label"]) for a in found["annotations"]]


take.gives = ("instances",)  # type: ignore[attr-defined]


def tar_of(path: Path, number: int) -> list[dict[str, Any]]:
    """As SA-1B has it: an image, and 5 kB of annotations beside it. A mask, too."""
    annotations = []
    with tarfile.open(path, "w") as tar:
        for n in range(number):
            entries = [{"box": [k, 1, k + 3, 9], "label": f"{n}-{k}", "area": "0" * 40} for k in range(50)]
            annotation = {"image": {"image_id": n}, "annotations": entries}
            annotations.append(annotation)
            members = {"jpg": png(n), "json": json.dumps(annotation).encode(), "seg.png": png(n + 1)}
            for ending, data in members.items():
                member = tarfile.TarInfo(f"sa_{n:06d}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return annotations


def test_annotations_in_tars_are_read_by_the_worker(tmp_path: Path) -> None:
    annotations = tar_of(tmp_path / "sa_000000.tar", 12)
    settings: dict[str, Any] = {"json_by": f"{__name__}.take", "caption_key": None}
    source = Webdataset(path=str(tmp_path / "sa_000000.tar"), image_ending="jpg", **settings)
    items = items_of(source, tmp_path / "run")
    assert bytes_per_line(tmp_path / "run") < 300
    assert source.gives() == {"given": ("instances",)}
    for item, annotation in zip(items, annotations, strict=True):
        record = load(item, source.image_root(), Load())
        assert [i.label for i in record.instances] == [a["label"] for a in annotation["annotations"]]
        assert not record.images and not item.given


def test_further_images_in_tars_are_side_images(tmp_path: Path) -> None:
    tar_of(tmp_path / "a.tar", 3)
    source = Webdataset(path=str(tmp_path / "a.tar"), images=["seg.png"], caption_key=None)
    for n, item in enumerate(items_of(source, tmp_path / "run")):
        record = load(item, source.image_root(), Load())
        with tarfile.open(tmp_path / "a.tar") as tar:
            member = tar.extractfile(f"sa_{n:06d}.seg.png")
            assert member is not None and record.images["seg"].encoded() == member.read()


def test_a_part_of_a_composite_picture_is_the_image(tmp_path: Path) -> None:
    """Of a pair of squares in a border the sizes say where the halves are."""
    pair = Image.effect_noise((1048 // 4, 528 // 4), 60).convert("RGB")
    pair.save(tmp_path / "pair.png")
    left, right = pair.crop((2, 2, 130, 130)), pair.crop((132, 2, 260, 130))
    file = {"file": "pair.png", "offset": 0, "bytes": (tmp_path / "pair.png").stat().st_size}
    known = {"images": {"ref": [0, file["bytes"]]}, "part": {"ref": "right"}}
    item = Item("0" * 16, 0, "pair.png", "", place={**file, "part": "left"}, known=known)
    record = load(item, str(tmp_path), Load())
    assert record.image.tobytes() == left.tobytes() and record.original_bytes is None
    assert record.images["ref"].image.convert("RGB").tobytes() == right.tobytes()
    boxed = Item("0" * 16, 0, "pair.png", "", place={**file, "part": [1, 2, 4, 9]})
    assert load(boxed, str(tmp_path), Load()).image.tobytes() == pair.crop((1, 2, 4, 9)).tobytes()
    with pytest.raises(ItemError, match="not inside the image"):
        load(Item("0" * 16, 0, "pair.png", "", place={**file, "part": [1, 2, 400, 9]}), str(tmp_path), Load())


def test_halves_by_the_sizes_alone() -> None:
    assert box_of("left", 1048, 528) == (8, 8, 520, 520) and box_of("right", 1048, 528) == (528, 8, 1040, 520)
    assert box_of("right", 1024, 512) == (512, 0, 1024, 512)
    for width, height in ((512, 512), (1100, 512)):
        with pytest.raises(UnreadableImage, match="no pair of squares"):
            box_of("left", width, height)
