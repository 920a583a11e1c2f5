"""Who may call by the token of an issuer: in memory, from the header field to the receipt, and a
real gateway with a real issuer and OpenAI's own client.
"""

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import openai
import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.door import NO_KEY
from gateway.policy.issuers import Issuer
from gateway.policy.keys import KeyRecord, Keyring, Team, digest_of
from gateway.upstream.issuers import open_issuers
from gateway.upstream.probe import client_on
from tests.caller import Caller, Reply
from tests.issuer import ISSUER, JWKS_URL, Lines, Place, Signer, by_secret, claims, document
from tests.process import Gateway, gateway, provider
from tests.scripted import Link, listen
from tests.stage import COMPLETION, WHOLE_STREAM, Stage, answer, chat, get

pytest_plugins = ("tests.onstage",)

PEPPER = b"a pepper of a test"
SECRET = "ngw-" + "a" * 43
OURS, EVIL = Signer("k1"), Signer("k1", number=1)
LIST = partial(get, "/v1/models")
BEARER = "Authorization: Bearer {}"
TEAMS = {"few": Team(models=("org/*",), members=("oidc:few",)), "all": Team(members=("oidc:all",))}


class Guarded:
    """A stage before which an issuer vouches, whose keys are at a place."""

    def __init__(self, stage: Stage, nursery: trio.Nursery) -> None:
        keys = [KeyRecord("a key", digest_of(SECRET.encode(), PEPPER))]
        stage.keyring = Keyring(keys, TEAMS, {}, PEPPER)
        self.stage = stage
        self.place = Place(document(OURS))
        issuers = open_issuers([Issuer(ISSUER, ("gateway",), JWKS_URL)], TEAMS, Lines())
        assert issuers is not None
        self.issuers = issuers
        for each in issuers.keys:
            nursery.start_soon(each.serve, client_on(self.place))

    async def ask(
        self, token: bytes, request: Callable[..., bytes] = LIST, field: str = BEARER
    ) -> Reply:
        """Ask with a token."""
        return await self.send(request(field.format(token.decode()))).reply()

    def send(self, request: bytes) -> Caller:
        """Open a connection and send, with the issuer in the house."""
        caller, current = self.stage.connect(), self.stage.current
        current.house = replace(current.house, issuers=self.issuers)
        caller.send(request)
        return caller


@pytest.fixture
async def guarded(stage: Stage, autojump_clock: MockClock) -> AsyncIterator[Guarded]:
    async with trio.open_nursery() as nursery:
        yield Guarded(stage, nursery)
        nursery.cancel_scope.cancel()


async def test_a_token_opens_the_door_and_its_user_stands_in_the_receipt(
    guarded: Guarded, autojump_clock: MockClock
) -> None:
    guarded.stage.provider(*WHOLE_STREAM)
    assert (await guarded.ask(OURS.token(claims(groups=["all"])), chat)).text == "hello"
    caller = (await guarded.stage.receipt()).caller
    assert (caller.key, caller.user, caller.team) == ("oidc:ada", "ada", "all")


async def test_a_key_goes_on_to_open_the_door(guarded: Guarded, autojump_clock: MockClock) -> None:
    assert (await guarded.ask(SECRET.encode())).status == 200
    assert (await guarded.ask(SECRET.encode(), field="x-api-key: {}")).status == 200
    assert (await guarded.ask(SECRET[:-1].encode())).status == 401


GOOD = claims(groups=["all"])
WRONG = {
    "expired": OURS.token(GOOD | {"exp": 1}),
    "another audience": OURS.token(GOOD | {"aud": "x"}),
    "another issuer": OURS.token(GOOD | {"iss": "https://evil.example.com"}),
    "another key": EVIL.token(GOOD),
    "a secret": by_secret(b"secret"),
    "no group": OURS.token(claims(groups=["none"])),
    "malformed": b"a.b.c",
    "cut": OURS.token(GOOD)[:-1],
    "without a signature": OURS.token(GOOD).rpartition(b".")[0] + b".",
    "oversized by our own measure": b"a.b." + b"c" * 8000,
}


@pytest.mark.parametrize("token", WRONG.values(), ids=list(WRONG))
async def test_s10_whatever_is_wrong_with_a_token_it_is_the_401_of_a_wrong_key(
    guarded: Guarded, token: bytes, autojump_clock: MockClock
) -> None:
    """S10, S7."""
    for request in (LIST, chat):
        reply = await guarded.ask(token, request)
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
        assert reply.error["message"] == NO_KEY
    assert guarded.stage.dialled == []


