"""Another configuration is taken: what goes over to the next house, and what does not."""

import os
import signal
from dataclasses import fields, replace
from pathlib import Path

import pytest
import trio
from msgspec import structs
from trio.testing import MockClock

from gateway.config.diff import fingerprint
from gateway.drain import Terminal
from gateway.inquiries import inquiries_of
from gateway.policy.cache import Kept
from gateway.policy.keys import KeyRecord
from gateway.relay.house import House
from gateway.reload import RETRY_EVERY, Reloading, adopt
from gateway.renewal import Renewal, renew
from gateway.services import remember
from gateway.store.connection import DatabaseFault
from gateway.words.answer import Piece
from gateway.words.budget import Account, Budget
from gateway.words.caller import Limits
from gateway.words.secret import Secret
from tests.config.texts import ENVIRON, write
from tests.made import LISTING, Made, Make
from tests.store.receipts import call, end

pytest_plugins = ("tests.making",)

SOON = 5

GOES_OVER = {
    *("gate", "purses", "warn_of", "books", "health", "hedges", "clocks", "answers", "scrubber"),
    *("taps", "turns", "new_id", "draw", "today", "report", "objects", "thoughts", "tracing"),
}
"""What the gateway has found out, and what is of the process: the next house has it too."""

DECIDED = {
    *("routes", "keys", "limits_of_models", "costs", "sharing", "kept", "transports", "issuers"),
    *("ways", "tokens", "passes_keys", "open_use", "guarding"),
}
"""What the configuration decides: the next house has its own."""

TWO = """
[auth]
pepper = { env = "KEY" }
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
jwks_url = "https://id.example.com/keys"
[teams.red]
models = ["echo"]
[providers.one]
kind = "vertex"
project = "p"
location = "europe-west4"
models = ["g"]
[providers.two]
kind = "vertex"
project = "p"
location = "europe-west4"
models = ["h"]
"""


def close(made: Made) -> None:
    """End the thread of the ledger."""
    assert made.app.outside.ledger is not None
    made.app.outside.ledger.close()


async def follow(made: Made, folder: Path, text: str) -> Renewal:
    """Have another text be the file, and be taken."""
    write(text, folder)
    renewal = renew(made.app.config, ENVIRON)
    await adopt(made.app, renewal)
    return renewal


def test_of_every_part_of_a_house_it_is_said_whether_it_goes_over() -> None:
    names = {field.name for field in fields(House)}
    assert not GOES_OVER & DECIDED
    assert names <= GOES_OVER | DECIDED


async def test_what_was_found_out_goes_over_and_what_is_decided_is_new(
    make: Make, tmp_path: Path
) -> None:
    made = make('[providers.echo]\nmodels = ["echo"]\n')
    before = made.app.current.house
    await follow(made, tmp_path, '[providers.echo]\nmodels = ["echo", "more"]\n')
    after = made.app.current.house
    assert all(getattr(before, name) is getattr(after, name) for name in GOES_OVER)
    for name in ("routes", "sharing", "kept", "transports", "ways"):
        assert getattr(before, name) is not getattr(after, name)
    # A call that began with the old house has it to its end.
    assert (before.routes.knows("more"), after.routes.knows("more")) == (False, True)
    assert made.app.reloads == 1


GUARDED = """
[guards.quiet]
kind = "words"
words = ["password"]
then = "block"
[defaults]
guards = ["quiet"]
"""


async def test_guards_are_those_of_the_next_configuration(make: Make, tmp_path: Path) -> None:
    made = make()
    await follow(made, tmp_path, GUARDED)
    guarded = made.app.current.house
    await follow(made, tmp_path, "")
    assert (guarded.guarding is None, made.app.current.house.guarding is None) == (False, True)


DECIDING = """
[auth]
required = false
[models.m]
limits = { concurrency = 2 }
prices = { input = 1, output = 2 }
[providers.up]
kind = "openai"
base_url = "http://up.test/v1"
api_key = "client"
models = ["m"]
"""


