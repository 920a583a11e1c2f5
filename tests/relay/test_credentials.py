"""What a provider is shown that has no key of ours at hand, and whom its refusal concerns."""

from dataclasses import replace
from math import inf
from typing import Any, cast

import pytest
import trio
from msgspec import structs
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.forms.chat import read_request
from gateway.policy.issuers import Issuer
from gateway.policy.keys import KeyRecord, Keyring, digest_of
from gateway.policy.own_key import OwnKey
from gateway.policy.wishes import NOTHING
from gateway.relay.ask import settle
from gateway.relay.credentials import (
    blames_holder,
    credentials_for,
    scrubber_for,
    told_to_holder,
    unless_passed,
)
from gateway.relay.errand import Errand
from gateway.relay.house import House
from gateway.upstream.asking import Bearer
from gateway.upstream.issuers import open_issuers
from gateway.upstream.probe import client_on
from gateway.upstream.tokens import Fetched, Grant, Tokens
from gateway.words.call import Call, UpstreamRequest
from gateway.words.errors import (
    Busy,
    ConnectFailed,
    GatewayError,
    OwnKeyMissing,
    OwnKeyRefused,
    UpstreamAuth,
    UpstreamFault,
    UpstreamRefused,
)
from gateway.words.receipt import Attempt, Receipt
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target
from tests.issuer import ISSUER, JWKS_URL, Signer, claims
from tests.stage import KEY, Stage
from tests.token_place import Lines, TokenPlace

pytest_plugins = ("tests.onstage",)

REQUEST = UpstreamRequest("POST", "/", (), b"")
OWN = OwnKey(Secret("sk-callers-own"), bearer=True)


def target(kind: str = "openai", **more: object) -> Target:
    return Target("p", kind, "chat", Origin("http", "p", 80), "", "m", **more)  # type: ignore[arg-type]


class Source:
    def __init__(self) -> None:
        self.fetched = 0

    async def fetch(self, client: object) -> Fetched:
        self.fetched += 1
        return Fetched(Bearer(Secret("fetched-token")), 3600.0)


async def test_each_target_is_shown_what_it_is_to_be_shown(
    stage: Stage, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    grant = Grant("p", Source(), Lines(), lambda: 0.5)
    nursery.start_soon(grant.serve, client_on(TokenPlace(b"")))
    house = replace(stage.house(), tokens=Tokens({"p": grant}))
    for asked, own, shown in [
        (target(key=Secret("ours")), None, b"Bearer ours"),
        (target(client_key=True), OWN, b"Bearer sk-callers-own"),
        (target(grant="p"), None, b"Bearer fetched-token"),
    ]:
        fields = await credentials_for(asked, REQUEST, own, house, native=False)
        assert fields == ((b"authorization", shown),)
    with pytest.raises(OwnKeyMissing):
        await credentials_for(target(client_key=True), REQUEST, None, house, native=False)
    nursery.cancel_scope.cancel()


async def test_what_is_made_to_open_this_gateway_is_no_own_key(
    stage: Stage, nursery: trio.Nursery
) -> None:
    """Neither a key of ours that has ended, nor a token of an issuer that vouches for callers."""
    record = KeyRecord("old", digest_of(b"sk-old", b"pepper"), expires=0)
    issuers = open_issuers([Issuer(ISSUER, ("gateway",), JWKS_URL)], {}, Lines())
    keys = Keyring([record], {}, {}, b"pepper")
    house = replace(stage.house(), keys=keys, issuers=issuers)
    token, others = Signer().token(), Signer().token(claims(aud="azure"))
    for shown, goes_on in ((b"sk-old", False), (token, False), (others, True), (b"sk-new", True)):
        for field, said in ((b"authorization", b"Bearer " + shown), (b"api-key", shown)):
            key = house.own_key({b"x-gateway-key": b"ngw-x", field: said})
            assert (key is not None) is goes_on
    assert replace(house, issuers=None).own_key({b"x-gateway-key": b"x", b"api-key": token})


async def test_r11_a_callers_key_is_masked_in_what_its_provider_says_to_him(stage: Stage) -> None:
    """R11."""
    house = stage.house()
    text = f"{KEY} sk-callers-own"
    assert scrubber_for(target(client_key=True), OWN, house).scrub(text) == "*** ***"
    assert scrubber_for(target(client_key=True), None, house) is house.scrubber
    assert scrubber_for(target(), OWN, house) is house.scrubber


REFUSED = UpstreamRefused(
    "Slow.", status=429, type="t", code=None, headers=((b"retry-after", b"7"),)
)


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (401, b'{"error":{"message":"No.","type":"t","code":"c"}}', UpstreamAuth("?"), "No. t c"),
        (403, b"<html>", UpstreamAuth("?"), "authentication_error"),
        (429, b'{"error":{"message":"Slow."}}', REFUSED, "Slow. rate_limit_error None"),
        (400, b'{"error":{"message":"API key not valid."}}', UpstreamAuth("?"), "not valid."),
    ],
)
def test_what_is_said_of_his_key_is_told_to_its_holder(
    status: int, body: bytes, error: GatewayError, told: str
) -> None:
    found = told_to_holder(status, body, error)
    assert isinstance(found, OwnKeyRefused)
    assert told in f"{found.message} {found.type} {found.code}"
    assert (found.status, found.headers) == (status, error.headers)


