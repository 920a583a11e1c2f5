"""A list of models never opens more here than there, whatever names are in it."""

import pytest

from gateway.commands.moving.database_models import Models, access_groups, met
from tests.commands.moving.parsed import Rows, configuration

HERE = '[groups]\nfrontier = ["gpt-5.2"]\n'


@pytest.mark.parametrize(
    ("said", "found"),
    [
        *((None, ()), ([], ()), (["all-proxy-models"], ()), (["mini", "*"], ())),
        (["all-team-models", "no-default-models"], ()),
        (["gpt-5.2", "mini", "mini"], ("gpt-5.2", "mini")),
        (["gpt-*", "openai/*"], ("gpt-*", "openai/*")),
        (["frontier"], ("@frontier",)),
        (["beta", "no-default-models"], ("@beta",)),
        (["@odd"], ("@odd",)),
        *((["no-default-models"], None), ([""], None), (["a\x1b"], None), (["@none"], None)),
        (["a*b*c*d*e*f"], None),
    ],
)
def test_names_are_those_that_are_answered_here(
    said: list[str] | None, found: tuple[str, ...] | None
) -> None:
    assert Models(configuration(HERE), {}).of(said) == found


def test_a_name_that_nobody_answers_becomes_a_group_with_what_is_known_to_be_in_it() -> None:
    models = Models(configuration(HERE), {"beta": ["mini", "gone"]})
    assert models.of(["beta", "other", "frontier"]) == ("@beta", "@other", "@frontier")
    assert models.of(["beta"]) == ("@beta",)
    assert models.groups == {"beta": ["mini"], "other": []}


def test_what_can_be_no_name_is_left_and_kept_to_be_told() -> None:
    models = Models(configuration(), {})
    assert models.of(["mini", "a\x1b", "@none", "no-default-models", "a*b*c*d*e*f"]) == ("mini",)
    assert list(models.left) == ["a\x1b", "@none", "a*b*c*d*e*f"]


def test_two_lists_allow_what_both_do() -> None:
    assert met((), ("a",)) == met(("a",), ()) == met(("a", "b"), ("c", "a")) == ("a",)
    assert met((), ()) == ()
    assert met(("a",), ("b",)) is None


def test_access_groups_are_read_from_the_models_that_say_they_are_in_one() -> None:
    rows: Rows = [
        {"model_name": "a", "model_info": {"access_groups": ["beta", 5]}},
        {"model_name": "b", "model_info": {"access_groups": ["beta", "gold"]}},
        {"model_name": "a", "model_info": {"access_groups": ["beta"]}},
        {"model_name": None, "model_info": {"access_groups": ["beta"]}},
        *({"model_name": "c", "model_info": each} for each in (None, {}, {"access_groups": "x"})),
    ]
    assert access_groups(rows) == {"beta": ["a", "b"], "gold": ["b"]}
