"""Signing somebody in where the issuer cannot be asked; all else is in `test_oidc.py`."""

import httpx2
import pytest
from trio.testing import MockClock

from gateway.admin.entry.reception import SignIn, Trip
from gateway.admin.routes import Refusal
from gateway.policy.issuers import Issuer, Members
from gateway.policy.sign_in import Reception
from gateway.upstream.code_flow import CodeFlow, Places, Registration
from gateway.upstream.jwks import Jwks
from gateway.upstream.probe import client_on
from gateway.upstream.signatures import read_keys
from tests.admin.test_audit import Heard
from tests.issuer import ISSUER, Lines, Place, Signer, claims
from tests.stage import TODAY

TRIP = Trip("s", "n", "v")


def sign_in(place: Place, heard: Heard) -> SignIn:
    """Return it with keys that nobody fetches."""
    reception = Reception(Issuer(ISSUER, ("us",)), frozenset(), frozenset(), Members({}))
    flow = CodeFlow(Registration(ISSUER, "us", None, Places("", "")), client_on(place))
    keys = Jwks(ISSUER, "", read_keys, Lines())
    return SignIn("id", "openid", reception, flow, keys, lambda: TODAY, heard)


async def test_an_issuer_that_is_away_is_told_to_people_and_to_the_log() -> None:
    heard = Heard()
    here = sign_in(Place(httpx2.ConnectError("no route")), heard)
    with pytest.raises(Refusal) as caught:
        await here.way_to(TRIP, "https://here/back")
    assert (caught.value.status, caught.value.code) == (502, "issuer_away")
    ((level, event, said),) = heard.lines
    assert (level, event) == ("warning", "sign-in refused")
    assert "cannot be asked" in said["reason"]


async def test_without_keys_of_the_issuer_nobody_is_believed(autojump_clock: MockClock) -> None:
    token = Signer().token(claims(aud="us", nonce="n")).decode()
    place = Place(f'{{"id_token":"{token}"}}'.encode())
    place.others["/.well-known/openid-configuration"] = (
        f'{{"issuer":"{ISSUER}","authorization_endpoint":"{ISSUER}/a","token_endpoint":"{ISSUER}/t"}}'
    ).encode()
    with pytest.raises(Refusal, match="cannot be had"):
        await sign_in(place, Heard()).welcome("c", TRIP, "https://here/back")
