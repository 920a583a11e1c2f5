"""A secret cannot print itself, by any way of looking (R11, S17)."""

import copy
import json

import msgspec
import pytest

from gateway.words.secret import MASKS_FROM, Secret

VALUE = "sk-0123456789abcdef9f2c"


def test_only_its_own_word_gives_it_back() -> None:
    assert Secret(VALUE).reveal() == VALUE


def test_s17_every_way_of_looking_shows_at_most_the_last_four() -> None:
    secret = Secret(VALUE)
    looks = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        "%s %r" % (secret, secret),  # noqa: UP031 (one of the ways of looking)
        f"{[secret]}",
        str({"key": secret}),
        secret.masked(),
    ]
    for look in looks:
        assert "***9f2c" in look
        assert "f9f2c" not in look
    assert f"{secret:>10}" == "   ***9f2c"


@pytest.mark.parametrize("value", ["", "a", VALUE[: MASKS_FROM - 1]])
def test_s17_nothing_is_shown_of_a_short_one(value: str) -> None:
    assert Secret(value).masked() == "***"
    assert repr(Secret(value)) == "Secret(***)"


def test_s17_it_is_not_packed() -> None:
    secret = Secret(VALUE)
    for pack in (json.dumps, msgspec.json.encode, msgspec.msgpack.encode, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            pack(secret)
    with pytest.raises(TypeError, match="not pickled"):
        secret.__reduce__()
    assert not hasattr(secret, "__dict__")


def test_r12_secrets_are_not_compared_and_are_no_keys_of_a_table() -> None:
    with pytest.raises(TypeError, match="compare_digest"):
        _ = Secret(VALUE) == Secret(VALUE)
    with pytest.raises(TypeError, match="unhashable"):
        {Secret(VALUE): 1}