@pytest.mark.parametrize(("status", "error"), [(500, REFUSED), (401, Busy("Full."))])
def test_all_else_is_told_as_ever(status: int, error: GatewayError) -> None:
    assert told_to_holder(status, b"{}", error) is error


def test_whom_a_failure_concerns() -> None:
    own, ours = target(client_key=True), target()
    refused = OwnKeyRefused("No.", status=401, type="t", code=None)
    too_often = UpstreamFault("Slow.", type="rate_limit_error", code=None)
    down = ConnectFailed("Nobody.")
    assert [blames_holder(each, own) for each in (refused, too_often, down)] == [True, True, False]
    assert not blames_holder(too_often, ours)


async def test_credentials_that_are_refused_are_doubted_and_a_callers_own_key_rests_nobody(
    stage: Stage, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    source = Source()
    grant = Grant("p", source, Lines(), lambda: 0.5)
    nursery.start_soon(grant.serve, client_on(TokenPlace(b"")))
    house = replace(stage.house(), tokens=Tokens({"p": grant}))
    await trio.sleep(100)
    refused = OwnKeyRefused("No.", status=429, type="t", code=None)
    for asked, error, times in [
        (target(client_key=True), refused, 1),
        (target(grant="p"), ConnectFailed("Nobody."), 1),
        (target(grant="p"), UpstreamAuth("No."), 2),
    ]:
        attempt = Attempt(asked.name, trio.current_time())
        house.health.begin(asked, trio.current_time(), must=True)
        settle(errand_in(house), asked, attempt, error)
        await wait_all_tasks_blocked()
        assert source.fetched == times
        if asked.client_key:
            (state,) = house.health.states(trio.current_time())
            assert (state.failures, state.resting_keys) == (0, ())
    nursery.cancel_scope.cancel()


def errand_in(house: House) -> Errand:
    call = read_request("chat", b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}')
    receipt = Receipt("req_1", "POST", "/", "127.0.0.1", 0.0)
    return Errand(call, NOTHING, receipt, cast("Any", None), house, inf, inf)


def test_what_a_client_says_of_its_form_stands_before_what_the_provider_would() -> None:
    own = ((b"x-api-key", b"k"), (b"anthropic-version", b"2023-06-01"))
    silent = Call("messages", "chat", "m", False, True, {})
    passing = structs.replace(silent, passed=((b"anthropic-version", b"2026-10-21"),))
    assert unless_passed(own, passing) == own[:1]
    assert unless_passed(own, silent) == own
