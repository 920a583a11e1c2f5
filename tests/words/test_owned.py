"""Whose something is, as it is told from hand to hand."""

from gateway.words.owned import Owned


def test_whose_it_is_says_what_it_is_and_where() -> None:
    owned = Owned("file", "openai", b"team research")
    assert owned == ("file", "openai", b"team research")
    assert owned != owned._replace(scope=b"team other")
