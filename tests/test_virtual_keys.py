"""Who may call: virtual keys, from the header field to the receipt. In memory, in virtual time."""

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.keys import KeyRecord, Keyring, Team, digest_of
from gateway.words.target import Conduct
from tests.caller import Reply
from tests.stage import COMPLETION, TODAY, WHOLE_STREAM, Stage, answer, chat, get

pytest_plugins = ("tests.onstage",)

PEPPER = b"a pepper of a test"
SECRET = "ngw-" + "a" * 43
OTHER = "ngw-" + "a" * 42 + "b"
BEARER = f"Authorization: Bearer {SECRET}"


def record(name: str, secret: str, **more: object) -> KeyRecord:
    return KeyRecord(name, digest_of(secret.encode(), PEPPER), **more)  # type: ignore[arg-type]


@pytest.fixture
def locked(stage: Stage) -> Stage:
    """Have keys: one that may ask for all, one of a team that may not."""
    some = record("some", OTHER, team="few")
    teams = {"few": Team(models=("org/*",))}
    stage.keyring = Keyring([record("all", SECRET), some], teams, {}, PEPPER)
    return stage


async def ask(stage: Stage, *fields: str, path: str = "/v1/models") -> Reply:
    return await stage.ask(get(path, *fields)).reply()


@pytest.mark.parametrize("field", [BEARER, f"x-api-key: {SECRET}", f"api-key: {SECRET}"])
async def test_a_key_opens_the_door_wherever_sdks_show_it(
    locked: Stage, field: str, autojump_clock: MockClock
) -> None:
    locked.provider(*WHOLE_STREAM)
    assert (await locked.ask(chat(field)).reply()).text == "hello"
    receipt = await locked.receipt()
    assert (receipt.caller.key, receipt.caller.team) == ("all", None)


WRONG = {
    "none": (),
    "another": (f"Authorization: Bearer ngw-{'z' * 43}",),
    "one that shares sixty letters": (f"x-api-key: {SECRET[:-1]}c",),
    "another scheme": ("Authorization: Basic abc",),
    "empty": ("Authorization: Bearer ",),
    "too long": (f"x-api-key: {'a' * 300}",),
    "odd bytes": ("x-api-key: \u00e9",),
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=list(WRONG))
async def test_s10_r12_whatever_is_wrong_with_a_key_it_is_the_same_401(
    locked: Stage, fields: tuple[str, ...], autojump_clock: MockClock
) -> None:
    """S10, R12."""
    for request in (chat(*fields), get("/v1/models", *fields)):
        reply = await locked.ask(request).reply()
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
        assert reply.error["type"] == "authentication_error"
        assert "not known here" in reply.error["message"]
        assert "ngw-" not in reply.error["message"]
    assert locked.dialled == []


async def test_a_key_that_has_expired_or_was_revoked_opens_nothing(
    stage: Stage, autojump_clock: MockClock
) -> None:
    soon = int(TODAY) + 10
    stage.keyring = Keyring(
        [record("short", SECRET, expires=soon), record("gone", OTHER, revoked=1)], {}, {}, PEPPER
    )
    assert (await ask(stage, BEARER)).status == 200
    await trio.sleep(11)
    assert (await ask(stage, BEARER)).status == 401
    assert (await ask(stage, f"x-api-key: {OTHER}")).status == 401


async def test_s13_what_a_key_may_not_ask_for_does_not_exist_for_it(
    locked: Stage, autojump_clock: MockClock
) -> None:
    """S13."""
    own = f"x-api-key: {OTHER}"
    listed = (await ask(locked, own)).body
    assert b'"org/big"' in listed
    assert b'"m"' not in listed
    forbidden = await locked.ask(chat(own)).reply()
    unknown = await locked.ask(chat(own, model="q")).reply()
    assert (forbidden.status, unknown.status) == (404, 404)
    words = [reply.error["message"] for reply in (forbidden, unknown)]
    assert words[0].replace("'m'", "'q'") == words[1]
    assert (await ask(locked, own, path="/v1/models/m")).status == 404
    locked.provider(answer(200, COMPLETION))
    assert (await locked.ask(chat(own, model="org/big", stream=False)).reply()).status == 200


async def test_with_keys_the_rule_about_hosts_is_lifted_and_probes_need_none(
    locked: Stage, autojump_clock: MockClock
) -> None:
    request = get("/v1/models", BEARER).replace(b"Host: localhost", b"Host: gateway.example.com")
    assert (await locked.ask(request).reply()).status == 200
    assert (await ask(locked, path="/healthz")).status == 200


async def test_where_the_operator_allows_it_one_may_do_without_a_key_but_not_with_a_wrong_one(
    locked: Stage, autojump_clock: MockClock
) -> None:
    locked.open_use = True
    assert (await ask(locked)).status == 200
    assert (await ask(locked, "x-api-key: wrong")).status == 401


async def test_s12_a_kept_answer_is_given_to_no_other_team(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """S12."""
    third = "ngw-" + "c" * 43
    stage.conduct = Conduct(retries=0, cache_ttl=60.0)
    keys = [record("a", SECRET, team="x"), record("b", OTHER, team="x"), record("c", third)]
    stage.keyring = Keyring(keys, {"x": Team()}, {}, PEPPER)
    provider = stage.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    told = [
        (await stage.ask(chat(f"x-api-key: {secret}")).reply()).get("x-gateway-cache")
        for secret in (SECRET, OTHER, third)
    ]
    assert told == ["miss", "hit", "miss"]
    assert len(provider.sent) == 2
