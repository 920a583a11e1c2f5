"""A database of LiteLLM's is read as it is at one moment, and nothing in it can be changed."""

from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.connection import DatabaseFault, transaction
from gateway.store.database import connect_foreign
from gateway.store.litellm import MOST_BYTES, Daily, Theirs, place_of, read_litellm
from tests.commands.moving.litellm_source import OLD, TABLES, Litellm, hash_of
from tests.store.real_postgres import LOCKED, PASSWORD, RealPostgres

WHOLE = f"postgresql://{LOCKED}:{PASSWORD}@db.example.com:6432/litellm"


def nothing(found: Theirs) -> tuple[str, list[str]]:
    return "", []


def test_an_address_of_prismas_is_understood_but_for_what_could_matter() -> None:
    said = "?schema=proxy&connection_limit=10&pool_timeout=60&pgbouncer=true&sslmode=require"
    place, schema = place_of(WHOLE + said)
    assert (place.host, place.port, place.database) == ("db.example.com", 6432, "litellm")
    assert (place.user, place.sslmode, schema) == (LOCKED, "require", "proxy")
    assert place.password is not None
    assert place.password.reveal() == PASSWORD
    assert place_of(WHOLE)[1] == "public"
    assert place_of("postgres://u@/d?host=/run/pg")[0].host == "/run/pg"


@pytest.mark.parametrize(
    "address",
    [
        *("", "mysql://u:a-password-for-tests@h/d", "postgresql://h"),
        *(f"{WHOLE}?sslcert=/x", f"{WHOLE}?sslmode", f"{WHOLE}?{'a=b&' * 40}", f"{WHOLE}?=1"),
        f"{WHOLE}?schema=a&host=/x",
    ],
)
def test_an_address_that_cannot_be_followed_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ValueError) as caught:
        place_of(address)
    assert PASSWORD not in str(caught.value)
    assert "a-password" not in str(caught.value)


def test_each_table_is_read_and_what_was_spent_each_day(postgres: RealPostgres) -> None:
    source = Litellm(postgres)
    source.keys({"secret": "sk-a", "key_alias": "ci", "models": ["m"], "spend": 0.1})
    source.add("UserTable", [{"user_id": "ada", "password": "hashed"}])
    source.add(
        "ProxyModelTable", [{"model_id": "1", "model_name": "m", "litellm_params": {"a": 1}}]
    )
    source.add("EndUserTable", [{"user_id": "c1", "blocked": True}, {"user_id": "c2"}])
    days = [
        ("1", "2026-11-01", "m", 1.5),
        ("2", "2026-11-01", "", 2.0),
        ("3", "2026-10-31", "m", 9.0),
    ]
    source.add(
        "DailyUserSpend",
        [
            {"id": i, "date": day, "api_key": hash_of("sk-a"), "model": "org/m",
             "model_group": group, "spend": usd}
            for i, day, group, usd in days
        ],
    )  # fmt: skip
    asked: list[Theirs] = []

    def wanted(found: Theirs) -> tuple[str, list[str]]:
        asked.append(found)
        return "2026-11-01", [hash_of("sk-a")]

    found = read_litellm(*place_of(source.url), wanted)
    (key,) = found.rows["keys"]
    assert (key["token"], key["models"], key["spend"]) == (hash_of("sk-a"), ["m"], 0.1)
    assert set(found.rows) < {*found.rows, "guardrails"}
    assert "password" not in found.rows["users"][0]
    assert "litellm_params" not in found.rows["models"][0]
    assert [row["user_id"] for row in found.rows["customers"]] == ["c1"]
    token = hash_of("sk-a")
    assert sorted(found.daily, key=lambda each: each.model) == [
        Daily(token, "m", "2026-11-01", 1.5),
        Daily(token, "org/m", "2026-11-01", 2.0),
    ]
    assert asked == [found]


def test_an_early_version_in_another_schema_is_read(postgres: RealPostgres) -> None:
    source = Litellm(postgres, OLD, 'Their "own"; --')
    source.keys({"secret": "sk-a"})
    place, _ = place_of(source.url.partition("&")[0])
    found = read_litellm(place, 'Their "own"; --', lambda _: ("2026-01-01", ["x"]))
    assert list(found.rows) == ["keys"]
    assert len(found.rows["keys"]) == 1
    assert found.daily == []


def test_a_table_that_is_too_large_is_told(postgres: RealPostgres) -> None:
    source = Litellm(postgres, OLD)
    source.keys({"secret": "sk-a"}, {"secret": "sk-b"})
    assert len(read_litellm(*place_of(source.url), nothing, most=2).rows["keys"]) == 2
    with pytest.raises(DatabaseFault, match="LiteLLM_VerificationToken has more than 1 rows"):
        read_litellm(*place_of(source.url), nothing, most=1)


def test_a_row_that_is_too_large_is_counted_and_left(postgres: RealPostgres) -> None:
    source = Litellm(postgres, OLD)
    source.keys({"secret": "sk-a"}, {"secret": "sk-b", "metadata": {"a": "x" * MOST_BYTES}})
    found = read_litellm(*place_of(source.url), nothing)
    assert (len(found.rows["keys"]), found.large) == (1, 1)


DEEP = "[" * 3000 + "]" * 3000
"""JSON that PostgreSQL keeps, and of which no reader should fall over."""


@pytest.mark.parametrize("said", [DEEP, "9" * 5000], ids=["nested", "number"])
def test_json_that_nobody_should_read_is_a_row_that_is_left(
    postgres: RealPostgres, said: str
) -> None:
    source = Litellm(postgres, OLD)
    source.keys({"secret": "sk-a"}, {"secret": "sk-b", "metadata": f'{{"a":{said}}}'})
    found = read_litellm(*place_of(source.url), nothing)
    assert (len(found.rows["keys"]), found.large) == (1, 1)


def test_where_what_limits_keys_is_too_large_nothing_is_read(postgres: RealPostgres) -> None:
    source = Litellm(postgres)
    source.add("UserTable", [{"user_id": "ada", "metadata": {"a": "x" * MOST_BYTES}}])
    with pytest.raises(DatabaseFault, match="LiteLLM_UserTable has a row of more than 1,048,576"):
        read_litellm(*place_of(source.url), nothing)


@pytest.mark.parametrize("change", [f'DROP TABLE "{next(iter(TABLES))}"', "CREATE TABLE a (b int)"])
def test_the_server_itself_refuses_whatever_would_change_it(
    postgres: RealPostgres, change: str
) -> None:
    source = Litellm(postgres)
    before = source.everything()
    place, schema = place_of(source.url)
    with (
        closing(connect_foreign(place)) as line,
        pytest.raises(DatabaseFault, match="standby"),
        transaction(line, reading=True),
    ):
        line.execute(change)
    read_litellm(place, schema, nothing)
    assert source.everything() == before


def test_what_is_no_database_of_litellms_is_told(postgres: RealPostgres, tmp_path: Path) -> None:
    place = postgres.place(tmp_path)
    with pytest.raises(DatabaseFault, match="no table LiteLLM_VerificationToken in its schema"):
        read_litellm(place, "public", nothing)
    with pytest.raises(DatabaseFault, match="cannot be reached"):
        read_litellm(place_of("postgresql://u@127.0.0.1:1/d")[0], "public", nothing)
