"""Tokens as they are read without a key: what is one, what it says, what is refused unread."""

import json

import pytest

from gateway.policy.jwt import LONGEST_BYTES, read_token, token_in
from tests.issuer import claims, part, unsigned
from tests.stage import TODAY

HEADER = {"alg": "ES256", "kid": "k1", "typ": "JWT"}
SIGNATURE = b".c2ln"
TOKEN = unsigned(HEADER) + SIGNATURE


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (b"Bearer a.b.c", b"a.b.c"),
        (b"  bearer   a-_.b.c  ", b"a-_.b.c"),
        (b"BEARER a.b.c", b"a.b.c"),
        (b"Bearer a.b.%b" % (b"c" * (LONGEST_BYTES - 4)), b"a.b." + b"c" * (LONGEST_BYTES - 4)),
        (b"Bearer a.b.%b" % (b"c" * (LONGEST_BYTES - 3)), None),
        (b"Bearer " + b"x" * 1_000_000, None),
        (b"Basic a.b.c", None),
        (b"a.b.c", None),
        (b"Bearer", None),
        (b"Bearer a.b", None),
        (b"Bearer a.b.", None),
        (b"Bearer a..c", None),
        (b"Bearer a.b.c.d", None),
        (b"Bearer a.b.c.d.e", None),
        (b"Bearer a.b.c=", None),
        (b"Bearer a.b .c", None),
        (b"Bearer a.b.\xe9", None),
        (b"Bearer ngw-abc", None),
    ],
)
def test_a_token_is_three_parts_behind_bearer(field: bytes, shown: bytes | None) -> None:
    assert token_in({b"authorization": field}) == shown


def test_a_token_stands_in_no_other_field() -> None:
    assert token_in({b"x-api-key": b"a.b.c", b"api-key": b"a.b.c"}) is None


def test_a_token_is_read() -> None:
    token = read_token(TOKEN)
    assert token is not None
    assert (token.algorithm, token.kid, token.issuer) == ("ES256", "k1", "https://id.example.com")
    assert (token.audience, token.begins, token.expires) == (("gateway",), TODAY, TODAY + 600)
    assert token.claims == claims()
    assert (token.signed + SIGNATURE, token.signature) == (TOKEN, b"sig")


def test_s17_what_is_shown_of_a_token_is_nothing_that_opens() -> None:
    """S17."""
    said = repr(read_token(TOKEN))
    assert "sig" not in said
    assert "groups" not in said


def test_the_audience_may_be_several_and_the_later_beginning_counts() -> None:
    said = claims(aud=["a", "b"], nbf=TODAY + 5.5, iat=TODAY)
    token = read_token(unsigned(HEADER, said) + SIGNATURE)
    assert token is not None
    assert (token.audience, token.begins) == (("a", "b"), TODAY + 5.5)


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_a_token_may_say_that_it_is_one(kind: str | None) -> None:
    header = {"alg": "ES256"} if kind is None else {"alg": "ES256", "typ": kind}
    token = read_token(unsigned(header) + SIGNATURE)
    assert token is not None
    assert token.kid is None


def test_of_two_claims_of_one_name_the_last_counts_for_all_that_is_asked() -> None:
    said = json.dumps(claims()).encode()
    twice = b'{"iss":"evil","aud":"evil","exp":1,"sub":"eve",' + said[1:]
    token = read_token(part(HEADER) + b"." + part(twice) + SIGNATURE)
    assert token is not None
    assert token.claims["iss"] == token.issuer == "https://id.example.com"
    assert token.claims["sub"] == "ada"


HEADERS: dict[str, object] = {
    "no algorithm": {"kid": "k1"},
    "an algorithm that is none": {"alg": 1},
    "critical": {**HEADER, "crit": ["exp"]},
    "critical and empty": {**HEADER, "crit": []},
    "critical and b64": {**HEADER, "crit": ["b64"], "b64": False},
    "unencoded": {**HEADER, "b64": False},
    "unencoded, said for nothing": {**HEADER, "b64": True},
    "another kind": {**HEADER, "typ": "logout+jwt"},
    "a kind that is none": {**HEADER, "typ": 1},
    "a kid that is none": {**HEADER, "kid": 1},
    "a kid too long": {**HEADER, "kid": "k" * 257},
    "a list": ["alg"],
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=list(HEADERS))
def test_a_header_that_asks_for_more_is_refused(header: object) -> None:
    text = part(json.dumps(header).encode()) + b"." + part(claims())
    assert read_token(text + SIGNATURE) is None


SAID = {
    "no issuer": claims(iss=None),
    "an issuer that is none": claims(iss=["https://id.example.com"]),
    "no audience": claims(aud=None),
    "an audience that is none": claims(aud=1),
    "an audience of numbers": claims(aud=[1]),
    "no end": claims(exp=None),
    "an end in words": claims(exp="2100000000"),
    "an end that is true": claims(exp=True),
    "a beginning in words": claims(nbf="1"),
    "an issue in words": claims(iat=[]),
}


@pytest.mark.parametrize("said", SAID.values(), ids=list(SAID))
def test_claims_that_are_missing_or_odd_are_refused(said: dict[str, object]) -> None:
    assert read_token(unsigned(HEADER, said) + SIGNATURE) is None


PAYLOADS = {
    "a list": b"[1]",
    "a text": b'"x"',
    "another token, nested": TOKEN,
    "nothing": b" ",
    "cut": json.dumps(claims()).encode()[:-1],
    "more behind it": json.dumps(claims()).encode() + b"{}",
    "no number": json.dumps(claims()).encode().replace(b"1800000600", b"NaN"),
    "a number without end": json.dumps(claims()).encode().replace(b"1800000600", b"9" * 5000),
    "a number too large": json.dumps(claims()).encode().replace(b"1800000600", b"1e999"),
    "no UTF-8": json.dumps(claims()).encode().replace(b"ada", b"\xff"),
    "half a character": json.dumps(claims()).encode().replace(b"ada", b"\\ud800"),
    "deep": json.dumps({**claims(), "groups": 1}).encode()[:-2] + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))
def test_r15_what_is_no_table_of_claims_is_refused(payload: bytes) -> None:
    """R15."""
    assert read_token(part(HEADER) + b"." + part(payload) + SIGNATURE) is None


@pytest.mark.parametrize(
    "token",
    [
        unsigned(HEADER) + b".c2lnbm",  # bits that nobody reads are set
        unsigned(HEADER) + b".c",
        b"A" + TOKEN,
        b"a.b.c",
        b"..",
        b"",
    ],
)
def test_what_is_not_base64url_in_its_one_spelling_is_refused(token: bytes) -> None:
    assert read_token(token) is None


def test_a_token_for_the_gateway_stands_beside_one_for_a_provider() -> None:
    beside = {b"authorization": b"Bearer x.y.z", b"x-gateway-key": b" a.b.c "}
    assert token_in(beside) == b"a.b.c"
    assert token_in(beside | {b"x-gateway-key": b"ngw-key"}) is None
