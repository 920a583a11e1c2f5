"""Thoughts of other providers in signatures of the gateway's own."""

from base64 import urlsafe_b64encode

import pytest

from gateway.forms.messages_thoughts import SEAL, UNSIGNED, is_sealed, seal, unseal


def test_what_is_sealed_is_found_again() -> None:
    detail = {"type": "reasoning.encrypted", "data": "z/+=", "index": 3}
    assert is_sealed(seal(detail))
    assert unseal(seal(detail)) == detail


def test_a_signature_of_anthropics_is_not_the_gateways() -> None:
    assert not is_sealed("EqQBCgIYAhIM1gbcDa9GJwZA2b3h==")
    assert is_sealed(UNSIGNED)


@pytest.mark.parametrize("rest", ["", "?", "a", "unsigned", "W10=", "é", "e30", "bnVsbA=="])
def test_what_cannot_be_read_is_nothing(rest: str) -> None:
    assert unseal(SEAL + rest) is None


def test_what_is_nested_too_deeply_is_nothing() -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert unseal(SEAL + urlsafe_b64encode(deep).decode()) is None


def test_a_flood_of_details_is_nothing() -> None:
    assert unseal(seal({"a": [1] * 4_000})) is not None
    assert unseal(seal({"a": [1] * 5_000})) is None
