"""Five consumers' own code on the exports of one chain: CONSUMERS is a folder with a checkout of each. EXPORTED names a
folder of such exports, such as runs/sets of `make demo`; without it they are made here, by stand-ins for the models.
tests/launch/test_everything.py holds them to the same rules, always."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.launch import chain, layout
from tests.conftest import FAKES, environment
from tests.consumers import test_dataflow_gen as dataflow
from tests.consumers import test_glamm as glamm
from tests.consumers import test_instancediffusion as instancediffusion
from tests.consumers import test_visualcloze as visualcloze
from tests.consumers.checkouts import checkout
from tests.generate.exporters.conftest import export
from tests.launch.dataflow_gen.support import UPPER
from tests.launch.test_everything import EXPORTS, FAKE, FILES
from tests.support.grand import small_pictures

pytestmark = [
    pytest.mark.skipif("CONSUMERS" not in os.environ, reason="CONSUMERS names no folder with checkouts"),
    pytest.mark.timeout(900),
]
NUMBER = 6


@pytest.fixture(scope="module")
def sets(photos: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "EXPORTED" in os.environ:
        return Path(os.environ["EXPORTED"]).resolve()
    top = tmp_path_factory.mktemp("one-chain")
    (top / "photos").mkdir()
    listed = f"source.path={small_pictures(top / 'photos', photos, NUMBER)}"
    given = ["source=folder", listed, f"output={top / 'out'}", "cluster=debug"]
    assert chain.main(["everything_demo", "--config-dir", FAKES, *given, *FAKE]) == 0
    for name in ("train_list", "graph200k", "instructcv", "gcg", "jsonl"):
        options = [option for option in EXPORTS[name] if option != "paths=relative"]
        done = export(top / "out" / "train", name, top / "sets" / FILES.get(name, name), *options)
        assert done.returncode in (0, 3), done.stderr
    return top / "sets"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_instancediffusion_reads_each_record(sets: Path) -> None:
    place = sets / "train.txt"
    seen = instancediffusion.read(checkout("InstanceDiffusion"), place)[str(place)]
    assert len(seen) == len(lines(place)) and all(one["image"] == [3, 512, 512] for one in seen)
    print(f"JsonDataset: {len(seen)} records, {sum(len(one['boxes']) for one in seen)} boxes")


def test_visualcloze_reads_the_lists_that_are_safe(sets: Path) -> None:
    loaded = visualcloze.load(checkout("VisualCloze"), sets / "graph200k", 300)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    rows, images = map(int, loaded.stdout.splitlines()[-1].split())
    assert rows == len(json.loads((sets / "graph200k" / "data.json").read_text())) and images > 0
    print(f"MyDataset: {rows} rows, {images} images of 60 samples")


def test_instructcv_reads_each_pair(sets: Path) -> None:
    script = Path(__file__).with_name("instructcv_reads.py")
    words = [sys.executable, str(script), str(checkout("InstructCV")), str(sets / "instructcv")]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout.splitlines()[-1]).values()
    listed = json.loads((sets / "instructcv" / "seeds.json").read_text())
    assert found["faults"] == [] and found["eval"] == len(listed)
    print(f"EditDataset: {found['eval']} pairs")


def test_glamm_reads_each_grounded_caption(sets: Path, tmp_path: Path) -> None:
    checkout("GLaMM")
    assert layout.main(["glamm", str(tmp_path / "D"), f"grandf={sets / 'gcg' / 'GranDf'}"]) == 3
    found: dict[str, Any] = glamm.read_by_glamm(tmp_path / "D")
    wanted = {"GranDf_GCG train", "GranDf_GCG val"}
    assert wanted <= glamm.well(found), {name: found[name] for name in wanted}
    captions = json.loads(next((sets / "gcg").rglob("GranDf_HA_GCG_train.json")).read_bytes())
    assert found["GranDf_GCG train"]["items"] == len(captions)
    print(f"GranDfDataset: {len(captions)} captions, such as {found['GranDf_GCG train']['seen'][0]['answer']}")


def test_dataflow_gen_takes_each_line(sets: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in lines(sets / "captions.jsonl")]
    keys = {"image_key": "image", "text_key": "dense"}
    config = dataflow.prepared(tmp_path / "flow", [UPPER], "jsonl", rows, **keys)
    assert dataflow.theirs(tmp_path, config) == [None]
    made = [json.loads(line) for line in lines(tmp_path / "flow" / "out" / "result.jsonl")]
    assert len(made) == len(rows)
    print(f"PipelineManager: {len(made)} lines, such as {json.dumps(made[0])[:200]}")
