"""Signs that look like plain ones and mean the same."""

import pytest

from gateway.policy.guards.plain import plain


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4111 1111", "4111 1111"),
        ("4111\u00a01111\u202f2", "4111 1111 2"),
        ("212\u2011555\u22120188", "212-555-0188"),
        ("\uff44\uff41\uff52\uff4e\uff20\uff14\uff5e", "darn@4~"),
        ("\u0664\u06f1\u0967\u09e7\u0e51", "41111"),
        ("stra\u00dfe \u2014 \u4e2d\u6587 \u200b", "stra\u00dfe \u2014 \u4e2d\u6587 \u200b"),
    ],
)
def test_a_text_is_told_in_plain_signs_of_which_each_keeps_its_place(
    text: str, wanted: str
) -> None:
    assert plain(text) == wanted
    assert len(wanted) == len(text)
