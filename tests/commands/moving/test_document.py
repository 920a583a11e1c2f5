"""Files of others, within bounds: each gives a table of plain values, or a sentence."""

import json
from pathlib import Path

import pytest

from gateway.commands.moving.document import (
    DEEPEST,
    MOST,
    Unreadable,
    document_of,
    read_document,
)


def read(tmp_path: Path, name: str, text: str | bytes) -> object:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path)


def test_both_kinds_of_text_are_read(tmp_path: Path) -> None:
    wanted = {"a": [1, 2.5, True, None, "x"], "b": {"c": "d"}}
    assert read(tmp_path, "a.json", json.dumps(wanted)) == wanted
    assert read(tmp_path, "a.yaml", "\ufeffa: [1, 2.5, true, null, x]\nb: {c: d}") == wanted


def test_what_yaml_takes_for_something_else_is_a_text_again(tmp_path: Path) -> None:
    text = "version: 2024-10-21\n2: one\ntrue: two\nnull: three"
    wanted = {"version": "2024-10-21", "2": "one", "true": "two", "None": "three"}
    assert read(tmp_path, "a.yml", text) == wanted


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "[1]", "is no table of settings"),
        ("a.yaml", "", "is no table of settings"),
        ("a.json", "{", "is not JSON: Expecting property name"),
        ("a.json", '{"a": 1, "a": 2}', 'has "a" twice in one table'),
        ("a.json", "[" * 100_000, "is nested deeper than 32 levels"),
        ("a.json", b"\xff", "is not UTF-8"),
        ("a.json", json.dumps({"a": list(range(MOST))}), "holds more than 100000 values"),
        (
            "a.yaml",
            "a: !!binary YQ==",
            "holds a value that is neither a text, a number, nor a table",
        ),
        ("a.yaml", '"1": a\n1: b', 'has "1" twice in one table'),
        ("a.yaml", "[a]: b", "is not YAML that can be read, line 1"),
        ("a.yaml", "!!binary YQ==: b", "has a key that is no text"),
    ],
)
def test_what_is_no_configuration_is_told_with_its_file(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, name, text)
    assert str(caught.value).startswith(f"{tmp_path / name}: {said}")


def test_nothing_is_nested_without_end() -> None:
    value: object = 1
    for _ in range(DEEPEST + 2):
        value = {"a": value}
    with pytest.raises(ValueError, match="nested deeper"):
        document_of(value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot read"):
        read_document(tmp_path / "none.yaml")
