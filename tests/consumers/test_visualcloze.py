"""VisualCloze's own extraction beside ours, and its own data loading over what we export."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.utils.graph200k import IMAGES
from labelyard.utils.images import encode_png
from tests import graph200k
from tests.conftest import call
from tests.consumers.checkouts import checkout
from tests.generate.exporters.conftest import export

MODES = {"canny": "1", "hed": "L", "mlsd": "1", "depth": "L", "foreground": "L", "uniformer": "P", "sam2_mask": "P"}


@pytest.fixture(scope="module")
def visualcloze() -> Path:
    return checkout("VisualCloze")


SIDE = graph200k.SIDE


def extract(source: Path, run: Path, *more: str) -> None:
    settings = ["source=graph200k", f"source.path={source}", "pipeline=none", "cluster=debug", f"output={run}", *more]
    done = call("run", *settings)
    assert done.returncode == 0, done.stderr


def process_dataset(visualcloze: Path) -> Any:
    spec = importlib.util.spec_from_file_location("processing", visualcloze / "processing.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.process_dataset


def below(value: Any, root: Path) -> Any:
    """Without the folder that it lies in."""
    if isinstance(value, dict):
        return {key: below(one, root) for key, one in value.items()}
    if isinstance(value, list):
        return [below(one, root) for one in value]
    return value.replace(f"{root.resolve()}/", "") if isinstance(value, str) else value


def test_the_original_script_makes_the_same_of_the_same_dataset(visualcloze: Path, tmp_path: Path) -> None:
    graph200k.saved(tmp_path / "Graph200K", rows=12)
    process_dataset(visualcloze)(graph200k.dataset(12), str(tmp_path / "theirs"))
    extract(tmp_path / "Graph200K", tmp_path / "run", "source.split=test")
    done = export(tmp_path / "run", "graph200k", tmp_path / "ours", "format=jpg", "jpeg_quality=75", "names=index")
    assert done.returncode == 0, done.stderr
    theirs, ours = (json.loads((tmp_path / name / "data.json").read_text()) for name in ("theirs", "ours"))
    assert below(theirs, tmp_path / "theirs") == below(ours, tmp_path / "ours")
    assert "FillEdit" not in ours[3]["condition"] and "openpose" not in ours[1]["condition"]
    files = sorted(path.relative_to(tmp_path / "ours") for path in (tmp_path / "ours").glob("*/*.jpg"))
    assert len(files) > 300
    for file in files:
        one, other = (np.asarray(Image.open(tmp_path / name / file)) for name in ("theirs", "ours"))
        assert one.shape == other.shape and bool((one == other).all()), file
    more = {path.relative_to(tmp_path / "theirs") for path in (tmp_path / "theirs").glob("*/*.jpg")} - set(files)
    assert {path.name.partition("_")[2] for path in more} <= {f"FillEdit_image_{k}.jpg" for k in range(5)}, "unused"


def test_the_original_script_reads_what_we_publish(visualcloze: Path, tmp_path: Path) -> None:
    """JPEGs: at a palette it fails, since it writes all as JPEG."""
    import datasets

    graph200k.saved(tmp_path / "Graph200K", rows=8)
    extract(tmp_path / "Graph200K", tmp_path / "run", "source.split=test")
    assert export(tmp_path / "run", "parquet", tmp_path / "table", "columns=graph200k").returncode == 0
    files = sorted(map(str, (tmp_path / "table").glob("*.parquet")))
    published = datasets.Dataset.from_parquet(files, cache_dir=str(tmp_path / "cache"))
    process_dataset(visualcloze)(published, str(tmp_path / "theirs"))
    found = json.loads((tmp_path / "theirs" / "data.json").read_text())
    assert len(found) == 8 and found[0]["condition"]["FillEdit"]["name"] == [f"jug {k}" for k in range(5)]
    assert found[7]["description"] == graph200k.row(7)["description"]


def png(image: bytes, mode: str) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("L" if mode in ("1", "L") else "RGB").convert(mode).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture(scope="module")
def made(visualcloze: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole rows, in PNGs of all modes; of the last five alone there are people."""
    import datasets

    folder, rows = tmp_path_factory.mktemp("made"), []
    for n in range(8):
        row = graph200k.row(n)
        cells = {name: png(graph200k.picture(n, at), MODES.get(name, "RGB")) for at, name in enumerate(IMAGES, 1)}
        noise = np.random.default_rng(n).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)  # for its quantizations
        cells["target"] = png(encode_png(Image.fromarray(noise)), "RGB")
        scores = {"compositeStructure": 5, "objectConsistency": 5, "imageQuality": 5}
        rows.append({**row, **cells, "quality_assessment": scores, "openpose": cells["openpose"] if n > 2 else None})
    features = graph200k.dataset(1).features
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "made.parquet")
    extract(folder / "made.parquet", folder / "run")
    return folder / "run"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_trainers_code_takes_every_list_of_images(visualcloze: Path, made: Path, tmp_path: Path) -> None:
    done = export(made, "graph200k", tmp_path / "out", "list=jsonl", f"consumer={visualcloze}")
    assert done.returncode == 0, done.stderr
    assert "lists of training that are safe: 129 of 129" in done.stdout
    assert "lists of test that are safe: 37 of 37" in done.stdout
    assert "the trainer's own code has read 332 samples" in done.stdout, "both ways of 166 lists"
    modes = {Image.open(path).mode for path in (tmp_path / "out").glob("*/*.png")}
    assert modes == {"1", "L", "P", "RGB"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_trainers_code_is_given_no_odd_sides_for_its_mosaic(visualcloze: Path, made: Path, tmp_path: Path) -> None:
    done = export(made, "graph200k", tmp_path / "out", "side=33", f"consumer={visualcloze}")
    assert done.returncode == 0, done.stderr
    assert "lists of training that are safe: 127 of 129" in done.stdout
    assert "the trainer's own code has read 328 samples" in done.stdout


LOADED = """
import signal, sys, types, json
sys.path[0] = sys.argv[1]
try:
    import torchvision.utils
except ImportError:
    stub, stub_of_utils = types.ModuleType("torchvision"), types.ModuleType("torchvision.utils")
    stub.utils, stub_of_utils.make_grid = stub_of_utils, None
    sys.modules |= {"torchvision": stub, "torchvision.utils": stub.utils}
import numpy, torch
from data import MyDataset, T2IItemProcessor
from data.prefix_instruction import graph200k_task_dicts
def as_tensor(image):
    return torch.from_numpy(numpy.asarray(image).copy()).permute(2, 0, 1).float()
tasks = json.load(open(sys.argv[3]))["training"]
def hung(*_):
    print("HUNG"); sys.exit(3)
signal.signal(signal.SIGALRM, hung); signal.alarm(int(sys.argv[4]))
theirs = {tuple(images) for group in graph200k_task_dicts for images in group["image_list"]}
assert {tuple(images) for group in tasks for images in group["image_list"]} <= theirs
own = [{**group, "image_list": json.loads(sys.argv[5])} for group in tasks[:1]] if len(sys.argv) > 5 else tasks
loaded = MyDataset(sys.argv[2], item_processor=T2IItemProcessor(as_tensor, resolution=32),
                   task_dicts={"image_grid_graph200k": own})
print(len(loaded), sum(len(loaded[0]) for _ in range(60)))
"""


def load(visualcloze: Path, folder: Path, seconds: int, *lists: str) -> subprocess.CompletedProcess[str]:
    listed = folder / "data.json"
    (folder / "data.yaml").write_text(f"META:\n  - path: {listed}\n    type: image_grid_graph200k\n")
    arguments = [visualcloze, folder / "data.yaml", folder / "task_lists.json", seconds, *lists]
    return subprocess.run(
        [sys.executable, "-c", LOADED, *map(str, arguments)], cwd=visualcloze, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_restricted_to_the_safe_lists_the_trainer_never_hangs(visualcloze: Path, tmp_path: Path) -> None:
    graph200k.saved(tmp_path / "Graph200K", rows=9)
    extract(tmp_path / "Graph200K", tmp_path / "run", "source.split=test", "limit=8")
    done = export(tmp_path / "run", "graph200k", tmp_path / "out", "min_consistency=5", "assessment=with_reference")
    assert "warning: reference: 2 of 8 rows" in done.stdout, done.stdout
    safe = json.loads((tmp_path / "out" / "task_lists.json").read_text())["training"]
    assert not any("reference" in images for group in safe for images in group["image_list"])
    loaded = load(visualcloze, tmp_path / "out", 120)
    assert loaded.returncode == 0 and loaded.stdout.splitlines()[-1].startswith("8 "), loaded.stderr
    unsafe = load(visualcloze, tmp_path / "out", 20, json.dumps([["reference", "target"]]))
    assert "HUNG" in unsafe.stdout, "which is why"
