"""Error answers of providers: any of them is told sanely, and no secret is told with it."""

import json

from gateway.forms.chat import read_error, write_error
from gateway.forms.http import check_header
from gateway.policy.scrub import Scrubber
from gateway.relay.refusal import scrub
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamMalformed, UpstreamRefused
from gateway.words.secret import Secret
from tests.fuzz.cuts import has_no_controls, head_off

KEY = 'sk-"canary"/0123456789-abcdef\\9f2c'
SPELLINGS = {
    b"$KEY": KEY.encode(),
    b"$JSON": json.dumps(KEY)[1:-1].encode(),
    b"$URL": KEY.replace('"', "%22").replace("/", "%2F").replace("\\", "%5C").encode(),
}
"""Marks that stand for the key in an input, as providers spell it."""

FRAGMENT = 8
"""So many characters of a key must not be told."""

LONGEST_MESSAGE = 2000 + len("***")
LONGEST_WORD = 256 + len("***")
PASSED = (b"retry-after", b"retry-after-ms", b"x-should-retry")
SCRUBBER = Scrubber([Secret(KEY)])


def refusals(data: bytes) -> None:
    """Oracle: the error is one of three kinds, short, printable, encodable, without a secret."""
    status, data = head_off(data, 2)
    for mark, spelling in SPELLINGS.items():
        data = data.replace(mark, spelling)
    head, _, body = data.partition(b"\n\n")
    error = read_error(status % 1000, _headers(head), body)
    scrub(error, SCRUBBER)
    _check_kind(error, status % 1000)
    for words, longest in (
        (error.message, LONGEST_MESSAGE),
        (error.type, LONGEST_WORD),
        (error.code, LONGEST_WORD),
        (error.param, LONGEST_WORD),
    ):
        if words is not None:
            assert 0 < len(words) <= longest
            assert has_no_controls(words)
    written = write_error(error)
    assert json.loads(written)["error"].keys() == {"message", "type", "param", "code"}
    told = written + b"\n".join(value for _, value in error.headers)
    assert not any(fragment in told for fragment in _fragments())


def _headers(head: bytes) -> tuple[Header, ...]:
    fields = (line.partition(b":") for line in head.split(b"\n"))
    return tuple((name.lower(), value) for name, _, value in fields)


def _check_kind(error: GatewayError, status: int) -> None:
    if status in {401, 402, 403}:
        assert isinstance(error, UpstreamAuth)
    elif 400 <= status <= 599:
        assert isinstance(error, UpstreamRefused)
        assert error.status == status
    else:
        assert isinstance(error, UpstreamMalformed)
        assert error.status == 502
    for name, value in error.headers:
        check_header(name, value)
        assert name in PASSED or name.startswith(b"x-ratelimit-")


def _fragments() -> list[bytes]:
    """Return all parts of the key by which it could be known, in each spelling."""
    texts = (KEY.encode(), json.dumps(KEY)[1:-1].encode(), SPELLINGS[b"$URL"])
    return [text[at : at + FRAGMENT] for text in texts for at in range(len(text) - FRAGMENT + 1)]
