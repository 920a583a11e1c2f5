"""`[store]`: where the state lies that several processes share."""

from pathlib import Path

import pytest

from gateway.config.homes import known_secrets
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
    assert load("", tmp_path).store.database == ""
    config = load('[store]\ndatabase = "sqlite:///gateway.db"', tmp_path)
    assert config.store.database == "sqlite:///gateway.db"
    load(f'[store]\ndatabase = "sqlite:///{tmp_path}/gateway.db"', tmp_path)
    assert not (tmp_path / "gateway.db").exists()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("gateway.db", "is no address such as sqlite:///gateway.db"),
        ("postgresql://user@host/db", "PostgreSQL is not built yet"),
        ("sqlite:///no/gateway.db", "there is no folder "),
        (f"sqlite:///{'x' * 9999}/gateway.db", "there is no folder "),
    ],
)
def test_what_is_no_database_is_told(said: str, told: str, tmp_path: Path) -> None:
    (mistake,) = mistakes(f'[store]\ndatabase = "{said}"', tmp_path)
    assert mistake.startswith(f"gateway.toml:2: store.database: {told}")


def test_it_is_a_table(tmp_path: Path) -> None:
    assert mistakes("store = 1", tmp_path) == [
        "gateway.toml:1: store: expected a table, got a whole number"
    ]
