"""What lies in a database of LiteLLM's is taken over once, whole, and nothing is changed there."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import click
import pytest
from rich.console import Console

from gateway.commands.key_place import Place
from gateway.commands.moving.litellm_database import (
    CHANGED_HERE,
    CLOSED_THERE,
    DIFFERS,
    EMPTY,
    GONE_THERE,
    IN_FILE,
    NO_NAMES,
    move,
)
from gateway.commands.rights import rights_of
from gateway.policy.keys import KeyRecord, digest_of
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from tests.commands.moving.litellm_source import Litellm, hash_of
from tests.commands.moving.parsed import PEPPER, TEXT
from tests.config.texts import write
from tests.store.real_postgres import RealPostgres, running

LATER, OVER = "2999-01-01", "2020-01-01"
TEAM = {
    "team_id": "t-1",
    "team_alias": "research",
    "max_budget": 100.0,
    "budget_duration": "30d",
    "spend": 70.0,
    "budget_reset_at": LATER,
}
ADA = {
    "secret": "sk-ada",
    "key_alias": "ada",
    "team_id": "t-1",
    "user_id": "ada",
    "max_budget": 10.0,
    "budget_duration": "1d",
    "spend": 2.5,
    "budget_reset_at": LATER,
}
MEMBER = {"team_id": "t-1", "user_id": "ada", "spend": 3.0, "budget_id": "b"}
BUDGET = {"budget_id": "b", "max_budget": 5.0, "budget_duration": "7d", "budget_reset_at": LATER}


@dataclass
class Move:
    """What a run has said: the part for the file, and all else."""

    part: str
    told: str


Moving = Callable[..., Move]


@pytest.fixture(scope="module")
def postgres() -> RealPostgres:
    return running()


@pytest.fixture
def source(postgres: RealPostgres) -> Litellm:
    return Litellm(postgres)


@pytest.fixture
def moving(source: Litellm, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Moving:
    file = write(TEXT, tmp_path)

    def moved(url: str = source.url, *, dry_run: bool = False) -> Move:
        said = StringIO()
        capsys.readouterr()
        assert move(url, file, dry_run, Console(file=said)) == 0
        return Move(capsys.readouterr().out, said.getvalue())

    return moved


def ours(folder: Path) -> dict[str, KeyRecord]:
    with closing(Database(folder / "gateway.db").connect()) as connection:
        return {record.name: record for record in KeyStore(connection).list()}


def spent(folder: Path) -> dict[str, int | None]:
    """Return what the budgets of ada's key have spent, in cents, as people are shown it."""
    paying = rights_of(Place(folder / "gateway.toml"), "ada", "mini").paying
    return {each.account.of: (each.spent or 0) // 10_000_000 for each in paying}


def test_keys_teams_and_money_go_on_and_a_second_run_changes_nothing(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    source.add("TeamTable", [TEAM])
    info = {"access_groups": ["gold"]}
    source.add("ProxyModelTable", [{"model_id": "1", "model_name": "mini", "model_info": info}])
    source.add("BudgetTable", [BUDGET])
    source.add("TeamMembership", [MEMBER])
    source.keys(
        ADA,
        {"secret": "sk-two", "key_alias": "ada"},
        {"secret": "sk-three", "models": ["beta", "gold", "@odd one", "\n"]},
        {"secret": "sk-four", "key_alias": "gone", "expires": OVER},
    )
    source.add(
        "DeprecatedVerificationToken",
        [
            {"token": hash_of("sk-old"), "active_token_id": hash_of("sk-ada"), "revoke_at": LATER},
            {"token": hash_of("sk-o"), "active_token_id": hash_of("sk-none"), "revoke_at": LATER},
            {"token": hash_of("sk-p"), "active_token_id": hash_of("sk-ada"), "revoke_at": OVER},
        ],
    )
    before = source.everything()

    would = moving(dry_run=True)
    assert "Nothing is written. It would be 4 new keys and" in would.told
    assert not (tmp_path / "gateway.db").exists()

    first = moving()
    assert first.part == would.part
    assert "4 keys of LiteLLM's are taken over" in first.told
    assert "1 team is not in" in first.told
    assert "have expired (1): gone" in first.told
    assert f"{NO_NAMES} (2): @odd one, one that nobody can see" in first.told
    assert f"{EMPTY} (1): beta" in first.told
    found = ours(tmp_path)
    second = next(name for name in found if name.startswith("ada-") and name != "ada-former")
    assert found["ada"].digest == digest_of(b"sk-ada", PEPPER.encode())
    assert found[second].digest == digest_of(b"sk-two", PEPPER.encode())
    assert len(found) == 4

    with (tmp_path / "gateway.toml").open("a") as file:
        file.write(first.part)
    assert spent(tmp_path) == {"key": 250, "team": 7000, "user": 300}
    again = moving()
    assert again.part == ""
    assert again.told.splitlines()[-1].startswith("Nothing is changed: 4 keys and")
    assert ours(tmp_path) == found
    assert source.everything() == before


def test_a_later_run_brings_what_is_new_and_leaves_what_is_ours(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    ada = {**ADA, "team_id": None}
    source.keys(ada)
    moving()
    token = hash_of("sk-ada")
    source.server.say(
        f'UPDATE {source.schema}."LiteLLM_VerificationToken" SET spend = 4, blocked = true,'
        " max_budget = 20 WHERE token = %s",
        (token,),
        source.name,
    )
    source.keys({"secret": "sk-new", "key_alias": "new"})
    later = moving()
    assert f"{CLOSED_THERE} (1): ada" in later.told
    assert f"{DIFFERS} (1): ada (budgets)" in later.told
    assert "1 key of LiteLLM's is taken over" in later.told
    assert "1 was here already. 1 opening balance of budgets is kept." in later.told
    assert spent(tmp_path) == {"key": 400}
    found = ours(tmp_path)
    assert sorted(found) == ["ada", "new"]
    assert (found["ada"].revoked, found["ada"].budgets[0].nanos) == (None, 10_000_000_000)


def test_a_secret_that_was_given_up_here_is_never_taken_again(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    source.keys({**ADA, "team_id": None})
    moving()
    with closing(Database(tmp_path / "gateway.db").connect()) as connection:
        assert KeyStore(connection).rotate("ada", "f" * 64, "ngw-…ffff")
    again = moving()
    assert f"{CHANGED_HERE} (1): ada" in again.told
    assert [each.digest for each in ours(tmp_path).values()] == ["f" * 64]


def test_a_key_that_is_deleted_there_after_it_was_taken_over_is_told(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    source.keys({**ADA, "team_id": None}, {"secret": "sk-2", "key_alias": "shut", "expires": LATER})
    moving()
    table = f'{source.schema}."LiteLLM_VerificationToken"'
    source.server.say(f"DELETE FROM {table} WHERE key_alias = 'ada'", (), source.name)
    source.server.say(f"UPDATE {table} SET expires = '2020-01-01'", (), source.name)
    again = moving()
    (line,) = [each for each in again.told.splitlines() if each.startswith(GONE_THERE)]
    assert sorted(line.partition(": `gateway keys revoke NAME` (2): ")[2].split(", ")) == [
        *("ada", "shut")
    ]
    with closing(Database(tmp_path / "gateway.db").connect()) as connection:
        store = KeyStore(connection)
        assert store.revoke("ada", 1)
        assert store.revoke("shut", 1)
    assert GONE_THERE not in moving().told


def test_a_key_that_stands_in_the_file_stays_there(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    digest = digest_of(b"sk-ada", PEPPER.encode())
    write(f'{TEXT}[[keys]]\nname = "mine"\nhash = "{digest}"\n', tmp_path)
    source.keys({**ADA, "team_id": None}, {"secret": "sk-2", "key_alias": "mine"})
    told = moving().told
    assert f"{IN_FILE} (1): ada" in told
    (name,) = ours(tmp_path)
    assert name.startswith("mine-")


def test_an_address_may_be_named_by_its_variable(
    source: Litellm, moving: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(click.ClickException, match='variable "THEIRS", which is not set'):
        moving("env:THEIRS")
    monkeypatch.setenv("THEIRS", source.url)
    assert "0 keys" in moving("env:THEIRS").told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:hidden@h/d", "--database is no address such as postgresql://"),
        ("postgresql://u:hidden@127.0.0.1:1/d", "cannot be reached"),
    ],
)
def test_what_cannot_be_read_is_told_without_its_password(
    moving: Moving, url: str, said: str
) -> None:
    with pytest.raises(click.ClickException, match=said) as caught:
        moving(url)
    assert "hidden" not in str(caught.value)


def test_where_somebody_makes_a_key_meanwhile_nothing_is_changed(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    """As it is where a key that is damaged has the digest."""
    database = Database(tmp_path / "gateway.db")
    with closing(database.connect()) as connection:
        KeyStore(connection).create(KeyRecord("x", digest_of(b"sk-2", PEPPER.encode())))
        connection.execute("UPDATE keys SET models = 'damaged'")
    source.keys({"secret": "sk-1", "key_alias": "one"}, {"secret": "sk-2", "key_alias": "two"})
    with pytest.raises(click.ClickException, match="Nothing is changed"):
        moving()
    assert list(ours(tmp_path)) == ["x"]


def test_workers_that_count_apart_are_told_of_limits(
    source: Litellm, moving: Moving, tmp_path: Path
) -> None:
    write(f"{TEXT}[server]\nworkers = 2\n", tmp_path)
    source.keys({**ADA, "team_id": None})
    with pytest.raises(click.ClickException, match="must be 1"):
        moving()
    assert not (tmp_path / "gateway.db").exists()


def test_a_file_without_a_database_is_told(moving: Moving, tmp_path: Path) -> None:
    write(TEXT.partition("[store]")[0], tmp_path)
    with pytest.raises(click.ClickException, match="names no database to keep keys in"):
        moving()
