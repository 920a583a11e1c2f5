"""`[store]`: where the state lies that several processes share."""

from pathlib import Path

import pytest

from gateway.config.homes import known_secrets
from gateway.config.show import sections
from gateway.config.store import database_fault
from tests.config.texts import load, mistakes


def test_there_is_none_unless_it_is_named(tmp_path: Path) -> None:
    assert load("", tmp_path).store.shared is None
    assert load('[store]\nshared = ""', tmp_path).store.shared is None


def test_an_address_without_a_password_is_no_secret(tmp_path: Path) -> None:
    config = load('[store]\nshared = "redis://127.0.0.1:6379/0"', tmp_path)
    assert config.store.shared is not None
    assert config.store.shared.reveal() == "redis://127.0.0.1:6379/0"
    assert config.warnings == ()


def test_one_with_a_password_is(tmp_path: Path) -> None:
    config = load('[store]\nshared = "redis://me:password-1@host/0"', tmp_path)
    assert "secret in the file itself" in config.warnings[0]
    assert "password-1" not in repr(config)
    assert "password-1" in [secret.reveal() for secret in known_secrets(config)]


def test_it_may_be_in_the_environment(tmp_path: Path) -> None:
    environ = {"STORE": "redis://me:password-1@host/0"}
    config = load('[store]\nshared = { env = "STORE" }', tmp_path, environ)
    assert config.store.shared is not None
    assert config.warnings == ()


@pytest.mark.parametrize("said", ["http://host", "redis:", "host:6379"])
def test_what_is_no_address_is_told(said: str, tmp_path: Path) -> None:
    (mistake,) = mistakes(f'[store]\nshared = "{said}"', tmp_path)
    assert mistake.startswith("gateway.toml:2: store.shared: ")
    assert "redis://host:6379/0" in mistake


def test_a_database_is_beside_the_file_or_anywhere(tmp_path: Path) -> None:
    assert load("", tmp_path).store.database is None
    assert load('[store]\ndatabase = ""', tmp_path).store.database is None
    for said in ("sqlite:///gateway.db", f"sqlite:///{tmp_path}/g w.db", "postgresql://me@db/g"):
        config = load(f'[store]\ndatabase = "{said}"', tmp_path)
        assert config.store.database is not None
        assert config.store.database.reveal() == str(config.store.database) == said
        assert config.warnings == ()
    assert not (tmp_path / "gateway.db").exists()


def test_s17_an_address_with_a_password_is_a_secret_and_shown_without_it(tmp_path: Path) -> None:
    config = load('[store]\ndatabase = "postgresql://me:password-1@db/gateway"', tmp_path)
    assert "store.database: a secret in the file itself" in config.warnings[0]
    assert "postgresql://me:***@db/gateway" in repr(config)
    assert "password-1" not in repr(config)
    shown = "".join(map(str, sections(config)))
    assert "password-1" not in shown
    rows = {row.name: row for section in sections(config) for row in section.rows}
    assert rows["database"].value == "postgresql://me:***@db/gateway"


def test_it_may_be_in_a_file_or_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgresql://me:password-1@db/gateway\n")
    for said in ('{ env = "STORE" }', '{ file = "address" }'):
        environ = {"STORE": "postgresql://me:password-1@db/gateway"}
        config = load(f"[store]\ndatabase = {said}", tmp_path, environ)
        assert config.store.database is not None
        assert config.store.database.reveal() == environ["STORE"]
        assert config.warnings == ()
        assert "password-1" not in repr(config)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("gateway.db", "is no address such as sqlite:///gateway.db"),
        ("postgresql://me:pass-1@host", "is no address such as postgresql://user:password@host"),
        ("postgresql://host/db?sslmode=maybe", "has an sslmode that is none of disable"),
        ("sqlite:///no/gateway.db", "there is no folder "),
        (f"sqlite:///{'x' * 9999}/gateway.db", "there is no folder "),
    ],
)
def test_what_is_no_database_is_told(said: str, told: str, tmp_path: Path) -> None:
    found = mistakes(f'[store]\ndatabase = "{said}"', tmp_path)
    assert found[-1].startswith(f"gateway.toml:2: store.database: {told}")
    assert "pass-1" not in "".join(found)


def test_what_is_no_secret_is_told(tmp_path: Path) -> None:
    (mistake,) = mistakes('[store]\ndatabase = { env = "NOT_SET" }', tmp_path)
    assert "the environment variable NOT_SET is not set" in mistake
    (mistake,) = mistakes("[store]\ndatabase = 5", tmp_path)
    assert mistake.startswith("gateway.toml:2: store.database: expected")


def test_without_what_postgresql_needs_the_extra_is_named(tmp_path: Path) -> None:
    said = database_fault("postgresql://db/gateway", tmp_path, "no_such_package")
    assert said == "needs the extra `postgres`: pip install 'nursery-gateway[postgres]'"
    assert database_fault("sqlite:///gateway.db", tmp_path, "no_such_package") is None
    assert database_fault("postgresql://db/gateway", tmp_path) is None


def test_it_is_a_table(tmp_path: Path) -> None:
    assert mistakes("store = 1", tmp_path) == [
        "gateway.toml:1: store: expected a table, got a whole number"
    ]
