"""What a language model is told of a picture."""

from __future__ import annotations

from labelyard.generate.record import Instance
from labelyard.generate.roles import set_role
from labelyard.generate.steps.text.scene import names_text, scene_text

PLACE = {"category": "Outdoor scene", "fine_category": "Rural_landscape"}


def thing(label: str, depth: float | None, x: float = 0, *attributes: str, floating: bool = False) -> Instance:
    made = Instance((x - 5, 0, x + 5, 10), 0.5, label, extra={"labels": [label], "attributes": list(attributes)})
    if depth is not None:
        made.extra["median_depth"] = depth
    set_role(made, floating)
    return made


def test_layers_by_depth_and_groups_by_place() -> None:
    things = [
        thing("hill", 0.0), thing("barn_door", 20.0, 900, "Model: a red: door", "old"), thing("cow", 92.0, 400),
        thing("fence", 50.0), thing("gate", 50.0, 199.9), thing("post", 50.0, 300), thing("dog", 100.0, 401),
        thing("moon", None), thing("bird", 99.0, floating=True),
    ]  # fmt: skip
    relations = [("a dog by the_gate", [6, 4, 8]), ("nobody", []), ("the moon", [7])]
    assert scene_text(things, relations, ["a dog", "a farm"], PLACE).splitlines() == [
        "Immediate Foreground:", "Group 0: cow, dog",
        "Foreground:", "Group 1: fence, gate", "Group 2: post",
        "Midground:", "Group 3: barn door/a red  door",
        "Background:", "Group 4: hill",
        "", "Short Captions:", "a dog", "a farm",
        "", "Relationships:", "a dog by the gate, Group Ids: (0, 1)", "the moon, Group Ids: ()",
        "", "Landmarks:", "Outdoor scene, Rural landscape",
    ]  # fmt: skip


def test_without_depth_everything_is_in_front_and_without_objects_floating_ones_are_told() -> None:
    assert scene_text([thing("cup", None), thing("fly", None, floating=True)], [], [], None) == (
        "Foreground:\nGroup 0: cup\n\nShort Captions:\n\nRelationships:\n"
    )
    alone = [thing("fly", 7.0, floating=True), thing("ant", 7.0, 900, floating=True)]
    assert scene_text(alone, [("an ant", [1])], [], {"category": "", "fine_category": ""}) == (
        "Foreground:\nGroup 0: fly\nGroup 1: ant\n\nShort Captions:\n\nRelationships:\nan ant, Group Ids: (1)\n"
    )
    assert scene_text([], [], [], None) == "\nShort Captions:\n\nRelationships:\n"


def test_of_many_those_of_which_something_is_said_come_first() -> None:
    many = [thing(f"t{n}", 1.0, n, *(["said"] if n % 2 else [])) for n in range(240)]
    told = scene_text(many, [], [], None).splitlines()[1]
    assert told.count(",") == 99 and told.startswith("Group 0: t1/said, t3/said") and "t0" not in told.split(", ")
    few = [thing(f"t{n}", 1.0, n, *(["said"] if n < 10 else [])) for n in range(40)]
    names = names_text(few, PLACE).splitlines()
    assert names[0] == "Objects:" and names[10:12] == ["t9/said", "t10"] and names[30:] == [
        "t29", "", "Landmarks:", "Outdoor scene, Rural landscape",
    ]  # fmt: skip
    assert names_text(few[:1], None) == "Objects:\nt0/said\n"
