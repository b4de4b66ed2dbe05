from labelyard.generate.steps.label.people import as_person


def test_words_for_people_are_one_word() -> None:
    assert [as_person(word) for word in ("Woman", "female", "BABIES", "males", "elderly")] == [
        "person", "person", "persons", "persons", "person",
    ]  # fmt: skip
    assert [as_person(word) for word in ("snowman", "Dog", "")] == ["snowman", "Dog", ""]
