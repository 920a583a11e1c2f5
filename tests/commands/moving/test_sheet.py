"""Settings, remarks, and the trail: whatever nobody has told of is found."""

from gateway.commands.moving.sheet import ANYWHERE, PROVIDERS, Sheet


def test_what_nobody_has_told_of_is_found_as_large_as_it_can_be() -> None:
    sheet = Sheet()
    document = {"a": {"b": 1, "c": [1, {"d": 2, "e": 3}]}, "f": {"g": 4}, "h": []}
    sheet.put(("server",), "port", 1, ("a", "b"))
    sheet.remark(ANYWHERE, ("a", "c", 1, "d"), "is not here.")
    assert list(sheet.untold(document)) == [
        (("a", "c", 0), 1),
        (("a", "c", 1, "e"), 3),
        (("f",), {"g": 4}),
        (("h",), []),
    ]
    assert sheet.trail["a", "b"] == ("server", "port")
    assert sheet.get(("server",), "port") == 1
    assert sheet.get(("server",), "host") is None


def test_what_is_said_of_more_than_one_word_tells_none_of_them() -> None:
    sheet = Sheet()
    sheet.add(ANYWHERE, "something", ("a",))
    assert list(sheet.untold({"a": 1})) == [(("a",), 1)]


def test_a_remark_moves_to_the_provider_that_its_words_have_come_to() -> None:
    sheet = Sheet()
    sheet.remark(PROVIDERS, ("list", 0, "x"), "first")
    sheet.remark(PROVIDERS, ("list", 1), "stays")
    sheet.add(PROVIDERS, "of all")
    sheet.belongs(("list", 0), ("providers", "openai"))
    sheet.settle()
    assert [each.at for each in sheet.remarks] == [("providers", "openai"), PROVIDERS, PROVIDERS]
    assert sheet.place_of(("list", 0, "y")) == ("providers", "openai")
    assert sheet.place_of(("other",)) == ANYWHERE


def test_a_remark_names_its_place_and_can_command_no_terminal() -> None:
    sheet = Sheet()
    sheet.remark(ANYWHERE, ("a b", 2), "x\x1b[2J\ny")
    sheet.add(ANYWHERE, "of nothing in particular")
    assert (
        str(sheet.remarks[0]) == '"a b"[2]: x\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}y'
    )
    assert str(sheet.remarks[1]) == "Of nothing in particular"


def test_r11_a_remark_shows_of_a_value_only_what_can_be_no_secret() -> None:
    sheet = Sheet()
    sheet.remark(ANYWHERE, ("a", "b"), "is not here.", {"api_key": "hunter2", "rpm": 5})
    assert sheet.remarks[0].said == "api_key = …, rpm = 5"