async def test_a_token_stands_behind_bearer_alone(
    guarded: Guarded, autojump_clock: MockClock
) -> None:
    assert (await guarded.ask(OURS.token(GOOD))).status == 200
    assert (await guarded.ask(OURS.token(GOOD), field="x-api-key: {}")).status == 401


async def test_a_token_without_end_is_refused_with_its_head(
    guarded: Guarded, autojump_clock: MockClock
) -> None:
    """R18."""
    reply = await guarded.ask(b"a.b." + b"c" * 1_000_000)
    assert (reply.status, reply.get("connection")) == (431, "close")
    guarded.stage.accepted = 0


async def test_s13_what_the_team_may_not_ask_for_does_not_exist(
    guarded: Guarded, autojump_clock: MockClock
) -> None:
    """S13."""
    token = OURS.token(claims(groups=["few"]))
    listed = (await guarded.ask(token)).body
    assert b'"org/big"' in listed
    assert b'"m"' not in listed
    assert (await guarded.ask(token, chat)).status == 404
    guarded.stage.provider(answer(200, COMPLETION))
    asked = partial(chat, model="org/big", stream=False)
    assert (await guarded.ask(token, asked)).status == 200


async def test_while_the_issuers_keys_cannot_be_had_one_is_asked_to_come_again(
    guarded: Guarded, autojump_clock: MockClock
) -> None:
    guarded.place.answer = 500
    await trio.sleep(1)
    reply = await guarded.ask(OURS.token(GOOD))
    assert (reply.status, reply.error["code"]) == (503, "overloaded")
    assert reply.get("retry-after") == "9"
    assert (await guarded.ask(SECRET.encode())).status == 200
    guarded.place.answer = document(OURS)
    await trio.sleep(10)
    assert (await guarded.ask(OURS.token(GOOD))).status == 200


async def test_a_client_that_leaves_while_keys_are_fetched_is_gone_at_once(
    guarded: Guarded, autojump_clock: MockClock
) -> None:
    guarded.place.answer = None
    caller = guarded.send(chat(BEARER.format(OURS.token(GOOD).decode())))
    await trio.sleep(1)
    caller.leave()
    assert (await guarded.stage.receipt()).outcome == "client_gone"
    assert trio.current_time() == 1.0


class Authority:
    """A real issuer on loopback, with its configuration and its keys."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = signers
        self.asked = 0
        self.url = ""

    async def script(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.asked += 1
            body = document(*self.signers)
            if b"openid-configuration" in request.line:
                said = {"issuer": self.url, "jwks_uri": self.url + "/jwks"}
                body = json.dumps(said).encode()
            await link.send(answer(200, body))


def config_for(authority: Authority, port: int) -> str:
    return (
        provider(port)
        + f"""
[[auth.issuers]]
issuer = "{authority.url}"
audience = "gateway"
[teams.research]
models = ["m"]
members = ["oidc:ai-research"]
"""
    )


async def asked(real: Gateway, token: bytes) -> str:
    """Ask with OpenAI's own client; return what it was told, or the code of its error."""
    key = token.decode()
    async with openai.AsyncOpenAI(base_url=real.api, api_key=key, max_retries=0) as client:
        try:
            said = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hello"}]
            )
        except openai.APIStatusError as error:
            return f"{error.status_code} {error.code}"
        return said.choices[0].message.content or ""


async def once(link: Link) -> None:
    while True:
        await link.request()
        await link.send(answer(200, COMPLETION))


async def test_openais_client_calls_a_real_gateway_with_the_token_of_a_real_issuer(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    """S5, S17."""
    authority = Authority(OURS)
    issuing, up = await listen(nursery, authority.script), await listen(nursery, once)
    authority.url = f"http://127.0.0.1:{issuing.port}"
    now = time.time_ns() / 1e9
    said = claims(now, iss=authority.url)
    with gateway(tmp_path, config_for(authority, up.port)) as real:
        token = OURS.token(said)
        assert await asked(real, token) == "hi"
        assert await asked(real, token) == "hi"
        assert await asked(real, EVIL.token(said)) == "401 invalid_api_key"
        assert await asked(real, OURS.token(claims(now))) == "401 invalid_api_key"
        assert authority.asked == 2
        lines = await real.wait_for_lines(4)
        assert [line.get("key") for line in lines] == ["oidc:ada", "oidc:ada", None, None]
        whole = real.log.read_text()
        assert token.decode().rpartition(".")[2] not in whole
        assert token.decode()[:60] not in whole
    nursery.cancel_scope.cancel()
