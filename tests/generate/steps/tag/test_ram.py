"""tag=ram, and what it shares with ram_plus and tag2text: files, lists, thresholds, messages."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest
import torch
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.contract import assert_batches_differ_by_rounding_only, assert_company_does_not_matter
from labelyard.generate.steps.tag.ram import RAM
from labelyard.generate.steps.tag.tagger import as_tensor
from tests.support.photos import photo
from tests.tiny.tag import IMAGE_SIZE, TAGS, make_ram, make_ram_plus


def photos() -> list[Record]:
    images = {
        "cat": photo("chelsea"),
        "coffee": photo("coffee"),
        "temple": photo("china"),
        "flower": photo("flower"),
    }
    return [
        Record(item=Item(name, index, f"{name}.png", ""), image=image)
        for index, (name, image) in enumerate(images.items())
    ]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ram(tmp_path_factory.mktemp("ram"))


def ready(checkpoint: Path, **options: object) -> RAM:
    step = RAM(checkpoint=str(checkpoint), image_size=IMAGE_SIZE, **options)  # type: ignore[arg-type]
    step.setup("cpu")
    return step


def test_tags_are_those_above_their_own_thresholds_in_the_order_of_the_list(checkpoint: Path) -> None:
    everything = photos()
    ready(checkpoint, threshold=0.0)(everything)
    assert [tag.name for tag in everything[0].tags] == list(TAGS)

    thresholds = checkpoint.with_name("mine.txt")
    thresholds.write_text("\n".join(f"{0.02 + 0.045 * n:.3f}" for n in range(len(TAGS))))
    some = photos()
    ready(checkpoint, threshold_list=str(thresholds))(some)
    limits = [float(line) for line in thresholds.read_text().splitlines()]
    for all_of_it, record in zip(everything, some, strict=True):
        wanted = [tag for tag, limit in zip(all_of_it.tags, limits, strict=True) if tag.score > limit]
        assert record.tags == wanted
        assert 0 < len(record.tags) < len(TAGS)
    assert len({tuple(tag.name for tag in record.tags) for record in some}) > 1


def test_lists_are_found_beside_the_checkpoint_and_in_the_fetched_ones(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    alone = tmp_path / "elsewhere" / "ram.pth"
    alone.parent.mkdir()
    alone.write_bytes(checkpoint.read_bytes())
    with pytest.raises(FatalError, match=r"ram_tag_list\.txt: not found .*launch/fetch\.py"):
        ready(alone)
    fetched = tmp_path / "cache" / "labelyard" / "lists"
    fetched.mkdir(parents=True)
    for name in ("ram_tag_list.txt", "ram_tag_list_threshold.txt"):
        os.link(checkpoint.with_name(name), fetched / name)
    beside, from_cache = photos(), photos()
    ready(checkpoint)(beside)
    ready(alone)(from_cache)
    assert [r.tags for r in beside] == [r.tags for r in from_cache]


def test_alone_and_in_company_to_the_last_bit(checkpoint: Path) -> None:
    assert_company_does_not_matter(ready(checkpoint, batch_size=3), photos())


def test_batches_differ_by_rounding_only(checkpoint: Path) -> None:
    assert_batches_differ_by_rounding_only(lambda: ready(checkpoint, batch_size=3, threshold=0.0), photos())


def test_the_checkpoint_s_own_names_from_older_files_too(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    old = {k.replace("tagging_head", "vision_multi"): v for k, v in content["model"].items()}
    torch.save({"model": old}, tmp_path / "old.pth")
    for name in ("ram_tag_list.txt", "ram_tag_list_threshold.txt"):
        os.link(checkpoint.with_name(name), tmp_path / name)
    new_records, old_records = photos(), photos()
    ready(checkpoint)(new_records)
    ready(tmp_path / "old.pth")(old_records)
    assert [r.tags for r in new_records] == [r.tags for r in old_records]


def test_half_precision_finds_nearly_the_same(checkpoint: Path) -> None:
    full, half = photos(), photos()
    ready(checkpoint, threshold=0.0)(full)
    ready(checkpoint, threshold=0.0, dtype="bfloat16")(half)
    pairs = [pair for f, h in zip(full, half, strict=True) for pair in zip(f.tags, h.tags, strict=True)]
    differences = [abs(one.score - other.score) for one, other in pairs]
    assert max(differences) > 0
    # Eight random channels amplify a rounding here and there; most scores must hold.
    assert statistics.median(differences) < 0.03


def test_an_image_without_tags_is_ordinary(checkpoint: Path) -> None:
    records = photos()
    ready(checkpoint, threshold=1.0)(records)
    assert [record.tags for record in records] == [[], [], [], []]


def test_named_thresholds_and_skipped_names(checkpoint: Path) -> None:
    records = photos()
    ready(checkpoint, threshold=0.0, tag_thresholds={"cat": 1.0}, skip_tags=["dog"])(records)
    assert [t.name for t in records[0].tags] == [name for name in TAGS if name not in ("cat", "dog")]
    with pytest.raises(FatalError, match=r"^skip_tags: 'unicorn' is not in the tag list"):
        ready(checkpoint, skip_tags=["unicorn"])


def test_messages_of_wrong_files(checkpoint: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("cat\ndog\n")
    with pytest.raises(FatalError, match=r"knows 20 tags, but the tag list has 2;.* as tag_list$"):
        ready(checkpoint, tag_list=str(short))
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("0.5\nhigh\n")
    with pytest.raises(FatalError, match=r"numbers\.txt:2: 'high' is no number"):
        ready(checkpoint, threshold_list=str(numbers))
    with pytest.raises(FatalError, match=r"is of ram_plus, not of ram; choose the option ram_plus"):
        ready(make_ram_plus(tmp_path / "plus"))
    with pytest.raises(FatalError, match=r"needs a multiple of 64"):
        RAM(checkpoint=str(checkpoint), image_size=100).setup("cpu")
    torn = tmp_path / "torn.pth"
    torn.write_bytes(checkpoint.read_bytes()[:30_000])
    with pytest.raises(FatalError, match=r"torn\.pth: not a whole checkpoint"):
        ready(torn)
    content = torch.load(checkpoint, weights_only=True)["model"]
    del content["visual_encoder.layers.1.blocks.1.mlp.fc2.weight"]
    lacking = tmp_path / "lacking" / "ram.pth"
    lacking.parent.mkdir()
    torch.save(content, lacking)
    with pytest.raises(FatalError, match=r"not a whole ram checkpoint.*layers\.1\.blocks\.1\.mlp\.fc2\.weight"):
        ready(lacking, tag_list=str(checkpoint.with_name("ram_tag_list.txt")), threshold=0.5)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(FatalError, match=r"other\.pth: not a ram checkpoint"):
        ready(tmp_path / "other.pth")


def test_what_is_not_here_and_not_to_be_had_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FatalError, match=r"ram_swin_large_14m\.pth: neither in the hub's cache.*launch/fetch\.py"):
        RAM().setup("cpu")
    with pytest.raises(FatalError, match=r"no such file"):
        RAM(checkpoint=str(tmp_path / "absent.pth")).setup("cpu")


def test_the_original_code_is_asked_for_where_it_is_not(checkpoint: Path) -> None:
    with pytest.raises(FatalError, match=r"requirements/lavis\.txt"):
        ready(checkpoint, backend="native")


def test_options_are_checked_before_anything_is_loaded() -> None:
    with pytest.raises(ValueError, match="backend='lavis': unknown; one of port, native"):
        RAM(backend="lavis")
    with pytest.raises(ValueError, match="either threshold"):
        RAM(threshold=0.5, threshold_list="x.txt")
    with pytest.raises(ValueError, match="float32, bfloat16, float16"):
        RAM(dtype="int8")
    assert [file.name for file in RAM().lists()] == ["ram_tag_list.txt", "ram_tag_list_threshold.txt"]
    assert RAM(tag_list="mine.txt", threshold=0.5).lists() == ()


def test_the_picture_is_squeezed_into_the_square_on_imagenet_s_scale() -> None:
    image = Image.new("RGB", (300, 100), (255, 0, 128))
    tensor = as_tensor(image, 32, "bicubic")
    assert tensor.shape == (3, 32, 32)
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225]
    torch.testing.assert_close(tensor.mean(dim=(1, 2)), torch.tensor(expected))