async def test_limits_prices_and_doors_are_those_of_the_next_configuration(
    make: Make, tmp_path: Path
) -> None:
    store = '[store]\ndatabase = "sqlite:///ledger.db"\n'
    made = make(store)
    before = made.app.current.house
    await follow(made, tmp_path, store + DECIDING)
    after = made.app.current.house
    assert after.limits_of_models == {"m": Limits(concurrency=2)}
    assert (before.passes_keys, after.passes_keys) == (False, True)
    assert (before.open_use, after.open_use) == (False, True)
    (offer,) = (each for each in made.app.homes.offers if each.provider == "up")
    target = replace(offer.target, model="m")
    assert before.costs is not None
    assert after.costs is not None
    assert before.costs.price_of(target) is None
    assert after.costs.price_of(target) is not None
    close(made)


async def test_metrics_know_the_names_of_the_next_configuration(make: Make, tmp_path: Path) -> None:
    made = make()
    await follow(made, tmp_path, DECIDING)
    made.app.metrics.settled(end(call(model="m", target="up/m")))
    told = str(made.app.metrics.told())
    assert "'m'" in told
    assert "'up'" in told


async def test_workers_tell_which_configuration_they_go_by(make: Make, tmp_path: Path) -> None:
    made = make()
    key = Secret("of-this-start-alone")
    made.app.config = structs.replace(made.app.config, inner_key=key)
    before = made.app.fingerprint = fingerprint(made.app.config)
    await follow(made, tmp_path, DECIDING)
    assert made.app.fingerprint == fingerprint(made.app.config) != before


async def test_what_was_kept_takes_no_room_while_a_call_has_the_old_house(
    make: Make, tmp_path: Path
) -> None:
    made = make()
    kept = made.app.current.house.kept
    kept.put(b"k", Kept((Piece(b"data: {}\n\n"),), 200, (), "up/m"), 60.0)
    await follow(made, tmp_path, "")
    assert len(kept.near) == 0


async def test_a_provider_that_is_another_one_is_tried_at_once(make: Make, tmp_path: Path) -> None:
    """Its key was no good, so that it rested for an hour: here is the one that is."""
    made = make(LISTING, {"up": ("a",)})
    (offer,) = [each for each in made.app.homes.offers if each.provider == "up"]
    target, now = replace(offer.target, model="a"), trio.current_time()
    health = made.app.current.house.health
    health.learn("up/a", 0, 3600.0, now)
    health.learn("up/a", None, 3600.0, now)
    await follow(made, tmp_path, f"{LISTING}retries = 7\n")
    assert health.key_rests_for(target, now) > 0.0
    assert health.rests_for(target, now) > 0.0
    assert made.app.listed == {"up": ("a",)}
    await follow(made, tmp_path, LISTING.replace("up.test", "other.test"))
    now = trio.current_time()
    assert (health.key_rests_for(target, now), health.rests_for(target, now)) == (0.0, 0.0)
    # Nor is it known what there is, until it has been asked.
    assert made.app.listed == {}
    assert made.app.current.house.routes.knows("up/b")
    await follow(made, tmp_path, "")
    assert health.states(now) == []


async def test_credentials_and_keys_of_issuers_go_on_where_they_stay_as_they_are(
    make: Make, tmp_path: Path
) -> None:
    made = make(TWO)
    before = made.app.current.house
    await follow(made, tmp_path, TWO.replace('["h"]', '["h", "i"]'))
    after = made.app.current.house
    assert after.tokens.grants["one"] is before.tokens.grants["one"]
    assert after.tokens.grants["two"] is not before.tokens.grants["two"]
    assert after.issuers is before.issuers
    await follow(made, tmp_path, TWO.replace('["echo"]', '["echo", "g"]'))
    last = made.app.current.house
    assert last.issuers is not before.issuers
    assert last.issuers.keys == before.issuers.keys  # type: ignore[union-attr]
    assert last.tokens.grants["one"] is before.tokens.grants["one"]


async def test_secrets_that_were_there_are_masked_beside_the_new_ones(
    make: Make, tmp_path: Path
) -> None:
    made = make('[auth]\npepper = { env = "KEY" }\n')
    (tmp_path / "other").write_text("a-secret-of-the-next")
    await follow(made, tmp_path, '[auth]\npepper = { file = "other" }\n')
    scrub = made.app.current.house.scrubber.scrub
    assert scrub(f"{ENVIRON['KEY']} a-secret-of-the-next") == "*** ***"


DATABASE = """
[auth]
required = true
pepper = { env = "KEY" }
[store]
database = "sqlite:///keys.db"
"""


ADA = KeyRecord("ada", digest="ab" * 32, team="red", created=1)
BEN = KeyRecord("ben", digest="cd" * 32, team="red", created=1)
RED = "[teams.red]\nbudgets = [{ usd = 5, per = 'day' }]\n"


