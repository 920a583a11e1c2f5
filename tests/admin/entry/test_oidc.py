"""Sign-in by OIDC, as a browser goes through it; the issuer is one on a real socket."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from gateway.admin.audit import Audit
from gateway.admin.entry.oidc import BACK, START, Oidc
from gateway.admin.entry.sessions import Sessions
from gateway.admin.entry.trips import Trips
from gateway.admin.site import Site
from gateway.policy.keys import Team
from gateway.words.secret import Secret
from tests.admin.signing import HERE, Browser, Hasty, Scene, scene
from tests.issuer import Signer, by_secret, part, unsigned
from tests.issuing import CLIENT_ID
from tests.stage import TODAY


@pytest.fixture
async def here(nursery: trio.Nursery) -> Any:
    opened = await scene(nursery)
    yield opened
    opened.close()


@pytest.fixture
async def browser(here: Scene) -> Browser:
    return Browser(here)


def cookies(response: Any) -> list[str]:
    return [str(each).lower() for each in response.headers.getlist("set-cookie")]


async def test_who_signs_in_at_the_issuer_has_signed_in_here(here: Scene, browser: Browser) -> None:
    assert await browser.goes_to() == "/sign-in"
    response = await browser.sign_in()
    assert response.status_code == 200
    text = await response.get_data(as_text=True)
    assert 'content="0; url=/"' in text
    assert "<script" not in text
    session, gone = cookies(response)
    assert "gateway-session=" in session
    assert "samesite=strict" in session
    assert "httponly" in session
    assert gone.startswith("gateway-trip=;")
    assert await browser.goes_to() == "/mine"
    (said,) = [said for _, event, said in here.heard.lines if event == "audit"]
    assert (said["who"], said["role"], said["detail"]) == ("ada", "developer", "by OIDC as ada")


async def test_the_issuer_is_told_no_more_than_it_needs(here: Scene, browser: Browser) -> None:
    response = await browser.get(START)
    (cookie,) = cookies(response)
    for word in ("httponly", "samesite=lax", "path=/;", "max-age=600"):
        assert word in cookie
    url = urlsplit(response.headers["location"])
    asked = parse_qs(url.query)
    assert asked.keys() == {
        *("response_type", "client_id", "scope", "redirect_uri", "state", "nonce"),
        *("code_challenge", "code_challenge_method"),
    }
    assert asked["redirect_uri"] == [HERE + BACK]
    assert asked["client_id"] == [CLIENT_ID]
    assert asked["nonce"][0] not in cookie


@pytest.mark.parametrize(
    ("groups", "place"), [("ops", "/live"), (["x", "audit"], "/live"), ([], "/mine")]
)
async def test_groups_are_roles(here: Scene, browser: Browser, groups: object, place: str) -> None:
    here.issuing.user["groups"] = groups
    await browser.sign_in()
    assert await browser.goes_to() == place


async def test_where_teams_have_members_nobody_else_comes_in(nursery: trio.Nursery) -> None:
    here = await scene(nursery, research=Team(members=("oidc:ai",)))
    response = await Browser(here).sign_in()
    assert response.status_code == 403
    assert "no group of yours" in await response.get_data(as_text=True)
    here.issuing.user["groups"] = ["ai"]
    browser = Browser(here)
    await browser.sign_in()
    assert await browser.goes_to() == "/mine"
    here.close()


Said = Mapping[str, Any]
OTHER = Signer("k1", number=1)


def altered(**more: object) -> Any:
    return lambda said, signer: signer.token({**said, **more})


FORGED: dict[str, Any] = {
    "another audience": altered(aud="another"),
    "a second audience": altered(aud=[CLIENT_ID, "another"]),
    "another party": altered(azp="another"),
    "another issuer": altered(iss="https://evil.example.com"),
    "another sign-in": altered(nonce="n" * 43),
    "no nonce": lambda said, signer: signer.token({k: said[k] for k in said if k != "nonce"}),
    "expired": altered(exp=int(TODAY) - 61),
    "of the future": altered(iat=int(TODAY) + 3600),
    "another key": lambda said, _: OTHER.token(said),
    "no signature": lambda said, _: unsigned({"alg": "none", "typ": "JWT"}, said) + b".",
    "none as algorithm": lambda said, _: unsigned({"alg": "none"}, said) + b"." + part(b"x"),
    "a shared secret": lambda said, _: by_secret(CLIENT_ID.encode()),
    "another kid": lambda said, signer: signer.token(said, kid="k9"),
    "a key of its own": lambda said, _: OTHER.token(said, jwk=OTHER.jwk()),
    "no user": altered(sub=""),
    "no token": lambda *_: b"hello",
    "too long": lambda said, signer: signer.token({**said, "x": "y" * 20_000}),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
async def test_a_token_that_is_not_for_this_sign_in_opens_nothing(
    here: Scene, browser: Browser, forge: Any
) -> None:
    made: list[bytes] = []

    def keep(said: dict[str, Any]) -> bytes:
        made.append(forge(said, here.issuing.signer))
        return made[0]

    here.issuing.forge = keep
    response = await browser.sign_in()
    assert response.status_code == 403
    assert cookies(response) == []
    assert await browser.goes_to() == "/sign-in"
    told = await response.get_data(as_text=True) + json.dumps(here.reasons)
    assert made[0].decode() not in told
    assert here.reasons


async def test_a_state_that_this_browser_has_not_is_refused_unasked(
    here: Scene, browser: Browser
) -> None:
    said = await browser.consent(await browser.leave())
    asked = len(here.issuing.asked)
    for forged in ({**said, "state": "x" * 43}, {"code": said["code"]}, {**said, "iss": "evil"}):
        response = await browser.come_back(forged)
        assert response.status_code == 400
    stranger = await Browser(here).come_back(said)
    assert stranger.status_code == 400
    assert "was not begun in this browser" in await stranger.get_data(as_text=True)
    assert len(here.issuing.asked) == asked


async def test_a_way_back_is_gone_once(here: Scene, browser: Browser) -> None:
    said = await browser.consent(await browser.leave())
    fetched = await browser.come_back(said)
    assert fetched.status_code == 200
    assert (await browser.come_back(said)).status_code == 400
    assert here.issuing.asked.count("/token") == 1


async def test_a_code_of_another_browsers_sign_in_is_refused_by_its_verifier(
    here: Scene, browser: Browser
) -> None:
    stolen = (await browser.consent(await browser.leave()))["code"]
    thief = Browser(here)
    own = await thief.consent(await thief.leave())
    response = await thief.come_back({**own, "code": stolen})
    assert response.status_code == 502
    assert "invalid_grant" in here.reasons[0]
    assert await thief.goes_to() == "/sign-in"


async def test_a_code_that_has_expired_is_told_as_the_issuer_says(
    here: Scene, browser: Browser
) -> None:
    here.issuing.expired = True
    response = await browser.sign_in()
    assert response.status_code == 502
    text = await response.get_data(as_text=True)
    assert "invalid_grant" in text


async def test_what_the_issuer_refuses_is_told_and_is_only_text(browser: Browser) -> None:
    url = await browser.leave()
    (state,) = parse_qs(urlsplit(url).query)["state"]
    response = await browser.come_back({"error": "<b>\u202eno</b>" * 40, "state": state})
    text = await response.get_data(as_text=True)
    assert response.status_code == 403
    assert "&lt;b&gt;" in text
    assert "\u202e" not in text
    url = await browser.leave()
    (state,) = parse_qs(urlsplit(url).query)["state"]
    response = await browser.come_back({"state": state})
    assert "no code came back" in await response.get_data(as_text=True)


async def test_no_address_is_followed_that_a_browser_brings(browser: Browser) -> None:
    url = await browser.leave()
    for query in ("?next=//evil.example.com", "?redirect_uri=https://evil.example.com"):
        response = await browser.get(START + query)
        assert response.headers["location"].split("?")[0] == url.split("?")[0]
        assert "evil" not in response.headers["location"]
    said = await browser.consent(await browser.leave())
    response = await browser.come_back({**said, "next": "//evil.example.com"})
    assert "evil" not in await response.get_data(as_text=True)


@pytest.mark.parametrize("name", ["code", "state", "iss"])
async def test_what_is_too_long_is_refused(browser: Browser, name: str) -> None:
    await browser.leave()
    response = await browser.come_back({name: "x" * 5000})
    assert response.status_code == 400


async def test_a_key_that_the_issuer_has_not_told_of_signs_nobody_in(
    here: Scene, browser: Browser
) -> None:
    said = await browser.consent(await browser.leave())
    here.issuing.signer = Signer("k2", number=1)
    response = await browser.come_back(said)
    assert response.status_code == 403
    assert "no key of the issuer" in here.reasons[0]


async def test_what_is_wrong_counts_as_a_wrong_credential_does_if_the_browser_began_it(
    here: Scene, browser: Browser
) -> None:
    """What any page could send a browser here with counts for nothing."""
    attempts = here.guard.attempts
    assert isinstance(attempts, Hasty)
    await browser.come_back({"code": "c", "state": "s"})
    assert attempts.wrong == 0
    here.issuing.expired = True
    await browser.sign_in()
    assert attempts.wrong == 1


async def test_over_tls_the_cookie_comes_back_over_tls_alone(nursery: trio.Nursery) -> None:
    here = await scene(nursery)
    secure = replace(here.guard, sessions=Sessions(Secret("k" * 43), secure=True))
    audit = Audit(here.heard, None)
    oidc = Oidc(here.sign_in, Trips(Secret("k" * 43)), secure, audit, HERE)
    here.site = Site((oidc,), secure, "1")
    (cookie,) = cookies(await Browser(here).get(START))
    assert cookie.startswith("__host-gateway-trip=")
    assert "; secure" in cookie
    here.close()
