"""Signing in at an issuer: what it is asked, and what is believed of what it says."""

import json
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import trio
from trio.testing import MockClock

from gateway.upstream.code_flow import FRESH, RETRY, TIMEOUT, CodeFlow, Places, Proof, Registration
from gateway.upstream.probe import client_on
from gateway.words.errors import (
    GatewayError,
    Timeout,
    UpstreamAuth,
    UpstreamFailure,
    UpstreamMalformed,
)
from gateway.words.secret import Secret
from tests.issuer import ISSUER

FOUND = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
}
GIVEN = b'{"access_token":"x","id_token":"a.b.c"}'
KNOWN = Registration(ISSUER, "the gateway", Secret("s&cret"), Places("", ""))
PROOF = Proof("v" * 43, "https://here.example.com/back")
HERE = Places(f"{ISSUER}/a?x=1", f"{ISSUER}/t")


class Place(httpx2.AsyncBaseTransport):
    """An issuer's places, by their paths: a status and a body, or None for silence."""

    def __init__(self, **found: Any) -> None:
        self.configuration: Any = FOUND | found
        self.token: tuple[int, bytes] | None = (200, GIVEN)
        self.asked: list[str] = []
        self.requests: list[tuple[httpx2.Headers, bytes]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        answer: tuple[int, bytes] | None
        if request.url.path.startswith("/.well-known"):
            said = self.configuration
            if isinstance(said, Exception):
                raise said
            answer = (said, b"") if isinstance(said, int) else (200, json.dumps(said).encode())
            answer = None if said is None else answer
        else:
            self.requests.append((request.headers, await request.aread()))
            answer = self.token
        if answer is None:
            await trio.sleep_forever()
        assert answer is not None
        return httpx2.Response(answer[0], stream=httpx2.ByteStream(answer[1]))


@pytest.fixture
def place() -> Place:
    return Place()


def flow(place: Place, **more: Any) -> CodeFlow:
    return CodeFlow(replace(KNOWN, **more), client_on(place))


def form_of(place: Place) -> dict[str, list[str]]:
    return parse_qs(place.requests[-1][1].decode())


async def test_the_issuer_is_asked_once_where_its_places_are(
    place: Place, autojump_clock: MockClock
) -> None:
    here = flow(place)
    url = await here.way_to({"state": "a&b", "nonce": "n"})
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["the gateway"],
        "state": ["a&b"],
        "nonce": ["n"],
    }
    assert await here.redeem("c", PROOF) == b"a.b.c"
    assert place.asked == ["/.well-known/openid-configuration", "/token"]
    await trio.sleep(FRESH)
    await here.way_to({})
    assert len(place.asked) == 3


async def test_a_code_is_shown_with_its_proof_and_the_secret_beside_it(place: Place) -> None:
    await flow(place).redeem("c", PROOF)
    headers, _ = place.requests[-1]
    shown = b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert shown == "the%20gateway:s%26cret"
    assert form_of(place) == {
        "grant_type": ["authorization_code"],
        "code": ["c"],
        "redirect_uri": [PROOF.back],
        "code_verifier": [PROOF.verifier],
        "client_id": ["the gateway"],
    }


async def test_the_secret_goes_in_the_form_where_the_issuer_wants_it_there() -> None:
    place = Place(token_endpoint_auth_methods_supported=["client_secret_post"])
    await flow(place).redeem("c", PROOF)
    assert form_of(place)["client_secret"] == ["s&cret"]
    assert "authorization" not in place.requests[-1][0]
    await flow(place, secret=None).redeem("c", PROOF)
    assert "client_secret" not in form_of(place)


