"""Lines: every key of a TOML text is found on the line where it stands."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.lines import DEEPEST, Key, Lines

TEXT = '''\
# a comment with key = "value" and [table]
top = 1
"quoted key" = 2
'literal \\ key' = 3
"esc\\u0061ped" = 4
a.b . "c" = 5

[server]
host = "x # no comment" # a comment
text = """
port = 1
[not.a.table]
"""
port = 2
raw = \'\'\'
it's "raw" = 1\'\'\'
tls = { certificate = "a", "key" = "b", deep = { er = [1, { x = 1 }] } }

[ providers . "open ai" ]
keys = [
  "one",    # first
  { env = "A" },
  [1, 2],
]
when = 1979-05-27 07:32:00
after.that = "x"

[[lists]]
name = "first"
[lists.inner]
value = 1
[[lists]]
name = "second"
[lists.inner]
value = 2
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("top",), 2),
        (("quoted key",), 3),
        (("literal \\ key",), 4),
        (("escaped",), 5),
        (("a", "b", "c"), 6),
        (("server",), 8),
        (("server", "host"), 9),
        (("server", "text"), 10),
        (("server", "port"), 14),
        (("server", "raw"), 15),
        (("server", "tls"), 17),
        (("server", "tls", "key"), 17),
        (("server", "tls", "deep", "er", 1, "x"), 17),
        (("providers", "open ai"), 19),
        (("providers", "open ai", "keys"), 20),
        (("providers", "open ai", "keys", 0), 21),
        (("providers", "open ai", "keys", 1, "env"), 22),
        (("providers", "open ai", "keys", 2, 1), 23),
        (("providers", "open ai", "when"), 25),
        (("providers", "open ai", "after", "that"), 26),
        (("lists", 0, "name"), 29),
        (("lists", 0, "inner", "value"), 31),
        (("lists", 1), 32),
        (("lists", 1, "inner", "value"), 35),
    ],
)
def test_every_key_has_its_line(key: Key, line: int) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).find(key) == line


def test_what_stands_nowhere_is_on_the_line_of_what_would_hold_it() -> None:
    lines = Lines(TEXT)
    assert lines.find(("server", "tls", "missing")) == 17
    assert lines.find(("server", "missing", "more")) == 8
    assert lines.find(("missing",)) is None
    assert lines.find(()) is None


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\n" + ".".join("b" * (DEEPEST + 1)) + " = 1",
        "a = 1\nb = " + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        "a = 1\nb = " + "{ c = " * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1),
        "a = 1\n[" + ".".join("b" * (DEEPEST + 1)) + "]",
    ],
    ids=["dotted key", "list", "inline table", "table"],
)
def test_what_nests_beyond_measure_is_seen_before_anything_recurses(text: str) -> None:
    assert Lines(text).too_deep == 2


def test_what_nests_in_measure_is_left_alone() -> None:
    assert Lines("b = [[[[[[1]]]]]]\nc.d.e.f.g.h = { i.j = 1 }").too_deep is None


@pytest.mark.parametrize(
    "text",
    [
        'a = "open\nb = 1',
        'a = """open\n\n',
        'a = """open\\',
        "a = '''open\n",
        "a = 'open\n",
        "] } ] = , .",
        "[a\n[[b]\n]] = {",
        "= 1\n. = 2\n[] \n[[]]\n",
        '"\\q" = 1',
        "a = [1, {b = ]}",
        "{[1]}",
    ],
)
def test_what_is_no_toml_is_walked_over_without_complaint(text: str) -> None:
    Lines(text)


KEYS = st.one_of(st.text(max_size=6), st.sampled_from(["a", "b", "long-key", "1", "ä.ö"]))
SCALARS = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text(max_size=8), st.floats(allow_nan=False, width=16)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def written(value: object, pad: str) -> str:
    """Write a value as TOML, lists over several lines."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
        case list():
            return "[" + "".join(f"\n{pad}{written(item, pad)}," for item in value) + "\n]"
        case dict():
            pairs = [f"{written(key, pad)} = {written(item, pad)}" for key, item in value.items()]
            return "{ " + ", ".join(pairs) + " }"
        case _:
            return repr(value)


@given(st.lists(st.tuples(KEYS, VALUES), unique_by=lambda pair: pair[0], max_size=6))
def test_keys_of_any_document_are_found_in_order(pairs: list[tuple[str, object]]) -> None:
    text = ""
    expected = {}
    for key, value in pairs:
        text += "\n# [a] = { b\n"
        expected[key] = text.count("\n") + 1
        text += f"{written(key, '')} = {written(value, '  ')} # x = 1\n"
    assert list(tomllib.loads(text)) == list(expected)
    lines = Lines(text)
    assert {key: lines.find((key,)) for key in expected} == expected


@given(st.text(alphabet="ab.=\"'[]{},\n\\# 1", max_size=60))
def test_any_text_is_walked_over(text: str) -> None:
    found = Lines(text).find(("a",))
    assert found is None or 1 <= found <= text.count("\n") + 1
