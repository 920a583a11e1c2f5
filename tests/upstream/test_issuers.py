"""Callers by tokens: what opens the door, what does not, and what is remembered of either."""

import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from gateway.policy.issuers import Issuer
from gateway.policy.keys import Team
from gateway.upstream.issuers import MOST_KNOWN, Issuers, open_issuers
from gateway.upstream.probe import client_on
from gateway.words.errors import Busy
from tests.issuer import (
    ISSUER,
    JWKS_URL,
    Lines,
    Place,
    Signer,
    by_secret,
    claims,
    document,
    part,
    unsigned,
)
from tests.stage import TODAY
from tests.steps import steps

OTHER = "https://other.example.com"
OURS, THEIRS, EVIL = Signer("k1"), Signer("k2", number=1), Signer("k1", number=2)
RSA = Signer("r1", "RS256")
TEAMS = {"research": Team(members=("oidc:ai-research",))}


class Door:
    """Two issuers, of whom the second has other keys, and whoever shows their tokens."""

    def __init__(self, nursery: trio.Nursery, *answers: bytes | None) -> None:
        self.places = [Place(answer) for answer in answers]
        names = (Issuer(ISSUER, ("gateway",), JWKS_URL), Issuer(OTHER, ("gateway",), JWKS_URL))
        opened = open_issuers(names, TEAMS, Lines())
        assert opened is not None
        self.issuers: Issuers = opened
        for keys, place in zip(self.issuers.keys, self.places, strict=True):
            nursery.start_soon(keys.serve, client_on(place))

    async def name(self, token: bytes, today: float = TODAY) -> str | None:
        """Return who shows a token."""
        caller = await self.issuers.identify(token, today)
        return None if caller is None else caller.key


@pytest.fixture
async def door(nursery: trio.Nursery, autojump_clock: MockClock) -> AsyncIterator[Door]:
    yield Door(nursery, document(OURS, RSA), document(THEIRS))
    nursery.cancel_scope.cancel()


async def test_a_token_opens_the_door_and_says_who_it_is(
    door: Door, autojump_clock: MockClock
) -> None:
    caller = await door.issuers.identify(OURS.token(), TODAY)
    assert caller is not None
    assert (caller.key, caller.user, caller.team) == ("oidc:ada", "ada", "research")
    assert await door.name(RSA.token()) == "oidc:ada"
    assert await door.name(THEIRS.token(claims(iss=OTHER, sub="eve"))) == "oidc:eve"


JKU = {"jku": "https://evil.example.com/jwks", "x5u": "https://evil.example.com/cert"}


async def test_s15_what_a_header_brings_or_names_is_never_obeyed(
    door: Door, autojump_clock: MockClock
) -> None:
    """S15, S14."""
    brought: dict[str, Any] = {"jwk": EVIL.jwk(), "x5c": ["MIIB"], **JKU}
    assert await door.name(EVIL.token(**brought)) is None
    assert await door.name(Signer("evil", number=2).token(**brought)) is None
    assert await door.name(OURS.token(**brought)) == "oidc:ada"
    asked = {url for place in door.places for _, url in place.asked}
    assert asked == {JWKS_URL}


def pem() -> bytes:
    """Return a public key as somebody would make a secret of it."""
    return bytes(RSA.key.as_pem(private=False))


def cut(token: bytes) -> bytes:
    return token.rpartition(b".")[0] + b"." + part(b"x" * 64)


