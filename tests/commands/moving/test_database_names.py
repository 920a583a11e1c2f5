"""Names are clean and each is given once; of what is noted of a key no secret is taken over."""

import pytest

from gateway.commands.moving.database_names import LONGEST, Names, cleaned, metadata_of


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("ada", "ada"),
        ("  ada of research ", "ada of research"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}d\x1b[2Ja\n", "ad[2Ja"),
        ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        *(("", ""), (None, ""), ("\N{ZERO WIDTH SPACE}", ""), ("\n", "")),
        ("é" * 500, "é" * (LONGEST // 2)),
    ],
)
def test_a_name_is_clean(name: str | None, clean: str) -> None:
    assert cleaned(name) == clean


def test_a_name_is_given_once() -> None:
    names = Names(["ada", "ada-9f2c"])
    assert names.give("ada", "9f2c") == "ada-9f2c-2"
    assert names.give("ada", "0000") == "ada-0000"
    assert names.give("bob", "1") == "bob"
    assert names.give("bob", "1") == "bob-1"
    assert names.give("playground", "1") == "playground-1"


def test_of_metadata_words_and_numbers_are_taken() -> None:
    said = {"dept": "x", "cost": 5, "part": 0.5, "vip": True, "old": False, "none": None, "no": []}
    expected = {"dept": "x", "cost": "5", "part": "0.5", "vip": "true", "old": "false"}
    assert metadata_of(said) == (expected, [])


def test_of_metadata_what_holds_more_or_may_be_a_secret_is_left() -> None:
    said = {
        "logging": [{"secret": "sk-1"}],
        "langfuse_secret": "none by its looks",
        "API_KEY": 12345,
        "a\nb": "text",
        "long": "x" * 257,
        "bidi": "a\N{RIGHT-TO-LEFT OVERRIDE}",
        "openai": "sk-proj-0123456789",
        "hook": "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijkl",
        "\n": 1,
    }
    left = ["logging", "langfuse_secret", "API_KEY", "ab", "long", "bidi", "openai", "hook", "?"]
    assert metadata_of(said) == ({}, left)


def test_of_metadata_so_many_are_taken_and_no_table_is_needed() -> None:
    taken, left = metadata_of({f"n{number}": "x" for number in range(40)})
    assert (len(taken), left) == (32, [f"n{number}" for number in range(32, 40)])
    assert metadata_of(["a"]) == ({}, ["all of it"])
    assert metadata_of(None) == metadata_of([]) == ({}, [])
