"""A server of tokens: how it is asked, what it may answer, what is told of a refusal."""

import httpx2
import pytest
from trio.testing import MockClock

from gateway.upstream.asking import MAX_BYTES, USUAL, Question, ask_for_token
from gateway.upstream.probe import client_on
from gateway.upstream.tokens import Fetched
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import GatewayError, UpstreamAuth, UpstreamFailure
from gateway.words.target import Origin, Target
from tests.token_place import GIVEN, TokenPlace, given

ORIGIN = Origin("https", "login.test", 443)
QUESTION = Question(ORIGIN, "/token", {"grant_type": "x y", "secret": "s&e=c"})
TARGET = Target("p", "openai", "chat", ORIGIN, "", "m")


async def ask(place: TokenPlace, *beside: Header, question: Question = QUESTION) -> Fetched:
    return await ask_for_token(question, client_on(place), beside)


def shown(fetched: Fetched) -> tuple[Header, ...]:
    return fetched.credentials.headers(TARGET, UpstreamRequest("POST", "/", (), b""))


async def test_a_form_goes_out_and_a_token_comes_back() -> None:
    place = TokenPlace(given())
    fetched = await ask(place, (b"x-project", b"p-1"))
    assert (place.methods, place.urls) == (["POST"], ["https://login.test/token"])
    assert place.bodies == [b"grant_type=x+y&secret=s%26e%3Dc"]
    assert place.heads[0]["content-type"] == "application/x-www-form-urlencoded"
    assert place.heads[0]["accept-encoding"] == "identity"
    assert fetched.lasts == 3600.0
    assert shown(fetched) == (
        (b"authorization", b"Bearer " + GIVEN.encode()),
        (b"x-project", b"p-1"),
    )
    assert [each.reveal() for each in fetched.credentials.secrets] == [GIVEN]
    assert GIVEN not in repr(fetched)


async def test_without_a_form_it_is_asked_for_with_get() -> None:
    place = TokenPlace(given())
    question = Question(ORIGIN, "/token?v=1", {}, ((b"metadata-flavor", b"Google"),))
    await ask(place, question=question)
    assert (place.methods, place.urls) == (["GET"], ["https://login.test/token?v=1"])
    assert (place.bodies, place.heads[0]["metadata-flavor"]) == ([b""], "Google")


@pytest.mark.parametrize(
    ("said", "lasts"), [(7200, 7200.0), ("60", 60.0), (None, USUAL), (0, USUAL), (-5, 1.0)]
)
async def test_how_long_it_holds(said: object, lasts: float) -> None:
    assert (await ask(TokenPlace(given(expires_in=said)))).lasts == lasts


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"\xff", b"[" * 5000, b'{"access_token": 1}'),
        *(given(""), given("a b\n"), given("stränge"), given("x" * 20_000)),
        *(given(expires_in="soon"), given(expires_in=[1]), given(expires_in="9" * 400)),
        b" " * (MAX_BYTES + 1),
    ],
)
async def test_what_is_no_token_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamFailure, match=r"https://login\.test"):
        await ask(TokenPlace(body))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error":"invalid_client","error_description":"s&e=c"}', "401 (invalid_client)"),
        (400, b'{"error":"invalid grant: s&e=c"}', "400"),
        (403, b"<html>s&e=c</html>", "403"),
    ],
)
async def test_s17_of_a_refusal_only_its_code_is_told(status: int, body: bytes, said: str) -> None:
    """S17, R11: what a server says there may repeat the secret."""
    place = TokenPlace(status)
    place.refusal = body
    with pytest.raises(UpstreamAuth) as caught:
        await ask(place)
    assert caught.value.message == f"https://login.test:443 answered {said}."


@pytest.mark.parametrize("status", [302, 429, 500])
async def test_what_is_no_answer_is_told_by_its_status(status: int) -> None:
    """R1: a redirect is not followed, or the secret would go elsewhere."""
    place = TokenPlace(status)
    with pytest.raises(UpstreamFailure, match=f"answered {status}"):
        await ask(place)
    assert len(place.urls) == 1


async def test_a_server_that_is_not_there_is_told_as_such(autojump_clock: MockClock) -> None:
    with pytest.raises(GatewayError, match="could not be connected to"):
        await ask(TokenPlace(httpx2.ConnectError("refused")))