async def test_keys_of_the_database_have_the_teams_of_the_next_configuration(
    make: Make, tmp_path: Path
) -> None:
    made = make(DATABASE)
    learner, current = made.app.learner, made.app.current
    assert learner is not None
    learner.learn((ADA,))
    assert current.house.keys is not None
    assert list(current.house.keys.astray) == ["ada"]
    await follow(made, tmp_path, DATABASE + '[teams.red]\nmodels = ["echo"]\n')
    assert (len(current.house.keys), list(current.house.keys.astray)) == (1, [])
    # And what is learned from now on too.
    learner.learn((ADA, BEN))
    assert (len(current.house.keys), list(current.house.keys.astray)) == (2, [])
    close(made)


UNSAID = DATABASE.replace("required = true\n", "")
CI = f"""
[[keys]]
name = "ci"
hash = "{"ab" * 32}"
"""


@pytest.mark.parametrize("began", ["file", "database"])
async def test_once_there_was_a_key_a_reload_opens_to_nobody(
    make: Make, tmp_path: Path, began: str
) -> None:
    """A gateway behind a proxy listens on loopback too."""
    made = make(UNSAID + CI if began == "file" else UNSAID)
    learner, current = made.app.learner, made.app.current
    assert learner is not None
    if began == "database":
        learner.learn((ADA,))
        learner.learn(())
    await follow(made, tmp_path, UNSAID + '[providers.echo]\nmodels = ["echo", "more"]\n')
    assert current.house.keys is not None
    assert len(current.house.keys) == 0
    # Whoever means it says so.
    await follow(made, tmp_path, UNSAID.replace("[auth]", "[auth]\nrequired = false"))
    assert current.house.keys is None
    close(made)


async def test_a_budget_that_is_new_counts_what_was_spent_since_the_start_too(
    make: Make, tmp_path: Path
) -> None:
    teams = "[teams.blue]\nbudgets = [{ usd = 5, per = 'year' }]\n[teams.research]\n"
    made = make(DATABASE + teams)
    purses, ledger = made.app.current.house.purses, made.app.outside.ledger
    await remember(made.app)
    assert ledger is not None
    receipt = call()
    ledger.started(receipt)
    ledger.settled(end(receipt, 7))
    close(made)
    await follow(made, tmp_path, f"{DATABASE}{teams}budgets = [{{ usd = 5, per = 'year' }}]\n")
    budget = Budget(5_000_000_000, "year")
    account = Account("team research year", "team", budget, team="research")
    assert purses.of(account, made.app.current.house.today()).spent == 7


async def test_where_the_past_of_a_budget_cannot_be_read_nothing_changes(
    make: Make, tmp_path: Path
) -> None:
    made = make(DATABASE)
    house, config = made.app.current.house, made.app.config
    close(made)
    for path in tmp_path.glob("keys.db*"):
        path.unlink()
    (tmp_path / "keys.db").mkdir()
    with pytest.raises(DatabaseFault):
        await follow(
            made, tmp_path, DATABASE + "[teams.red]\nbudgets = [{ usd = 5, per = 'day' }]\n"
        )
    assert made.app.current.house is house
    assert made.app.config is config
    assert made.app.reloads == 0
    # The file has not changed, and yet it is to be tried again.
    assert await Reloading(made.app, ENVIRON).reload()
    made.app.log.close()
    (line,) = made.lines("configuration refused, the old one goes on")
    assert "keys.db" in line["reason"]


class Away(Reloading):
    """One whose store is away at first."""

    def __init__(self, made: Made) -> None:
        super().__init__(made.app, ENVIRON)
        self.tried: list[float] = []

    async def reload(self) -> bool:
        await trio.lowlevel.checkpoint()
        self.tried.append(trio.current_time())
        return len(self.tried) < 3


