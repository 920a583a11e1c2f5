"""Signatures for AWS: its published examples, and what a verifier makes of the bytes that came."""

from dataclasses import replace

import pytest

from gateway.upstream.aws_keys import AwsKeys
from gateway.upstream.outgoing import write_head
from gateway.upstream.send import url_of
from gateway.upstream.sigv4 import sign
from gateway.words.body import LongBody
from gateway.words.call import UpstreamRequest, request_of
from gateway.words.client import Header
from gateway.words.errors import TooLarge
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target
from tests.scripted import Received
from tests.signed import signed_by

AUGUST = 1_440_938_160.0
"""2015-08-30, 12:36 UTC: the moment of AWS's examples."""

KEYS = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
SECRETS = {KEYS.access_key_id: KEYS.secret.reveal()}
FORM = (b"content-type", b"application/x-www-form-urlencoded")
UTF8 = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")
PROFILE = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Aapplication-inference-profile%2Fa"


def target(host: str = "example.amazonaws.com", path: str = "") -> Target:
    origin = Origin("https", host, 443)
    return Target("up", "bedrock", "bedrock", origin, path, "m", region="us-east-1")


def asked(method: str, path: str, *headers: Header, body: bytes = b"") -> UpstreamRequest:
    return UpstreamRequest(method, path, headers, body)


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        (asked("GET", "/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (asked("POST", "/"), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            asked("GET", "/?Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            asked("POST", "/", FORM, body=b"Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_examples_of_awss_test_suite_get_their_signatures(
    request_: UpstreamRequest, signature: str
) -> None:
    told = dict(sign(request_, target(), KEYS, AUGUST, "service"))
    assert told[b"x-amz-date"] == b"20150830T123600Z"
    assert told[b"authorization"].endswith(b"Signature=" + signature.encode())


def test_the_example_of_awss_guide_gets_its_signature() -> None:
    request = asked("GET", "/?Action=ListUsers&Version=2010-05-08", UTF8)
    told = dict(sign(request, target("iam.amazonaws.com"), KEYS, AUGUST, "iam"))
    assert told[b"authorization"] == (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
        b" SignedHeaders=content-type;host;x-amz-date,"
        b" Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def received(request: UpstreamRequest, where: Target, keys: AwsKeys = KEYS) -> Received:
    """Return the request as it would come to its provider."""
    shown = sign(request, where, keys, AUGUST)
    url = url_of(where.origin, where.base, request.path + where.query)
    fields = {**dict(request.headers), **dict(where.headers), **dict(shown)}
    assert isinstance(request.body, bytes)
    head = write_head(request.method, url.raw_path, where.origin, fields.items())
    return Received(head, request.body)


@pytest.mark.parametrize(
    "path",
    [
        "/model/amazon.nova-pro-v1%3A0/converse",
        f"/model/{PROFILE}/converse-stream",
        "/model/a%20b%25c/invoke",
        "/model/plain/invoke?x=1&a=b",
    ],
)
@pytest.mark.parametrize("base", ["", "/our/gate%20way"])
@pytest.mark.parametrize("origin", [Origin("https", "h.example", 443), Origin("http", "::1", 8080)])
def test_what_travels_is_what_was_signed(path: str, base: str, origin: Origin) -> None:
    where = replace(target(path=base), origin=origin)
    headers = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
    request = asked("POST", path, *headers, body=b'{"messages":[]}')
    assert signed_by(received(request, where), SECRETS) == "AKIDEXAMPLE"


def test_a_query_and_own_fields_of_the_operator_are_signed_too() -> None:
    own = ((b"x-amzn-bedrock-trace", b"ENABLED"), (b"x-team", b"a"))
    where = replace(target(), headers=own, query="?a=b")
    got = received(asked("POST", "/model/m/converse"), where)
    assert signed_by(got, SECRETS) == "AKIDEXAMPLE"
    assert b"x-amzn-bedrock-trace" in got.head.partition(b"SignedHeaders=")[2]
    assert b"x-team" not in got.head.partition(b"SignedHeaders=")[2]


def test_keys_that_are_lent_are_shown_with_their_token() -> None:
    keys = replace(KEYS, token=Secret("lent"))
    got = received(asked("POST", "/model/m/converse"), target(), keys)
    assert got.values(b"x-amz-security-token") == [b"lent"]
    assert b"x-amz-security-token" in got.head.partition(b"SignedHeaders=")[2]
    assert signed_by(got, SECRETS) == "AKIDEXAMPLE"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/model/m%3A0/", b"/model/m:0/"),
        (b"POST", b"PUT"),
        (b"us-east-1", b"eu-west-1"),
        (b"application/json", b"text/plain"),
    ],
)
def test_the_verifier_sees_what_was_changed(old: bytes, new: bytes) -> None:
    request = asked("POST", "/model/m%3A0/converse", (b"content-type", b"application/json"))
    got = received(request, target())
    assert old in got.head
    with pytest.raises(AssertionError):
        signed_by(Received(got.head.replace(old, new), got.body), SECRETS)
    with pytest.raises(AssertionError):
        signed_by(Received(got.head, b"x"), SECRETS)


def test_no_secret_stands_in_what_is_shown() -> None:
    assert KEYS.secret.reveal() not in repr(KEYS)
    shown = sign(asked("GET", "/"), target(), KEYS, AUGUST)
    assert KEYS.secret.reveal().encode() not in b"".join(value for _, value in shown)


def test_of_what_is_not_held_nothing_is_signed() -> None:
    request = request_of("POST", "/model/m/invoke", (), LongBody([b"{}"]))
    with pytest.raises(TooLarge):
        sign(request, target(), KEYS, AUGUST)