ATTACKS: dict[str, bytes] = {
    "no algorithm": unsigned({"alg": "none"}) + b".",
    "no algorithm, with something signed": unsigned({"alg": "none", "kid": "k1"}) + b".YQ",
    "none in capitals": unsigned({"alg": "NONE", "kid": "k1"}) + b".YQ",
    "the public key for a secret": by_secret(pem(), "r1"),
    "the document for a secret": by_secret(json.dumps(RSA.jwk()).encode(), "r1"),
    "an empty secret": by_secret(b"", "r1"),
    "another key by its name": EVIL.token(),
    "another issuer's key": THEIRS.token(),
    "another issuer's key by its name": Signer("k1", number=1).token(),
    "our key for another issuer": OURS.token(claims(iss=OTHER)),
    "an issuer that nobody knows": OURS.token(claims(iss="https://evil.example.com")),
    "an issuer with a slash": OURS.token(claims(iss=ISSUER + "/")),
    "another audience": OURS.token(claims(aud="others")),
    "no audience": OURS.token(claims(aud=None)),
    "expired": OURS.token(claims(exp=int(TODAY) - 60)),
    "without an end": OURS.token(claims(exp=None)),
    "not yet": OURS.token(claims(nbf=int(TODAY) + 61)),
    "issued in the future": OURS.token(claims(iat=int(TODAY) + 61)),
    "no user": OURS.token(claims(sub=None)),
    "no group": OURS.token(claims(groups=["others"])),
    "critical": OURS.token(crit=["exp"]),
    "unencoded": OURS.token(b64=False, crit=["b64"]),
    "for a logout": OURS.token(typ="logout+jwt"),
    "another algorithm for its key": RSA.token(alg="ES256"),
    "a kid that nobody has": OURS.token(kid="k3"),
    "a kid that is a path": OURS.token(kid="../../etc/passwd"),
    "a kid that asks a database": OURS.token(kid="' OR 1=1 --"),
    "nested": OURS.token(OURS.token()),
    "no claims": OURS.token(b"[]"),
    "no JSON": OURS.token(b"iss=ada"),
    "odd signature": cut(OURS.token()),
    "no signature": OURS.token().rpartition(b".")[0] + b".YQ",
    "odd base64": OURS.token() + b"A",
    "other claims under the signature": unsigned(
        {"alg": "ES256", "typ": "JWT", "kid": "k1"}, claims(sub="root")
    )
    + b"."
    + OURS.token().rpartition(b".")[2],
    "a user who was written first": OURS.token(
        b'{"sub":"root",' + json.dumps(claims(sub=7)).encode()[1:]
    ),
    "nothing": b"..",
}


@pytest.mark.parametrize("token", ATTACKS.values(), ids=list(ATTACKS))
async def test_s10_whatever_is_wrong_with_a_token_it_opens_nothing(
    door: Door, token: bytes, autojump_clock: MockClock
) -> None:
    assert await door.name(token) is None
    assert await door.name(token) is None
    assert len(door.issuers) == 0


async def test_r12_near_and_far_misses_of_a_token_take_the_same_steps(
    door: Door, autojump_clock: MockClock
) -> None:
    """R12: a signature that is almost right costs what any other does."""
    assert await door.name(OURS.token()) == "oidc:ada"
    text, _, signature = OURS.token(claims(sub="eve")).rpartition(b".")
    misses = [swapped(signature, at) for at in (0, 40, 84)] + [swapped(signature, *range(85))]
    ways = []
    for miss in misses:
        with steps() as taken:
            found = await door.issuers.identify(text + b"." + miss, TODAY)
        assert found is None
        ways.append(taken)
    assert all(way == ways[0] for way in ways)
    assert any(each.endswith("verify") for each in ways[0])


def swapped(signature: bytes, *places: int) -> bytes:
    """Return a signature with other letters at some places; its last one is left as it is."""
    changed = bytearray(signature)
    for at in places:
        changed[at] = ord("B") if changed[at] == ord("A") else ord("A")
    return bytes(changed)


async def test_s10_two_tokens_that_begin_alike_are_two(
    door: Door, autojump_clock: MockClock
) -> None:
    """S10."""
    told = claims(sub=None, groups=["x" * 200, "ai-research"])
    first, second = (OURS.token({**told, "sub": name}) for name in ("ada", "eve"))
    assert first[:300] == second[:300]
    assert [await door.name(token) for token in (first, second)] == ["oidc:ada", "oidc:eve"]
    forged = first[:-8] + (b"A" * 8)
    assert await door.name(forged) is None
    assert [await door.name(token) for token in (first, second)] == ["oidc:ada", "oidc:eve"]


async def test_a_token_is_checked_once_and_known_until_it_ends(
    door: Door, autojump_clock: MockClock
) -> None:
    token = OURS.token()
    first = await door.issuers.identify(token, TODAY)
    assert await door.issuers.identify(token, TODAY + 659) is first
    assert await door.name(token, TODAY + 660) is None


