"""Keys are made and changed on the site by the rules of the command; a secret is told once."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.admin.keys.forms import BudgetSaid, KeyChange, LimitsChange, LimitsSaid, NewKey
from gateway.admin.keys.locksmith import NO_DATABASE, NO_PEPPER, Locksmith, this_second
from gateway.admin.routes import Identity, Refusal, Role
from gateway.policy.keys import Keyring
from gateway.store.archive import Archive
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from tests.admin.desks import NOW, PEPPER, TEXT, Room

EVE = Identity(Role.ADMIN, "eve")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()


def opens(room: Room, secret: str) -> bool:
    """Say whether a secret opens the gateway."""
    with closing(room.database.connect()) as connection:
        records = KeyStore(connection).list()
    ring = Keyring(records, room.desk.teams, room.desk.groups, PEPPER.encode())
    return ring.identify(secret.encode(), NOW) is not None


async def refused(deed: object) -> Refusal:
    """Return what is told in place of doing it."""
    with pytest.raises(Refusal) as caught:
        await deed  # type: ignore[misc]
    return caught.value


async def test_a_key_is_made_with_all_that_was_asked(room: Room) -> None:
    asked = NewKey(
        name="ci",
        team="research",
        user="ada",
        models=["@frontier"],
        limits=LimitsSaid(requests_per_minute=60),
        budgets=[BudgetSaid(usd=5, per="day", then="echo", models=["gpt-5.2"], alert=[0.8])],
        expires="30d",
        metadata={"ticket": "17"},
        passthrough=["openai"],
    )
    made = await room.locksmith.create(EVE, asked)
    assert (made.name, made.warnings) == ("ci", [])
    assert made.secret.startswith("ngw-")
    assert made.hint == f"ngw-…{made.secret[-4:]}"
    assert opens(room, made.secret)
    kept = await room.locksmith.kept()
    (record,) = kept.records
    assert record.limits == Limits(60, None, None)
    assert record.budgets == (
        Budget(5_000_000_000, "day", ("gpt-5.2",), then="echo", alert=(0.8,)),
    )
    assert (record.created, record.expires) == (NOW, NOW + 30 * 86_400)
    ((action, subject, detail),) = room.deeds
    assert (action, subject) == ("create key", "ci")
    assert detail.startswith("team: research; user: ada; models: @frontier; requests a minute: 60;")


async def test_s17_no_secret_stands_in_the_log_or_in_the_database(room: Room) -> None:
    made = await room.locksmith.create(EVE, NewKey(name="ci"))
    turned = await room.locksmith.rotate(EVE, "ci")
    for secret in (made.secret, turned.secret):
        assert secret not in repr(room.heard.lines)
        for file in room.database.path.parent.glob("keys.db*"):
            assert secret.encode() not in file.read_bytes()


async def test_a_pattern_that_means_nothing_yet_is_told(room: Room) -> None:
    made = await room.locksmith.create(EVE, NewKey(name="ci", models=["claude-*"]))
    assert made.warnings == ["models[0]: no name that is answered is meant by this"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (NewKey(name="ci", team="reserch"), "team: unknown team; did you mean research?."),
        (NewKey(name="ci", models=["x"]), 'models[0]: nobody answers to "x".'),
        (NewKey(name="a\x1bb"), "name: the name holds a character that cannot be seen."),
        (NewKey(name="ci", expires="yesterday"), 'expires: "yesterday" is neither a date'),
        (NewKey(name="ci", expires="2020-01-01"), 'expires: "2020-01-01" is over already.'),
        (NewKey(name="ci", passthrough=["echo"]), "passthrough[0]: is built in: it has no API"),
    ],
)
async def test_what_the_file_would_not_take_is_refused(
    room: Room, asked: NewKey, said: str
) -> None:
    refusal = await refused(room.locksmith.create(EVE, asked))
    assert refusal.status == 400
    assert refusal.message.startswith(said)
    assert (await room.locksmith.kept()).records == ()
    assert room.deeds == []


async def test_a_name_means_one_key_for_ever(room: Room) -> None:
    await room.locksmith.create(EVE, NewKey(name="ci"))
    await room.locksmith.revoke(EVE, "ci")
    refusal = await refused(room.locksmith.create(EVE, NewKey(name="ci")))
    assert (refusal.status, refusal.code) == (409, "name_taken")
    refusal = await refused(room.locksmith.create(EVE, NewKey(name="nightly")))
    assert refusal.status == 400


async def test_what_is_left_out_of_a_change_stays(room: Room) -> None:
    budgets = [BudgetSaid(usd=0.1, per="day", reserve="worst", then="echo", models=["gpt-5.2"])]
    asked = NewKey(name="ci", models=["echo"], budgets=budgets, expires="9d", metadata={"a": "b"})
    await room.locksmith.create(EVE, asked)
    (before,) = (await room.locksmith.kept()).records
    await room.locksmith.change(EVE, KeyChange(name="ci", limits=LimitsChange(concurrency=2)))
    (after,) = (await room.locksmith.kept()).records
    assert after == replace(before, limits=Limits(None, None, 2))
    change = KeyChange(
        name="ci",
        models=[],
        budgets=[],
        expires=None,
        metadata={},
        passthrough=["openai"],
        limits=LimitsChange(concurrency=None),
    )
    changed = await room.locksmith.change(EVE, change)
    assert (changed.name, changed.warnings) == ("ci", [])
    (after,) = (await room.locksmith.kept()).records
    bare = replace(before, models=(), budgets=(), expires=None, metadata={})
    assert after == replace(bare, passthrough=("openai",))
    assert [action for action, _, _ in room.deeds] == ["create key", "change key", "change key"]


async def test_a_limit_that_is_left_out_stays_and_null_is_none(room: Room) -> None:
    limits = LimitsSaid(requests_per_minute=60, tokens_per_minute=1000)
    await room.locksmith.create(EVE, NewKey(name="ci", limits=limits))
    change = LimitsChange(tokens_per_minute=None, concurrency=5)
    await room.locksmith.change(EVE, KeyChange(name="ci", limits=change))
    (after,) = (await room.locksmith.kept()).records
    assert after.limits == Limits(60, None, 5)


async def test_a_change_goes_by_the_rules_of_the_file(room: Room) -> None:
    await room.locksmith.create(EVE, NewKey(name="ci"))
    refusal = await refused(room.locksmith.change(EVE, KeyChange(name="ci", models=["x"])))
    assert refusal.status == 400
    assert len(room.deeds) == 1


async def test_another_secret_stops_the_old_one(room: Room) -> None:
    old = await room.locksmith.create(EVE, NewKey(name="ci"))
    new = await room.locksmith.rotate(EVE, "ci")
    assert not opens(room, old.secret)
    assert opens(room, new.secret)
    assert room.deeds[-1] == ("rotate key", "ci", "")


async def test_a_revoked_key_opens_nothing_and_gets_nothing_more(room: Room) -> None:
    made = await room.locksmith.create(EVE, NewKey(name="ci"))
    assert (await room.locksmith.revoke(EVE, "ci")).revoked
    assert not (await room.locksmith.revoke(EVE, "ci")).revoked
    assert not opens(room, made.secret)
    for deed in (
        room.locksmith.rotate(EVE, "ci"),
        room.locksmith.change(EVE, KeyChange(name="ci")),
    ):
        assert (await refused(deed)).code == "key_not_in_force"
    assert [action for action, _, _ in room.deeds] == ["create key", "revoke key"]


async def test_a_key_of_the_file_is_changed_in_the_file_alone(room: Room) -> None:
    locksmith = room.locksmith
    change = KeyChange(name="nightly")
    for deed in (
        locksmith.rotate(EVE, "nightly"),
        locksmith.change(EVE, change),
        locksmith.revoke(EVE, "nightly"),
    ):
        refusal = await refused(deed)
        assert (refusal.status, refusal.code) == (409, "key_of_the_file")
        assert str(room.config.source) in refusal.message


async def test_what_is_no_key_is_told_with_the_nearest(room: Room) -> None:
    await room.locksmith.create(EVE, NewKey(name="batch"))
    refusal = await refused(room.locksmith.revoke(EVE, "batsh"))
    assert (refusal.status, refusal.message) == (
        404,
        'There is no key "batsh". Did you mean "batch"?',
    )
    assert (await refused(room.locksmith.rotate(EVE, "%"))).message == 'There is no key "%".'


async def test_s6_a_name_that_no_database_can_look_for_is_no_key(room: Room) -> None:
    for name in ("\x00", "a\x1bb"):
        change = KeyChange(name=name)
        deeds = room.locksmith.rotate(EVE, name), room.locksmith.change(EVE, change)
        for deed in (*deeds, room.locksmith.revoke(EVE, name)):
            assert (await refused(deed)).code == "not_found"


async def test_a_damaged_key_can_be_revoked_and_nothing_else(room: Room) -> None:
    await room.locksmith.create(EVE, NewKey(name="ci"))
    with closing(room.database.connect()) as connection:
        connection.execute("UPDATE keys SET models = 'x'")
    assert (await room.locksmith.kept()).damaged == ("ci",)
    assert (await refused(room.locksmith.rotate(EVE, "ci"))).code == "key_damaged"
    assert (await room.locksmith.revoke(EVE, "ci")).revoked
    assert (await refused(room.locksmith.revoke(EVE, "ci"))).code == "key_damaged"


async def test_s18_without_a_pepper_no_secret_is_made(tmp_path: Path) -> None:
    text = TEXT.partition("[auth]")[0]
    room = Room(tmp_path, text)
    for deed in (room.locksmith.create(EVE, NewKey(name="ci")), room.locksmith.rotate(EVE, "ci")):
        refusal = await refused(deed)
        assert (refusal.code, refusal.message) == ("no_pepper", NO_PEPPER)
    assert room.locksmith.hindrance == NO_PEPPER
    room.close()


async def test_without_a_database_there_is_none_to_change(room: Room) -> None:
    room.close()
    room.archive = None
    assert (await room.locksmith.kept()).records == ()
    assert room.locksmith.hindrance == NO_DATABASE
    refusal = await refused(room.locksmith.create(EVE, NewKey(name="ci")))
    assert (refusal.code, refusal.message) == ("no_database", NO_DATABASE)


async def test_a_database_that_is_away_is_told(room: Room, tmp_path: Path) -> None:
    room.close()
    room.archive = Archive(Database(tmp_path / "nowhere" / "keys.db"), room.heard)
    assert room.locksmith.hindrance == ""
    for deed in (room.locksmith.kept(), room.locksmith.create(EVE, NewKey(name="ci"))):
        refusal = await refused(deed)
        assert (refusal.status, refusal.code) == (503, "database_away")


async def test_two_who_end_a_key_at_once_do_not_change_it_after_its_end(room: Room) -> None:
    """A key that is revoked between the look and the change stays as it was."""
    await room.locksmith.create(EVE, NewKey(name="ci"))

    class Late(Locksmith):
        async def _in_force(self, name: str, now: int) -> None:
            await super()._in_force(name, now)
            await room.locksmith.revoke(EVE, name)

    late = Late(room.desk, room.archive, room.audit, now=lambda: NOW, random=room.random)
    assert (await refused(late.change(EVE, KeyChange(name="ci")))).code == "key_not_in_force"
    await room.locksmith.create(EVE, NewKey(name="cd"))
    assert (await refused(late.rotate(EVE, "cd"))).code == "key_not_in_force"
    assert room.deeds[-1] == ("revoke key", "cd", "")


async def test_two_who_change_a_key_at_once_lose_nothing_of_each_other(room: Room) -> None:
    await room.locksmith.create(EVE, NewKey(name="ci"))

    class Late(Locksmith):
        async def _in_force(self, name: str, now: int) -> None:
            await super()._in_force(name, now)
            await room.locksmith.change(EVE, KeyChange(name=name, models=["echo"]))

    late = Late(room.desk, room.archive, room.audit, now=lambda: NOW, random=room.random)
    await late.change(EVE, KeyChange(name="ci", limits=LimitsChange(concurrency=2)))
    (after,) = (await room.locksmith.kept()).records
    assert (after.models, after.limits) == (("echo",), Limits(None, None, 2))


async def test_what_several_workers_cannot_count_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("limits = { concurrency = 5 }\n", "").replace("budgets = [", "# ")
    room = Room(tmp_path, f"[server]\nworkers = 2\n{text}")
    await room.locksmith.create(EVE, NewKey(name="free"))
    asked = NewKey(name="ci", limits=LimitsSaid(concurrency=1))
    refusal = await refused(room.locksmith.create(EVE, asked))
    assert refusal.message.startswith("server.workers: must be 1 where keys, teams or models have")
    room.close()


def test_time_is_told_in_whole_seconds() -> None:
    assert this_second() > NOW
