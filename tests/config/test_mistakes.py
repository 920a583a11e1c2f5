"""Mistakes: told with file, line and key, so that nothing in the file commands a terminal."""

import pytest

from gateway.config.lines import Key, Lines
from gateway.config.mistakes import PATIENCE, ConfigMistake, Finding, Notes, dotted, quoted

TEXT = "[server]\nport = 1\nhost = 2\n"


def test_a_finding_names_file_line_key_and_the_nearest_name() -> None:
    notes = Notes("gateway.toml", Lines(TEXT))
    notes.unknown(("server", "port"), "prot", ["port", "host"])
    assert [str(finding) for finding in notes.findings] == [
        "gateway.toml:2: server.port: unknown key; did you mean port?"
    ]


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (Finding("f", None, None, None, "wrong"), "f: wrong"),
        (Finding("f", 3, None, None, "wrong"), "f:3: wrong"),
        (Finding("f", 3, 7, None, "wrong"), "f:3:7: wrong"),
        (Finding("f", 3, None, "a.b", "wrong", "right"), "f:3: a.b: wrong; did you mean right?"),
    ],
)
def test_what_is_not_known_is_left_out(finding: Finding, said: str) -> None:
    assert str(finding) == said


def test_few_known_names_are_all_told_where_none_is_near() -> None:
    notes = Notes("f", Lines(TEXT))
    notes.unknown(("zzz",), "zzz", ["b c", "a"], "table")
    notes.unknown(("zzz",), "zzz", [f"name-{number}" for number in range(20)])
    notes.unknown(("zzz",), "zzz", [])
    assert [finding.text for finding in notes.findings] == [
        'unknown table (known here: a, "b c")',
        "unknown key",
        "unknown key",
    ]


def test_all_mistakes_are_raised_at_once_in_the_files_order() -> None:
    notes = Notes("f", Lines(TEXT))
    notes.settle()
    notes.mistake(("server", "host"), "second")
    notes.mistake(("server", "port"), "first")
    notes.mistake((), "of no line")
    with pytest.raises(ConfigMistake) as caught:
        notes.settle()
    assert str(caught.value) == "f: of no line\nf:2: server.port: first\nf:3: server.host: second"


def test_a_mistake_is_remembered_for_its_key_and_for_what_holds_it() -> None:
    notes = Notes("f", Lines(TEXT))
    notes.mistake(("a", "b", 0), "wrong")
    assert notes.is_wrong(("a",))
    assert notes.is_wrong(("a", "b", 0))
    assert not notes.is_wrong(("a", "b", 0, "c"))
    assert not notes.is_wrong(("b",))


def test_r24_a_literal_secret_is_a_mistake_where_everybody_reads_it_and_one_is_strict() -> None:
    for is_open, strict, wrong in [(False, True, 0), (True, False, 0), (True, True, 1)]:
        notes = Notes("f", Lines(TEXT), open_to_all=is_open, strict=strict)
        notes.literal(("server", "port"), "a secret")
        assert (len(notes.findings), len(notes.warnings)) == (wrong, 1 - wrong)
        told = notes.warnings[0] if notes.warnings else str(notes.findings[0])
        assert ("everybody on this machine" in told) is is_open


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ((), ""),
        (("a", "b-c", "D_1"), "a.b-c.D_1"),
        (("a", 0, "b", 12), "a[0].b[12]"),
        (("models", "gpt-5.2"), 'models."gpt-5.2"'),
        (("", 'a"b'), '"".' + r'"a\"b"'),
    ],
)
def test_a_key_is_written_as_in_a_file(key: Key, said: str) -> None:
    assert dotted(key) == said


def test_text_of_the_file_cannot_command_a_terminal() -> None:
    assert quoted("é\u202e\x1b[31m") == r'"é\U0000202e\U0000001b[31m"'
    assert quoted("é") == '"é"'
    assert len(quoted("x" * 1000)) < 100
    assert len(dotted(("x" * 1000,))) < 100


def test_the_nearest_name_is_near() -> None:
    notes = Notes("f", Lines(TEXT))
    assert notes.nearest("hedtimeout", ["head_timeout", "body_timeout"]) == "head_timeout"
    assert notes.nearest("workers", ["head_timeout", "body_timeout"]) is None


def test_of_very_many_mistakes_the_first_ones_get_advice() -> None:
    notes = Notes("f", Lines(TEXT))
    for number in range(PATIENCE + 10):
        notes.unknown((f"prot{number}",), "prot", ["port"])
    advised = [finding for finding in notes.findings if finding.nearest]
    assert advised == notes.findings[:PATIENCE]


def test_an_origin_says_the_line_and_where_a_value_was_taken_from() -> None:
    notes = Notes("f", Lines(TEXT))
    notes.came_from(("server", "port"))
    notes.came_from(("server", "host"), "environment variable HOST")
    assert notes.origins == {"server.port": "f:2", "server.host": "f:3, environment variable HOST"}