async def test_places_that_are_configured_are_not_asked_for(place: Place) -> None:
    here = flow(place, places=HERE, issuer="a name that is no address", secret=None)
    assert (await here.way_to({"state": "s"})).startswith(f"{ISSUER}/a?x=1&response_type=code&")
    await here.redeem("c", PROOF)
    assert place.asked == ["/t"]
    assert "authorization" not in place.requests[-1][0]
    half = flow(place, places=Places("", f"{ISSUER}/t"))
    assert (await half.way_to({})).startswith(f"{ISSUER}/authorize?")
    await half.redeem("c", PROOF)
    assert place.asked[-2:] == ["/.well-known/openid-configuration", "/t"]


@pytest.mark.parametrize(
    "url", ["ftp://id.example.com/a", "http://id.example.com/a", "//id.example.com", "nothing"]
)
def test_what_is_no_address_is_a_mistake(place: Place, url: str) -> None:
    with pytest.raises(ValueError):
        flow(place, places=Places(url, f"{ISSUER}/t"))
    with pytest.raises(ValueError):
        flow(place, issuer=url)


WRONG: list[Any] = [
    FOUND | {"issuer": f"{ISSUER}/"},
    FOUND | {"authorization_endpoint": "http://127.0.0.1/a"},
    FOUND | {"token_endpoint": "http://169.254.169.254/latest"},
    FOUND | {"token_endpoint": "http://[::1]/t"},
    {"issuer": ISSUER},
    [],
    500,
]


@pytest.mark.parametrize("said", WRONG)
async def test_an_issuer_that_says_what_cannot_be_believed_signs_nobody_in(
    said: object, autojump_clock: MockClock
) -> None:
    place = Place()
    place.configuration = said
    here = flow(place)
    for _ in range(2):
        with pytest.raises(UpstreamFailure, match="cannot be asked"):
            await here.way_to({})
    assert len(place.asked) == 1
    await trio.sleep(RETRY)
    place.configuration = FOUND
    assert await here.way_to({})


async def test_a_silent_issuer_is_waited_for_no_longer_than_is_bearable(
    place: Place, autojump_clock: MockClock
) -> None:
    place.configuration = None
    with pytest.raises(UpstreamFailure, match="does not answer in time"):
        await flow(place).way_to({})
    place.configuration, place.token = FOUND, None
    with pytest.raises(Timeout):
        await flow(place).redeem("c", PROOF)


async def test_all_who_wait_for_a_silent_issuer_are_told_together(
    place: Place, autojump_clock: MockClock
) -> None:
    place.configuration = None
    here = flow(place)

    async def ask() -> None:
        with pytest.raises(UpstreamFailure, match="does not answer in time"):
            await here.way_to({})

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)
    assert trio.current_time() - began == TIMEOUT
    assert len(place.asked) == 1


async def test_who_leaves_while_the_issuer_is_asked_keeps_nobody_else_out(
    place: Place, autojump_clock: MockClock
) -> None:
    place.configuration = None
    here = flow(place)
    with trio.move_on_after(1):
        await here.way_to({})
    place.configuration = FOUND
    assert await here.way_to({})


async def test_the_places_that_were_known_go_on_while_the_issuer_is_away(
    place: Place, autojump_clock: MockClock
) -> None:
    here = flow(place)
    before = await here.way_to({})
    for trouble in (503, httpx2.ConnectTimeout("slow")):
        place.configuration = trouble
        await trio.sleep(FRESH)
        assert await here.way_to({}) == before


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, b'{"error":"invalid_grant","error_description":"a secret"}'), UpstreamAuth),
        ((500, b"a secret"), UpstreamFailure),
        ((200, b"{}"), UpstreamMalformed),
        ((200, b"\xff"), UpstreamMalformed),
        ((200, b'{"id_token":7}'), UpstreamMalformed),
        ((200, b'{"id_token":"' + b"x" * 70_000 + b'"}'), UpstreamMalformed),
    ],
)
async def test_a_code_that_is_not_taken_is_told_without_what_was_said(
    place: Place, answer: tuple[int, bytes], error: type[GatewayError]
) -> None:
    place.token = answer
    with pytest.raises(error) as caught:
        await flow(place).redeem("c", PROOF)
    assert "a secret" not in str(caught.value)
