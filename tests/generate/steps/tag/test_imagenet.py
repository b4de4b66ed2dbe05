from importlib import metadata

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item, Record, Tag
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo
from labelyard.generate.steps.tag.imagenet import NAMES, NAMES_PACKAGE, PACKAGE, WEIGHTS, ImagenetTags, read_names
from labelyard.utils.errors import UserError


@pytest.fixture(scope="module")
def step() -> ImagenetTags:
    step = ImagenetTags()
    step.setup("cpu")
    return step


def test_names_what_is_there(step: ImagenetTags) -> None:
    records = [photo(name) for name in ("coffee", "chelsea", "china", "motorcycle")]
    step(records)
    coffee, cat, china, motorcycle = (record.tags for record in records)
    assert coffee[0].name == "espresso" and coffee[0].score > 0.8
    assert {tag.name for tag in cat} & {"tabby", "tiger cat", "Egyptian cat"}
    assert china[0].name == "palace"
    assert motorcycle[0].name in ("moped", "motor scooter")
    for record in records:
        scores = [tag.score for tag in record.tags]
        assert scores == sorted(scores, reverse=True) and min(scores) >= step.threshold


def test_unsure_says_nothing_and_old_tags_go(step: ImagenetTags) -> None:
    noise = Record(item=Item("grey", 0, "grey.png", ""), image=Image.effect_noise((300, 200), 60).convert("RGB"))
    noise.tags = [Tag("left over", 1.0)]
    step([noise])
    assert noise.tags == []


def test_threshold_and_number_of_tags() -> None:
    few = ImagenetTags(threshold=0.0, max_tags=3)
    few.setup("cpu")
    record = photo("chelsea")
    few([record])
    assert len(record.tags) == 3


def test_company_does_not_matter(step: ImagenetTags) -> None:
    assert_company_does_not_matter(step, [photo("chelsea"), photo("coffee"), photo("rocket", (64, 300))])


def test_says_what_made_it(step: ImagenetTags) -> None:
    made_by = step.model()
    assert made_by["checkpoint"] == WEIGHTS and made_by["version"] == metadata.version(PACKAGE)


def test_names_are_the_first_synonyms() -> None:
    lines = ["tench, Tinca tinca", *[f"thing {n}, other" for n in range(999)]]
    names = read_names("\n".join(lines))
    assert names[:2] == ["tench", "thing 0"] and len(names) == 1000
    with pytest.raises(FatalError, match="999 names where 1000 belong"):
        read_names("\n".join(lines[1:]))


def test_real_names_are_in_the_order_of_the_classes(step: ImagenetTags) -> None:
    assert (step._names[0], step._names[281], step._names[967]) == ("tench", "tabby", "espresso")


@pytest.mark.parametrize("package", [PACKAGE, NAMES_PACKAGE])
def test_missing_package(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.distribution

    def without(name: str) -> metadata.Distribution:
        if name == package:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "distribution", without)
    with pytest.raises(FatalError, match=rf"{package}: not installed; run: pip install -e '\.\[demo\]'"):
        ImagenetTags().setup("cpu")


def test_missing_file_of_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelyard.generate.steps.tag.imagenet.NAMES", NAMES + ".gone")
    with pytest.raises(FatalError, match=r"efficientnet_labels\.txt\.gone is not there"):
        ImagenetTags().setup("cpu")


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"threshold": -0.1}, {"max_tags": 0}])
def test_wrong_values(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        made(ImagenetTags, wrong)
