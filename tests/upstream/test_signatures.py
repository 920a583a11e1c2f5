"""The keys of an issuer: which are taken, which is meant, and what each has signed."""

import json
from typing import Any

import pytest

from gateway.policy.jwt import ALGORITHMS, read_token
from gateway.upstream.signatures import MOST_KEYS, IssuerKeys, read_keys
from tests.issuer import Signer, document


def keys_of(*keys: object) -> IssuerKeys:
    return read_keys(json.dumps({"keys": keys}).encode())


def signed_by(token: bytes, keys: IssuerKeys) -> bool:
    """Say whether a token is one of these keys' own."""
    said = read_token(token)
    assert said is not None
    key = keys.find(said.kid, said.algorithm)
    return key is not None and key.verifies(said.algorithm, said.signed, said.signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_knows_what_was_signed_and_nothing_else(algorithm: str) -> None:
    signer, other = Signer("k1", algorithm), Signer("k1", algorithm, number=1)
    keys = read_keys(document(signer))
    token = signer.token()
    assert signed_by(token, keys)
    assert not signed_by(other.token(), keys)
    said = read_token(token)
    assert said is not None
    key = keys.find("k1", algorithm)
    assert key is not None
    for signature in (b"", said.signature[:-1], said.signature + b"x", bytes(len(said.signature))):
        assert not key.verifies(algorithm, said.signed, signature)
    assert not key.verifies(algorithm, said.signed + b"x", said.signature)


def test_a_key_is_for_its_own_algorithms_alone() -> None:
    rsa, elliptic = Signer("r", "RS256"), Signer("e", "ES256")
    keys = keys_of(rsa.jwk(), elliptic.jwk(), rsa.jwk(kid="p", alg="PS256"))
    assert keys.find("r", "PS512") is not None
    assert keys.find("r", "ES256") is None
    assert keys.find("e", "ES384") is None
    assert keys.find("e", "EdDSA") is None
    assert keys.find("p", "PS256") is not None
    assert keys.find("p", "RS256") is None


def test_a_key_that_is_asked_about_another_kind_of_signature_says_no() -> None:
    key = keys_of(Signer().jwk()).find("k1", "ES256")
    assert key is not None
    assert not key.verifies("EdDSA", b"x", b"y")


def test_a_token_without_a_kid_means_the_only_key_that_fits() -> None:
    one, two = Signer("a"), Signer("b", number=1)
    assert keys_of(one.jwk(), Signer("r", "RS256").jwk()).find(None, "ES256") is not None
    assert keys_of(one.jwk(), two.jwk()).find(None, "ES256") is None
    assert keys_of(one.jwk()).find(None, "RS256") is None
    nameless = keys_of(Signer(None).jwk())
    assert nameless.find(None, "ES256") is not None
    assert nameless.find("k1", "ES256") is None


def test_of_two_keys_of_one_name_the_one_that_fits_is_meant_and_then_the_first() -> None:
    rsa, one, two = Signer("a", "RS256"), Signer("a"), Signer("a", number=1)
    keys = keys_of(rsa.jwk(), one.jwk(), two.jwk())
    assert signed_by(rsa.token(), keys)
    assert signed_by(one.token(), keys)
    assert not signed_by(two.token(), keys)


def test_what_a_document_says_besides_changes_nothing() -> None:
    signer = Signer()
    private = dict(signer.key.as_dict(private=True))
    keys = keys_of(
        {**private, "kid": "k1", "x5u": "http://evil.example.com", "key_ops": ["verify"]}
    )
    assert signed_by(signer.token(), keys)
    assert keys == keys_of(signer.jwk())
    assert keys != keys_of(signer.jwk(kid="k2"))
    assert keys != keys_of(Signer(number=1).jwk())
    assert private["d"] not in repr(keys)


ODD: dict[str, Any] = {
    "no table": 1,
    "no kind": {"kid": "a"},
    "a kind that nobody knows": {"kty": "AKP", "kid": "a"},
    "a secret": {"kty": "oct", "k": "c2VjcmV0"},
    "for encryption": Signer().jwk(use="enc"),
    "for signing alone": Signer().jwk(key_ops=["sign"]),
    "a kid that is none": Signer().jwk(kid=1),
    "a kid too long": Signer().jwk(kid="k" * 257),
    "a curve that nobody knows": Signer().jwk(crv="secp256k1"),
    "a curve for agreement": Signer("a", "EdDSA").jwk(crv="X25519"),
    "off the curve": Signer().jwk(x="AAAA", y="AAAA"),
    "odd base64": Signer().jwk(x="+/=="),
    "no coordinates": {"kty": "EC", "crv": "P-256"},
    "a curve of another kind": {**Signer("a", "EdDSA").jwk(), "kty": "EC"},
    "another kind": {**Signer().jwk(), "kty": "OKP"},
    "a weak key": Signer("a", "RS256").jwk(n="w" * 170),
    "a weak key that looks long": Signer("a", "RS256").jwk(n="A" * 300 + "w" * 170),
    "a key without end": Signer("a", "RS256").jwk(n="w" * 100_000),
    "an exponent without end": Signer("a", "RS256").jwk(e="w" * 100),
    "no exponent": Signer("a", "RS256").jwk(e=""),
    "an even exponent": Signer("a", "RS256").jwk(e="Ag"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_a_key_that_is_odd_or_weak_spares_the_others(odd: object) -> None:
    signer = Signer()
    keys = keys_of(odd, signer.jwk())
    assert len(keys) == 1
    assert signed_by(signer.token(), keys)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no set"),
        (b"<html>", "no set"),
        (b"[]", "no set"),
        (b"{}", "no set"),
        (b'{"keys":{}}', "no set"),
        (b'{"keys":["\xff"]}', "no key that can be used"),
        (b'{"keys":' + b"[" * 100_000, "no set"),
        (b'{"keys":[]}', "no key that can be used"),
        (b'{"keys":[{"kty":"oct","k":"YQ"}]}', "no key that can be used"),
        (b'{"keys":[' + b"[" * 9000 + b"]" * 9000 + b"]}", "no "),
    ],
)
def test_what_holds_no_key_is_no_document(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_keys(body)


def test_keys_are_not_read_without_end() -> None:
    many = [Signer().jwk(kid=f"k{number}") for number in range(MOST_KEYS + 1)]
    keys = keys_of(*many)
    assert len(keys) == MOST_KEYS
    assert keys.find(f"k{MOST_KEYS}", "ES256") is None
