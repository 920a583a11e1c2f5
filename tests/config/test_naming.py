"""What may be asked for: names, patterns, groups; each means something, or it is told."""

from pathlib import Path

import pytest

from gateway.config.files import Files
from gateway.config.known import Known
from gateway.config.lines import Lines
from gateway.config.mistakes import Notes
from gateway.config.naming import Naming
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading
from gateway.providers import openai

GROUPS = {"frontier": ["gpt-5.2", "claude-*"], "none": [], "same": ["gpt-5.2"]}
KNOWN = Known({"a": openai.Options(models=["gpt-5.2", "claude-opus", "@cf/llama"])}, {})


@pytest.fixture
def reading() -> Reading:
    files = Files(Path())
    return Reading(Notes("f", Lines("")), files, Secrets({}, files))


def told(reading: Reading) -> list[str]:
    return [*map(str, reading.notes.findings), *reading.notes.warnings]


def test_names_patterns_and_groups_are_taken(reading: Reading) -> None:
    naming = Naming(GROUPS, KNOWN, reading)
    naming.check(["gpt-5.2", "claude-*", "@frontier", "@none", "@cf/llama"], ("m",))
    assert told(reading) == []


def test_what_means_nothing_is_told(reading: Reading) -> None:
    naming = Naming(GROUPS, KNOWN, reading)
    naming.check(["gpt-5", "x*", "@fronteer", "*****", "gpt-5"], ("m",))
    assert told(reading) == [
        "f: m[4]: stands here twice",
        'f: m[0]: nobody answers to "gpt-5"; did you mean gpt-5.2?',
        "f: m[2]: unknown group; did you mean frontier?",
        "f: m[3]: the pattern holds more than 4 stars",
        'f: m[4]: nobody answers to "gpt-5"; did you mean gpt-5.2?',
        "f: m[1]: no name that is answered is meant by this",
    ]


@pytest.mark.parametrize(
    ("said", "spread"),
    [
        ([], ()),
        (["@none"], ()),
        (["gpt-5.2", "@frontier"], ("gpt-5.2", "claude-*")),
        (["@same", "@frontier", "x"], ("gpt-5.2", "claude-*", "x")),
        (["@gone", "@cf/llama"], ("@gone", "@cf/llama")),
    ],
)
def test_a_group_is_spread_each_name_once(
    reading: Reading, said: list[str], spread: tuple[str, ...]
) -> None:
    assert Naming(GROUPS, KNOWN, reading).spread(said) == spread


@pytest.mark.parametrize("name", ["gpt-5.2", "@cf/llama"])
def test_one_name_is_taken_where_one_is_wanted(reading: Reading, name: str) -> None:
    Naming(GROUPS, KNOWN, reading).check_one(name, ("then",))
    assert told(reading) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("claude-*", "must name one model, and is a pattern or a group"),
        ("@frontier", "must name one model, and is a pattern or a group"),
        ("@frontir", "unknown group; did you mean frontier?"),
        ("claude-opuss", 'nobody answers to "claude-opuss"; did you mean claude-opus?'),
        (" x", "the name begins or ends with a space"),
    ],
)
def test_one_name_that_is_none_is_told(reading: Reading, name: str, said: str) -> None:
    Naming(GROUPS, KNOWN, reading).check_one(name, ("then",))
    assert told(reading) == [f"f: then: {said}"]


def test_where_names_cannot_be_told_none_is_missed(reading: Reading) -> None:
    naming = Naming(GROUPS, None, reading)
    naming.check(["gone", "gone*"], ("m",))
    naming.check_one("gone", ("then",))
    assert told(reading) == []
