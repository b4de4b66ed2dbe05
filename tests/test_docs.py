"""The documents say what is there."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

import pytest
from PIL import Image

from labelyard.generate.record import Instance, Item, Record, SideImage
from labelyard.generate.record_json.asides import asides_from_json
from labelyard.generate.record_json.beside import clip_from_json, image_from_json
from labelyard.generate.record_json.check import record_problems
from labelyard.generate.record_json.encode import Write, to_json
from labelyard.generate.record_json.files import encoded
from labelyard.generate.record_json.texts import texts_from_json
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.step import transient
from labelyard.launch.planning.plan import fitting_size
from labelyard.launch.reference import reference, rows
from tests.conftest import ROOT, MakeList, call, environment, fake_run, listed

SCHEMA = (ROOT / "docs" / "schema.md").read_text()


def test_every_key_of_a_record_is_described(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("run", *fake_run(make_list(16), out)).returncode == 0
    described = set(re.findall(r"`(\w+)`", SCHEMA))
    image, instances = SCHEMA.split("## Of an instance")
    of_images, of_instances = set(re.findall(r"`(\w+)`", image)), set(re.findall(r"`(\w+)`", instances))
    seen: set[str] = set()
    for path in listed(out):
        record = json.loads(Path(path).read_text())
        assert set(record) <= of_images
        for annotation in record["annos"]:
            assert set(annotation) <= of_instances
            seen |= set(annotation)
    assert {"mask", "caption", "pad", "blip_clip_embeddings"} <= seen <= described


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_the_schema_are_valid(number: int, tmp_path: Path) -> None:
    examples = re.findall(r"```json\n(.*?)```", SCHEMA, re.DOTALL)
    assert len(examples) == 2
    example = json.loads(examples[number])
    record = Record(Item("0123456789abcdef", 0, "a.jpg", "c"), Image.new("RGB", (640, 480)), caption="c")
    record.instances = [Instance((n, 0, n + 9.0, 9), 0.5, "dog") for n in range(3)]
    body = to_json(record, Write(image="none"), {"labelyard": "0", "config": "c"})
    assert record_problems({**body, **example}, embedded=False) == []
    record.texts = texts_from_json(example.get("texts", {}))
    record.found, record.aside = example.get("found", {}), asides_from_json(example.get("aside", {}))
    record.clips = {name: clip_from_json(entry, tmp_path) for name, entry in example.get("clips", {}).items()}
    made = {name: SideImage(Image.new("L", (640, 480)), {"low": 100, "high": 200}) for name in ("edges",)}
    given = {name: entry for name, entry in example.get("images", {}).items() if "file" in entry}
    record.images = {name: image_from_json(entry, tmp_path, None, "") for name, entry in given.items()}
    record.images |= made if "images" in example else {}
    text, _, _ = encoded(RunFolder(tmp_path), 0, record, Write(image="none"), body["made_by"])
    assert {key: json.loads(text)[key] for key in example} == example


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    for program in set(re.findall(r"(?<!/)launch/\w+\.py|(?:generate|tests)/[\w/]+\.py", text)):
        assert (ROOT / program).exists(), program
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_every_page_is_reached_from_the_readme() -> None:
    """By its index, which names all of them."""
    linked = {name for page in PAGES[:1] for name in re.findall(r"\]\(docs/([\w-]+\.md)", page.read_text())}
    there = {page.name for page in PAGES[1:]}
    assert "README.md" in linked and linked <= there
    index = (ROOT / "docs" / "README.md").read_text()
    assert set(re.findall(r"\]\(([\w-]+\.md)", index)) == there - {"README.md"}


MAP = (ROOT / "docs" / "contributing.md").read_text()


def test_the_map_shows_what_is_there() -> None:
    """Every folder that it names exists, and every room and every file at the doors is named."""
    shown = re.sub(r"KIND/|FAMILY/", "", MAP.split("## Where does")[0])
    named = set(re.findall(r"`((?:[\w-]+/)+)`", shown))
    folders = {str(path.relative_to(ROOT)) + "/" for path in ROOT.rglob("*/") if "." not in str(path.relative_to(ROOT))}
    assert len(named) > 15
    assert named - folders - {name for name in named if f"tests/{name}" in folders} == set()
    rooms = {name for name in folders if re.fullmatch(r"(generate|launch)/(?!__)\w+/", name)}
    assert rooms - named - {"generate/steps/"} == set()
    doors = {path.name for door in ("generate", "launch") for path in (ROOT / door).glob("*.py")} - {"__init__.py"}
    assert len(doors) > 20
    assert {name for name in doors if f"`{name}`" not in MAP} == set()


COMING = (ROOT / "docs" / "coming-from-instancediffusion.md").read_text()
# What the original's two argument parsers take.
FLAGS = {
    *("config", "ram_checkpoint", "grounded_checkpoint", "sam_checkpoint", "sam_hq_checkpoint", "use_sam_hq"),
    *("input_image", "split", "openai_key", "openai_proxy", "output_dir", "box_threshold", "text_threshold"),
    *("iou_threshold", "device", "train_data_path", "job_index", "num_jobs"),
    *("ngpus", "nodes", "timeout", "job_dir", "partition", "comment"),
}


def test_every_flag_of_the_original_script_has_its_place() -> None:
    rows = [line for line in COMING.splitlines() if line.startswith("| `--")]
    told = [flag for row in rows for flag in re.findall(r"`--(\w+)`", row.split(" | ")[0])]
    assert sorted(told) == sorted(FLAGS), "each once"


def test_the_original_command_in_our_words_is_understood(tmp_path: Path) -> None:
    (tmp_path / "train_data.json").write_text('[{"image": "a.jpg", "caption": "a"}]')
    (command,) = re.findall(r"```bash\n(.*?)```", COMING, re.S)
    command = command.strip().replace("python launch/", f"{sys.executable} {ROOT}/launch/") + " dry_run=true"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tag -> ground -> segment -> caption -> embed" in done.stdout and "#SBATCH --array=0-63" in done.stdout
    for value in ("ram_swin_large_14m.pth", "groundingdino_swint_ogc.pth", "SamHQ(checkpoint=sam_hq_vit_h.pth"):
        assert value in done.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "train_data.json"]


def test_the_settings_of_the_tables_exist(tmp_path: Path) -> None:
    text = COMING + (ROOT / "README.md").read_text()
    named = set(re.findall(r"((?:source|work|write|tag|ground|segment|cluster)\.\w+)=", text))
    assert {"source.path", "ground.box_threshold", "tag.checkpoint", "cluster.qos", "write.short_side"} <= named
    known = set(re.findall(r"`([a-z_]+\.[\w.]+)`", (ROOT / "docs" / "configuration.md").read_text()))
    assert named <= known


NAMED_BLOCK = re.compile(r"^`([^`\n]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.S | re.M)


class Example:
    """A complete example of a document: its files laid out as it says, and its command."""

    def __init__(self, name: str, folder: Path) -> None:
        text = (ROOT / "docs" / name).read_text()
        self._folder = folder
        for place, body in NAMED_BLOCK.findall(text):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(body)
        self.command, *self.others = re.findall(r"```bash\n(.*?)```", text, re.S)

    def call(self, old: str = "", new: str = "", command: str = "") -> subprocess.CompletedProcess[str]:
        """The first command as it stands, or another one of the document, or one with a piece of it changed."""
        command = command or self.command
        assert old in command
        command = command.replace(old, new) if old else command
        command = command.replace("python launch/", f"{sys.executable} {ROOT}/launch/")
        command = command.replace("python -m", f"{sys.executable} -m")
        return subprocess.run(
            ["bash", "-c", command.replace("PYTHONPATH=.", f"PYTHONPATH=.:{ROOT / 'src'}")],
            cwd=self._folder, env=environment(), capture_output=True, text=True, timeout=240,
        )  # fmt: skip


def test_the_chain_of_the_document_works_as_written(tmp_path: Path) -> None:
    example = Example("chains.md", tmp_path)
    done = example.call()
    assert done.returncode == 0, done.stderr
    assert "edges  complete      3 items: 3 done" in done.stdout
    _, again, cluster = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "chains.md").read_text(), re.S)
    example.command = again
    assert example.call(" --again masks").returncode == 1, "refused as it says"
    assert example.call("output=", "dry_run=true output=").returncode == 0
    assert "captions:cluster.partition=small" in cluster


def test_the_step_of_the_document_works_as_written(tmp_path: Path) -> None:
    example = Example("adding-a-step.md", tmp_path)
    done = example.call()
    assert done.returncode == 0, done.stderr
    found = [json.loads(Path(path).read_text()) for path in listed(tmp_path / "runs" / "bright")]
    values = [anno["brightness"] for record in found for anno in record["annos"] if "pad" not in anno]
    assert values and all(0 < value < 255 for value in values)
    assert all(record["models"]["brightness"] == {"name": "mean grey value"} for record in found)
    refused = example.call("~edges", "~edges brightness.drakest=20")
    assert refused.returncode == 1 and "Did you mean brightness.darkest?" in refused.stderr
    two, tested = example.others
    planned = example.call(command=two)
    assert planned.returncode == 0 and "edges -> fine" in planned.stdout, planned.stderr
    refused = example.call("fine.short_side", "fine.short_sied", two)
    assert refused.returncode == 1 and "Did you mean fine.short_side?" in refused.stderr
    held = example.call(command=tested)
    assert held.returncode == 0 and "2 passed" in held.stdout, held.stdout
    step = tmp_path / "mine" / "brightness.py"
    step.write_text(step.read_text().replace("grey[mask].mean()", "grey[mask].mean() + len(records)"))
    assert "1 failed, 1 passed" in example.call(command=tested).stdout, "what depends on the company is found"


def test_the_source_of_the_document_works_as_written(photos: dict[str, Image.Image], tmp_path: Path) -> None:
    example = Example("adding-a-source.md", tmp_path)
    (tmp_path / "photos").mkdir()
    photos["chelsea"].save(tmp_path / "photos" / "cat.jpg")
    photos["coffee"].save(tmp_path / "photos" / "cup.jpg")
    done = example.call()
    assert done.returncode == 0, done.stderr
    found = [json.loads(Path(path).read_text()) for path in listed(tmp_path / "runs" / "blocks")]
    assert [(record["file_name"], record["caption"]) for record in found] == [
        ("photos/cat.jpg", "A ginger cat looks into the camera"),
        ("photos/cup.jpg", "A cup of espresso"),
    ]
    (refusal,) = map(json.loads, (tmp_path / "runs" / "blocks" / "refused.jsonl").read_text().splitlines())
    assert refusal["where"] == "archive.blocks, above line 6" and "photos/nobody.jpg" in refusal["reason"]
    refused = example.call("source.path", "source.joined=x source.path")
    assert refused.returncode == 1 and "Did you mean source.joined_by?" in refused.stderr
    (known,) = example.others
    assert example.call(command=known).returncode == 0
    (listed_record,) = (tmp_path / "runs" / "boxed" / "records.txt").read_text().splitlines()
    record = json.loads(Path(listed_record).read_text())
    assert record["caption"] == "A ginger cat" and [one["category_name"] for one in record["annos"]] == ["cat"]
    (refusal,) = map(json.loads, (tmp_path / "runs" / "boxed" / "refused.jsonl").read_text().splitlines())
    assert refusal["reason"] == "the box of cup is '80 40 250', not four numbers"


def test_the_exporter_of_the_document_works_as_written(make_list: MakeList, tmp_path: Path) -> None:
    example = Example("adding-an-exporter.md", tmp_path)
    assert call("run", *fake_run(make_list(6), tmp_path / "runs" / "demo")).returncode == 0
    done = example.call()
    assert done.returncode == 0, done.stderr
    with (tmp_path / "tables" / "00000.csv").open(newline="") as file:
        written = list(csv.reader(file))
    expected = []
    for path in listed(tmp_path / "runs" / "demo"):
        record = json.loads(Path(path).read_text())
        for anno in record["annos"]:
            if "pad" not in anno and anno["pred_score"] >= 0.6:
                box = [str(float(value)) for value in anno["bbox"]]
                expected.append([record["file_name"], anno["category_name"], str(anno["pred_score"]), *box])
    assert expected and [[*row[:3], *(str(float(value)) for value in row[3:])] for row in written] == expected
    refused = example.call("digits", "digit")
    assert refused.returncode == 1 and "Did you mean digits?" in refused.stderr
    unknown = example.call(" boxes ", " boxen ")
    assert unknown.returncode == 1 and "Did you mean boxes?" in unknown.stderr


def test_the_configuration_page_is_what_the_code_says() -> None:
    again = "not what the code says. Make it anew: python launch/reference.py > docs/configuration.md"
    assert (ROOT / "docs" / "configuration.md").read_text() == reference(), again


@pytest.mark.parametrize("place", ["conf/config.yaml", "docs/configuration.md"])
def test_the_size_of_a_shard_is_what_is_said_of_it(place: str) -> None:
    """The comment beside the setting is text: nothing else holds its number to the code."""
    said = re.findall(r"items that a worker claims at a time; null: (\d+)", (ROOT / place).read_text())
    assert said == [str(fitting_size(10**9))]


def test_every_setting_says_what_it_means() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    silent = [row[0] for row in rows if len(row) != 4 or not row[3].strip()]
    assert not silent, "these lack a comment at their field"
    assert "| `segment.dtype` |" in text and "| `source.root`° |" in text, "of a base class; one that may change"


@dataclass(kw_only=True)
class Plain:
    checkpoint: str = ""  # where the weights lie
    size: int = 3  # noqa: RUF100
    # of all
    # of them
    places: list[str] = field(default_factory=list)
    batch: Union[int, str] = 8  # noqa: UP007  (as OmegaConf reads it on Python 3.10)
    limit: Optional[float] = None  # noqa: UP045


@dataclass(kw_only=True)
class Own(Plain):
    checkpoint: str = "mine"
    size: int = transient(4)  # a | b


def test_a_meaning_comes_from_the_field_or_the_nearest_base_that_has_one() -> None:
    assert [row.line() for row in rows(Own, "x.")] == [
        "| `x.checkpoint` | text | `mine` | where the weights lie |",
        "| `x.size`° | whole number | `4` | a \\| b |",
        "| `x.places` | list of text | `[]` | of all of them |",
        "| `x.batch` | whole number or text | `8` |  |",
        "| `x.limit` | number or null | `null` |  |",
    ]
    assert [row.meaning for row in rows(Plain, "")] == ["where the weights lie", "", "of all of them", "", ""]
