"""What we sign, others can check."""

import json
from base64 import urlsafe_b64decode

import pytest

from gateway.upstream.assertions import sign
from gateway.upstream.signatures import read_keys
from tests.issuer import Signer, document


def decoded(part: str) -> object:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_what_is_signed_is_verified_by_the_public_half() -> None:
    signer = Signer("k1", "RS256")
    token = sign(signer.key.as_pem(private=True).decode(), "k1", {"iss": "me", "iat": 1})
    head, claims, signature = token.split(".")
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert decoded(claims) == {"iss": "me", "iat": 1}
    key = read_keys(document(signer)).find("k1", "RS256")
    assert key is not None
    text = f"{head}.{claims}".encode()
    assert key.verifies("RS256", text, urlsafe_b64decode(signature + "=="))
    assert not key.verifies("RS256", text + b"x", urlsafe_b64decode(signature + "=="))


def test_a_key_without_a_name_is_not_named() -> None:
    token = sign(Signer("k1", "RS256").key.as_pem(private=True).decode(), "", {})
    assert decoded(token.split(".")[0]) == {"alg": "RS256", "typ": "JWT"}


@pytest.mark.parametrize("kind", ["nonsense", "a curve", "public"])
def test_what_is_no_private_key_is_refused_without_its_words(kind: str) -> None:
    key = {
        "nonsense": "private-nonsense",
        "a curve": Signer("k1").key.as_pem(private=True).decode(),
        "public": Signer("k1", "RS256").key.as_pem(private=False).decode(),
    }[kind]
    with pytest.raises(ValueError, match="none of RSA in PEM") as caught:
        sign(key, "k1", {})
    assert "private-nonsense" not in str(caught.value)
