import numpy as np
import pytest

from labelyard.generate.record import Box, Instance, Record, Tag
from labelyard.generate.steps.caption.template import KINDS, TemplateCaption, eroded
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo
from labelyard.generate.steps.ground.coco import NAMES
from labelyard.generate.steps.tag.imagenet import NAMES as IMAGENET_FILE
from labelyard.generate.steps.tag.imagenet import NAMES_PACKAGE, read_names
from labelyard.generate.steps.tools.packaged import model_file
from labelyard.utils.rle import encode


def captions(record: Record, **settings: object) -> list[str | None]:
    TemplateCaption(**settings)([record])  # type: ignore[arg-type]
    return [instance.caption for instance in record.instances]


def add(record: Record, label: str, box: Box, masked: bool = False) -> Record:
    instance = Instance(box, 0.9, label)
    if masked:
        mask = np.zeros((record.height, record.width), dtype=bool)
        x1, y1, x2, y2 = (int(v) for v in box)
        mask[y1:y2, x1:x2] = True
        instance.mask = encode(mask)
    record.instances.append(instance)
    return record


@pytest.mark.parametrize(
    ("label", "box", "caption"),
    [
        ("cat", (10, 0, 400, 290), "a cat filling much of the picture"),
        ("umbrella", (0, 0, 80, 80), "an umbrella in the top left of the picture"),
        ("person", (350, 60, 450, 240), "a person on the right side of the picture"),
        ("cup", (180, 230, 260, 300), "a cup at the bottom of the picture"),
        ("bus", (180, 110, 260, 190), "a bus in the middle of the picture"),
        ("sports ball", (430, 280, 440, 290), "a sports ball seen small in the bottom right of the picture"),
        ("scissors", (180, 110, 260, 190), "some scissors in the middle of the picture"),
    ],
)
def test_label_size_and_place(label: str, box: Box, caption: str) -> None:
    record = add(photo("chelsea"), label, box)  # 451 x 300
    assert captions(record) == [caption]
    assert record.instances[0].caption_source == "template"


def test_the_label_always_occurs() -> None:
    record = photo("coffee")
    labels = [name for name in NAMES if name != "-"] + ["SUV", "man in a red hat", "Eiffel Tower", "x"]
    for label in labels:
        add(record, label, (0, 0, 50, 50), masked=True)
    for label, caption in zip(labels, captions(record), strict=True):
        assert caption is not None and label in caption and caption == " ".join(caption.split())


def test_a_label_without_words_is_an_object() -> None:
    assert captions(add(photo("coffee"), " ", (0, 0, 50, 50))) == ["an object in the top left of the picture"]


def test_no_instances_are_ordinary() -> None:
    assert captions(photo("flower")) == []


def test_a_finer_name_where_it_applies() -> None:
    def with_tag(tag: Tag, *labels: str) -> list[str | None]:
        record = photo("chelsea")
        record.tags = [Tag("doormat", 0.9), tag]
        for label in labels:
            add(record, label, (100, 100, 300, 200))
        return captions(record)

    place = "in the middle of the picture"
    assert with_tag(Tag("Siamese cat", 0.9), "cat") == [f"a cat (Siamese cat) {place}"]
    assert with_tag(Tag("tennis ball", 0.9), "sports ball") == [f"a sports ball (a tennis ball) {place}"]
    assert with_tag(Tag("Siamese cat", 0.6), "cat") == [f"a cat {place}"]  # unsure
    assert with_tag(Tag("Siamese cat", 0.9), "dog") == [f"a dog {place}"]  # no kind of it
    assert with_tag(Tag("Siamese cat", 0.9), "cat", "cat") == [f"a cat {place}"] * 2  # which of them?
    assert with_tag(Tag("minibus", 0.99), "bus") == [f"a bus {place}"]  # classifiers mix these up


def test_kinds_are_names_that_the_classifier_and_the_detector_know() -> None:
    tags = set(read_names(model_file(NAMES_PACKAGE, IMAGENET_FILE).read_text(encoding="utf-8")))
    assert {kind for kinds in KINDS.values() for kind in kinds} <= tags
    assert set(KINDS) <= set(NAMES)


def test_a_colour_only_where_it_is_right() -> None:
    saucer, fur, mudguard = (120, 230, 170, 320), (120, 60, 300, 220), (540, 270, 620, 310)
    bowl = captions(add(photo("coffee"), "bowl", saucer, masked=True))
    assert bowl == ["a red bowl in the bottom left of the picture"]
    motorcycle = captions(add(photo("motorcycle"), "motorcycle", mudguard, masked=True))
    assert str(motorcycle[0]).startswith("a red motorcycle ")
    plain = "a bowl in the bottom left of the picture"
    assert captions(add(photo("coffee"), "bowl", saucer, masked=True), colours=False) == [plain]
    assert captions(add(photo("coffee"), "bowl", saucer)) == [plain]  # no mask
    from_box = add(photo("coffee"), "bowl", saucer, masked=True)
    from_box.instances[0].extra["mask_from"] = "box"
    assert captions(from_box) == [plain]
    assert "red" not in str(captions(add(photo("coffee"), "person", saucer, masked=True)))  # nobody is red
    assert captions(add(photo("chelsea"), "couch", fur, masked=True)) == ["a couch in the middle of the picture"]


def test_erosion_takes_the_rim() -> None:
    mask = np.zeros((12, 14), dtype=bool)
    mask[0:9, 3:12] = True
    inner = np.zeros_like(mask)
    inner[2:7, 5:10] = True  # the frame counts as outside
    assert (eroded(mask, 2) == inner).all()
    assert not eroded(np.ones((3, 3), dtype=bool), 2).any()


def test_company_does_not_matter() -> None:
    coffee = add(add(photo("coffee"), "bowl", (120, 230, 170, 320), masked=True), "cup", (173, 14, 411, 239))
    cat = add(photo("chelsea"), "cat", (9, 1, 407, 295))
    cat.tags = [Tag("Persian cat", 0.9)]
    assert_company_does_not_matter(TemplateCaption(), [coffee, cat, photo("flower")])