async def test_what_is_known_is_known_without_a_wait(door: Door, autojump_clock: MockClock) -> None:
    token = OURS.token()
    await door.name(token)
    with trio.CancelScope() as scope:
        scope.cancel()
        assert (await door.issuers.identify(token, TODAY)) is not None
    assert not scope.cancelled_caught


async def test_so_many_tokens_are_known_and_the_oldest_is_forgotten(
    door: Door, autojump_clock: MockClock
) -> None:
    token = OURS.token()
    first = await door.issuers.identify(token, TODAY)
    known = door.issuers._known
    (entry,) = known.values()
    for number in range(MOST_KNOWN - 1):
        known[b"%d" % number] = entry
    assert await door.issuers.identify(token, TODAY) is first
    assert await door.name(RSA.token()) == "oidc:ada"
    assert (len(door.issuers), b"0" in known) == (MOST_KNOWN, True)
    assert await door.issuers.identify(token, TODAY) is not first
    assert (len(door.issuers), b"0" in known) == (MOST_KNOWN, False)


async def test_with_its_key_goes_what_the_key_has_vouched_for(
    door: Door, autojump_clock: MockClock
) -> None:
    token, later = OURS.token(), RSA.token()
    assert await door.name(token) == await door.name(later) == "oidc:ada"
    door.places[0].answer = document(RSA)
    await trio.sleep(3000)
    assert await door.name(token) is None
    assert await door.name(later) == "oidc:ada"


async def test_a_new_key_is_learned_when_a_token_names_it(
    door: Door, autojump_clock: MockClock
) -> None:
    await trio.sleep(60)
    door.places[0].answer = document(OURS, Signer("k9", number=2))
    assert await door.name(Signer("k9", number=2).token()) == "oidc:ada"
    assert door.places[0].times == [0.0, 60.0]
    assert door.places[1].times == [0.0]


async def test_nobody_is_asked_about_a_token_that_could_open_nothing(
    door: Door, autojump_clock: MockClock
) -> None:
    await trio.sleep(60)
    for said in (claims(aud="x"), claims(exp=1), claims(nbf=TODAY + 900), claims(iss="x")):
        assert await door.name(OURS.token(said, kid="made-up")) is None
    assert await door.name(unsigned({"alg": "HS256", "kid": "made-up"}) + b".YQ") is None
    assert [len(place.asked) for place in door.places] == [1, 1]


async def test_while_no_key_is_known_one_is_asked_to_wait_and_the_other_issuer_goes_on(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    door = Door(nursery, None, document(THEIRS))
    with pytest.raises(Busy):
        await door.name(OURS.token())
    assert await door.name(OURS.token(claims(exp=1))) is None
    assert await door.name(THEIRS.token(claims(iss=OTHER))) == "oidc:ada"
    nursery.cancel_scope.cancel()


async def test_s5_s17_no_token_is_kept(door: Door, autojump_clock: MockClock) -> None:
    """S5, S17."""
    tokens = [OURS.token(claims(sub=f"user-{number}")) for number in range(3)]
    held = {id(token) for token in tokens}
    for token in tokens:
        await door.name(token)
    kept: list[Any] = [door.issuers]
    seen: set[int] = set()
    while kept:
        each = kept.pop()
        if id(each) in seen or isinstance(each, type | httpx2.AsyncClient):
            continue
        seen.add(id(each))
        if isinstance(each, bytes | str):
            said = each if isinstance(each, bytes) else each.encode()
            assert id(each) not in held
            assert not any(token[:40] in said or said.endswith(token[-20:]) for token in tokens)
        elif type(each).__module__.startswith(("gateway", "builtins")):
            kept += [found for found in gc.get_referents(each) if not callable(found)]
    assert len(seen) > 20


def test_without_issuers_there_is_nobody_to_ask() -> None:
    assert open_issuers((), TEAMS, Lines()) is None


async def test_what_is_meant_for_this_gateway_is_known_without_a_look_at_its_signature(
    door: Door,
) -> None:
    meant = [OURS.token(), EVIL.token(), OURS.token(claims(exp=1.0))]
    others = [OURS.token(claims(aud="azure")), OURS.token(claims(iss="https://else")), b"sk-a.b.c"]
    assert [door.issuers.is_meant_here(each) for each in meant] == [True] * 3
    assert [door.issuers.is_meant_here(each) for each in (*others, b"sk-key")] == [False] * 4
