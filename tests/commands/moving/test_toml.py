"""The text of a sheet: it is TOML, in the usual order, each remark below its table."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.moving.sheet import ANYWHERE, PROVIDERS, Sheet
from gateway.commands.moving.toml import value_of, written


def test_tables_stand_in_their_order_each_with_its_remarks() -> None:
    sheet = Sheet()
    sheet.put(("models", "gpt-5.2"), "retries", 1)
    sheet.put(("providers", "a"), "models", ["x"])
    sheet.put(("server",), "port", 4000)
    sheet.remark(("telemetry",), ("y",), "second.", 3)
    sheet.remark(PROVIDERS, ("x",), "first.")
    sheet.remark(ANYWHERE, ("z",), "third.")
    assert written(sheet, ["made", ""]).splitlines() == [
        "# made",
        "#",
        "",
        "[server]",
        "port = 4000",
        "",
        "# x: first.",
        "",
        "[providers.a]",
        'models = ["x"]',
        "",
        '[models."gpt-5.2"]',
        "retries = 1",
        "",
        "[telemetry]",
        "# y: second. It said: 3",
        "",
        "# What has no place in this file:",
        "# z: third.",
    ]


def test_what_is_wide_goes_over_several_lines() -> None:
    sheet = Sheet()
    names = {f"a-model-{number}": "its own name" for number in range(9)}
    sheet.put(("providers", "a"), "models", names)
    sheet.put(("providers", "a"), "prefix", "p")
    sheet.put(("fallbacks",), "x", list(names))
    text = written(sheet, [])
    assert "\n[providers.a.models]\na-model-0 = " in text
    assert max(map(len, text.splitlines())) <= 100
    found = tomllib.loads(text)
    assert found["providers"]["a"] == {"prefix": "p", "models": names}
    assert found["fallbacks"]["x"] == list(names)


VALUES = st.recursive(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.booleans(),
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_is_read_as_it_was(value: object) -> None:
    assert tomllib.loads(f"x = {value_of(value)}") == {"x": value}


@given(st.text(), st.text(), st.text())
def test_no_remark_is_anything_but_a_remark(name: str, text: str, value: str) -> None:
    sheet = Sheet()
    sheet.remark(("server",), (name,), text, {"mode": value})
    sheet.add(ANYWHERE, text)
    assert tomllib.loads(written(sheet, [])) == {"server": {}}
