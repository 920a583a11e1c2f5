"""Tables: read field by field into a room's struct, every mistake told in the words of TOML."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from gateway.config.files import Files
from gateway.config.lines import Lines
from gateway.config.mistakes import Notes
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading, fields_of, read_table
from gateway.providers import echo
from gateway.words.secret import Secret
from gateway.words.units import Count, Seconds


class Inner(msgspec.Struct, frozen=True):
    needed: str
    number: Annotated[int, Meta(gt=0)] = 1


class Sample(msgspec.Struct, frozen=True):
    name: str = "default"
    count: Count = 0
    wait: Seconds = 1.0
    flag: bool = False
    choice: Literal["one", "two"] = "one"
    either: list[str] | dict[str, str] | Literal["*"] = []
    inner: Inner | None = None
    secret: Secret | None = None
    several: list[Secret] = []
    maybe: float | None = None
    tables: list[Inner] = []
    few: Annotated[list[Inner], Meta(max_length=2, description="Not many.")] = []


@pytest.fixture
def reading() -> Reading:
    files = Files(Path())
    return Reading(Notes("f", Lines("")), files, Secrets({"KEY": "from-environment"}, files))


def test_a_table_becomes_a_struct_with_its_defaults(reading: Reading) -> None:
    table = {"count": 3, "wait": 2, "inner": {"needed": "x"}, "either": {"a": "b"}, "maybe": 1}
    sample = read_table(Sample, table, ("t",), reading)
    assert sample == Sample(count=3, wait=2.0, inner=Inner("x"), either={"a": "b"}, maybe=1.0)
    assert reading.notes.findings == []
    assert set(reading.notes.origins) >= {"t.count", "t.inner", "t.inner.needed"}


def test_every_mistake_is_noted_and_the_rest_is_read(reading: Reading) -> None:
    table = {"nmae": "x", "name": 1, "count": -1, "flag": True, "inner": {"number": 0, "neded": 1}}
    sample = read_table(Sample, table, ("t",), reading)
    assert sample == Sample(flag=True)
    assert [str(finding) for finding in reading.notes.findings] == [
        "f: t.nmae: unknown key; did you mean name?",
        "f: t.name: expected a string, got a whole number",
        "f: t.count: expected a whole number >= 0",
        "f: t.inner.neded: unknown key; did you mean needed?",
        "f: t.inner.needed: is missing",
        "f: t.inner.number: expected a whole number >= 1",
    ]


def test_a_list_of_tables_is_read_as_each_would_be(reading: Reading) -> None:
    table = {"tables": [{"needed": "x"}, {"needed": "y", "number": 2}], "few": []}
    assert read_table(Sample, table, ("t",), reading) == Sample(tables=[Inner("x"), Inner("y", 2)])
    assert reading.notes.findings == []
    assert {"t.tables", "t.tables[1].number"} <= set(reading.notes.origins)


def test_every_mistake_in_a_list_of_tables_is_noted_at_its_place(reading: Reading) -> None:
    table = {"tables": [{"neded": 1, "number": 0}, 5, {"needed": "x"}], "count": 3}
    assert read_table(Sample, table, ("t",), reading) == Sample(count=3)
    assert [str(finding) for finding in reading.notes.findings] == [
        "f: t.tables[0].neded: unknown key; did you mean needed?",
        "f: t.tables[0].needed: is missing",
        "f: t.tables[0].number: expected a whole number >= 1",
        "f: t.tables[1]: expected a table, got a whole number",
    ]


def test_a_list_of_tables_that_is_too_long_is_not_read(reading: Reading) -> None:
    table = {"few": [{"needed": 1}] * 1000}
    assert read_table(Sample, table, ("t",), reading) == Sample()
    assert [str(finding) for finding in reading.notes.findings] == [
        "f: t.few: expected a list of length <= 2"
    ]
    assert read_table(Sample, {"few": [{"needed": "x"}] * 2}, ("t",), reading) is not None


def test_an_optional_table_that_is_empty_is_none(reading: Reading) -> None:
    sample = read_table(Sample, {"inner": {}}, ("t",), reading)
    assert sample == Sample(inner=None)
    assert reading.notes.findings == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "a string"),
        (1, "a whole number"),
        (1.5, "a number"),
        (True, "true or false"),
        ([], "a list"),
        (datetime(2027, 1, 1), "a date and time"),  # noqa: DTZ001 (TOML has local ones)
        (date(2027, 1, 1), "a date"),
        (time(12), "a time of day"),
    ],
)
def test_what_is_no_table_is_named_for_what_it_is(
    reading: Reading, value: object, kind: str
) -> None:
    assert read_table(Sample, value, ("t",), reading) is None
    assert [finding.text for finding in reading.notes.findings] == [f"expected a table, got {kind}"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("wait", float("nan"), "wait: expected a number >= 0.0"),
        ("wait", float("inf"), "wait: expected a number <= 31536000.0"),
        ("wait", 10**400, "wait: number out of range"),
        ("count", 10**30, "count: expected a whole number <= 10000000"),
        ("count", True, "count: expected a whole number, got true or false"),
        ("maybe", "x", "maybe: expected a number, got a string"),
        ("choice", "on", 'choice: expected "one" or "two", got "on"; did you mean one?'),
        ("choice", 1, "choice: expected a string, got a whole number"),
        ("either", "x", 'either: expected "*" or a list or a table, got "x"'),
        ("either", ["a", 1], "either[1]: expected a string, got a whole number"),
        ("either", {"a": 1}, "either: expected a string, got a whole number"),
        ("either", 1, "either: expected a string or a table or a list, got a whole number"),
        ("secret", 1, 'secret: expected { env = "NAME" } or { file = "path" }'),
        ("several", ["a", {}], 'several[1]: expected { env = "NAME" } or { file = "path" }'),
        ("several", "a", "several: expected a list, got a string"),
        ("tables", {"needed": "x"}, "tables: expected a list, got a table"),
        ("few", 1, "few: expected a list, got a whole number"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_toml(
    reading: Reading, key: str, value: object, said: str
) -> None:
    assert read_table(Sample, {key: value}, (), reading) == Sample()
    assert [str(finding) for finding in reading.notes.findings] == [f"f: {said}"]


def test_a_secret_by_reference_says_where_it_is_from_and_a_literal_one_is_warned_of(
    reading: Reading,
) -> None:
    table = {"secret": {"env": "KEY"}, "several": ["written-out", {"env": "KEY"}]}
    sample = read_table(Sample, table, (), reading)
    assert sample is not None
    assert sample.secret is not None
    assert sample.secret.reveal() == "from-environment"
    assert [secret.reveal() for secret in sample.several] == ["written-out", "from-environment"]
    assert reading.notes.origins["secret"].endswith("environment variable KEY")
    assert reading.notes.origins["several[1]"].endswith("environment variable KEY")
    (warning,) = reading.notes.warnings
    assert warning.startswith("f: several[0]: a secret in the file itself")


def test_no_key_means_that_an_optional_secret_is_not_set(reading: Reading) -> None:
    sample = read_table(Sample, {}, (), reading)
    assert sample is not None
    assert sample.secret is None


def test_a_provider_without_an_address_refuses_one_as_unknown(reading: Reading) -> None:
    assert {"base_url", "api_key", "headers"}.isdisjoint(
        field.name for field in fields_of(echo.Options)
    )
    read_table(echo.Options, {"base_url": "http://x"}, ("providers", "echo"), reading)
    (finding,) = reading.notes.findings
    assert str(finding) == "f: providers.echo.base_url: unknown key"


def test_what_every_level_may_say_comes_behind_what_one_says_of_itself() -> None:
    names = [field.name for field in fields_of(echo.Options)]
    assert names[:5] == ["kind", "models", "prefix", "words_per_second", "retries"]
    assert names[-1] == "timeouts"
