"""The border to PyYAML: bombs are weighed before they go off, and no value is told in an error."""

import time

import pytest

from gateway.commands.moving.yaml_text import read_yaml

MOST = 20_000


def test_aliases_and_merges_are_what_they_stand_for() -> None:
    text = "base: &b {a: 1}\none: {<<: *b, c: 2}\ntwo: *b"
    assert read_yaml(text, MOST) == {"base": {"a": 1}, "one": {"a": 1, "c": 2}, "two": {"a": 1}}


def test_a_bomb_of_aliases_is_refused_before_it_is_made() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    began = time.perf_counter()
    with pytest.raises(ValueError, match="comes to more than 20000 values"):
        read_yaml("\n".join(lines), MOST)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "is nested too deeply, or within itself"),
        ("[" * 500, "is nested too deeply"),
        ("a: 1\nb: 2\na: 3", 'has "a" twice in one table, line 3'),
        ("a: !!python/object:os.system hidden", "is not YAML that can be read: a tag"),
        ("a: !!python/tuple [hidden]", "is not YAML that can be read: a tag"),
        ("a: !!bool hidden", "none of its type"),
        ("a: !!int ''", "none of its type"),
        ("a: !!timestamp hidden", "none of its type"),
        ("a: !!float hidden", "none of its type"),
        ("key: 'hidden", "is not YAML that can be read"),
        ("a: *hidden", "is not YAML that can be read"),
        ("a: \x01hidden", "is not YAML: it holds a character"),
        ("a: 2024-13-45", "none of its type"),
    ],
)
def test_what_cannot_be_read_is_told_without_what_it_holds(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_yaml(text, MOST)
    assert "hidden" not in str(caught.value)


def test_nothing_is_nothing() -> None:
    assert read_yaml("# only a remark", MOST) is None