async def test_where_the_store_is_away_it_is_tried_again(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    reloading = Away(make())
    nursery.start_soon(reloading.run)
    await trio.sleep(100)
    assert reloading.tried == []
    reloading.ask()
    await trio.sleep(100)
    assert reloading.tried == [100, 100 + RETRY_EVERY, 100 + 2 * RETRY_EVERY]
    nursery.cancel_scope.cancel()


async def test_a_file_that_is_refused_changes_nothing_and_says_so(
    make: Make, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G5."""
    made = make()
    house = made.app.current.house
    reloading = Reloading(made.app, ENVIRON, worker=2)
    nursery.start_soon(reloading.run)
    write("[providers.echo]\nmodles = []\n", tmp_path)
    reloading.ask()
    await reload_done(made, "configuration refused, the old one goes on")
    assert made.app.current.house is house
    write('[providers.echo]\nmodels = ["echo", "more"]\n', tmp_path)
    reloading.ask()
    reloading.ask()
    with trio.fail_after(SOON):
        await made.app.reloaded.wait()
    nursery.cancel_scope.cancel()
    made.app.log.close()
    (line,) = made.lines("configuration refused, the old one goes on")
    assert "did you mean models?" in line["reason"]
    assert line["worker"] == 2
    assert [line["worker"] for line in made.lines("new calls go by what was read")] == [2]


async def reload_done(made: Made, event: str) -> None:
    """Wait until the log has a line."""
    with trio.fail_after(SOON):
        while not made.lines(event):
            await trio.sleep(0.005)


async def test_one_that_is_alone_tells_what_differs(make: Make, tmp_path: Path) -> None:
    made = make()
    write('[server]\nport = 1\n[providers.echo]\nmodels = ["echo", "more"]\n', tmp_path)
    await Reloading(made.app, ENVIRON).reload()
    made.app.log.close()
    (line,) = made.lines("configuration reloaded")
    assert "more" in line["changes"]
    assert len(made.lines("these settings wait for the next start")) == 1


async def test_a_change_of_the_file_is_seen(
    make: Make, tmp_path: Path, nursery: trio.Nursery
) -> None:
    made = make()
    reloading = Reloading(made.app, ENVIRON)
    nursery.start_soon(reloading.watch, 0.005)
    nursery.start_soon(reloading.run)
    write('[providers.echo]\nmodels = ["echo", "more"]\n', tmp_path)
    with trio.fail_after(SOON):
        await made.app.reloaded.wait()
    assert made.app.current.house.routes.knows("more")
    nursery.cancel_scope.cancel()


class Gone(Terminal):
    """A terminal that may hang up."""

    def __init__(self) -> None:
        self.is_gone = False

    @property
    def hung_up(self) -> bool:
        return self.is_gone


async def test_sighup_reloads_and_where_the_terminal_is_gone_ends(
    make: Make, nursery: trio.Nursery
) -> None:
    made = make()
    reloading, terminal, told = Reloading(made.app, ENVIRON), Gone(), []
    ended = trio.Event()

    def end(name: str) -> None:
        told.append(name)
        ended.set()

    await nursery.start(reloading.heed_signal, terminal, end)
    nursery.start_soon(reloading.run)
    with trio.fail_after(SOON):
        os.kill(os.getpid(), signal.SIGHUP)
        await reload_done(made, "new calls go by what was read")
        terminal.is_gone = True
        os.kill(os.getpid(), signal.SIGHUP)
        await ended.wait()
    assert told == ["SIGHUP"]
    nursery.cancel_scope.cancel()


async def test_models_and_probes_are_asked_for_as_the_next_configuration_says(
    make: Make, tmp_path: Path
) -> None:
    probed = f"{LISTING}probe = {{ path = '/health', interval = 5 }}\n"
    made = make(probed)
    names = {"models of up", "probe of up"}
    before = {each.key for each in inquiries_of(made.app) if each.name in names}
    await follow(made, tmp_path, f"{probed}retries = 7\n")
    after = {each.key for each in inquiries_of(made.app) if each.name in names}
    assert (len(before), len(after), before & after) == (2, 2, set())


def test_what_asks_providers_is_known_by_what_it_needs(make: Make) -> None:
    made = make(TWO)
    names = [inquiry.name for inquiry in inquiries_of(made.app)]
    assert names == [
        "kept answers",
        "keys of https://id.example.com",
        "credentials of one",
        "credentials of two",
    ]
    keys = [inquiry.key for inquiry in inquiries_of(made.app)]
    assert keys == [inquiry.key for inquiry in inquiries_of(made.app)]
    assert len(set(keys)) == len(keys)
    # Open calls may wait for all of these but the first, so that a reload does not end them.
    awaited = [inquiry.name for inquiry in inquiries_of(made.app) if inquiry.awaited]
    assert awaited == names[1:]
