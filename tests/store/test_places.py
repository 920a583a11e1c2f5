"""Addresses of databases are read strictly, and never shown with a password."""

from pathlib import Path

import pytest

from gateway.store.places import (
    Address,
    PostgresPlace,
    holds_password,
    parse_file,
    parse_server,
    secrets_of,
)
from gateway.words.secret import Secret

PASSWORD = "s3cret/Pass word"
WRITTEN = "s3cret%2FPass%20word"
URL = f"postgresql://ada:{WRITTEN}@db.example:6000/gateway?sslmode=verify-full&sslrootcert=%2Fca"


def test_a_file_is_beside_the_configuration_or_anywhere(tmp_path: Path) -> None:
    assert parse_file("sqlite:///gateway.db", tmp_path) == tmp_path / "gateway.db"
    assert parse_file("sqlite:///data/g w.db", tmp_path) == tmp_path / "data" / "g w.db"
    assert parse_file("sqlite:////var/lib/gateway.db", tmp_path) == Path("/var/lib/gateway.db")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no address"),
        ("gateway.db", "sqlite:///gateway.db"),
        ("sqlite://gateway.db", "is no address"),
        ("sqlite:///", "is no address"),
        ("sqlite:///data/", "is no address"),
        ("sqlite:///a\nb", "is no address"),
        ("sqlite:///a\0b", "is no address"),
        ("mysql://host/db", "postgresql://user@host/database"),
        ("sqlite:///:memory:", "memory keeps nothing"),
        ("sqlite:///a.db?mode=memory", "no parameters"),
    ],
)
def test_what_is_no_file_is_told_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_file(text, Path())


def test_a_server_is_read_with_all_that_is_said_of_it(tmp_path: Path) -> None:
    place = parse_server(URL, tmp_path)
    assert (place.host, place.port, place.database) == ("db.example", 6000, "gateway")
    assert (place.user, place.sslmode, place.sslrootcert) == ("ada", "verify-full", "/ca")
    assert place.password is not None
    assert place.password.reveal() == PASSWORD
    assert place.journals == tmp_path / "gateway.postgres"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgresql://db/gateway", "postgresql://db:5432/gateway"),
        ("postgres://me@DB/gateway", "postgresql://db:5432/gateway"),
        ("postgresql://[::1]:5433/g%20w", "postgresql://[::1]:5433/g w"),
        ("postgresql://me@/gateway?host=/run/postgresql", "postgresql:///gateway?host=/run/postgr"),
    ],
)
def test_a_server_is_named_without_who_asks(text: str, said: str, tmp_path: Path) -> None:
    place = parse_server(text, tmp_path)
    assert str(place).startswith(said)
    assert place.password is None
    assert place.sslmode == "prefer"


def test_the_journals_of_a_database_that_has_moved_are_the_same() -> None:
    old, new = (parse_server(f"postgresql://{host}/a.b%2F..", Path("/s")) for host in ("a", "b"))
    assert old.journals == new.journals == Path("/s/a_b___.postgres")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"postgresql://me:{PASSWORD}@db/gateway", "a password are written as %40"),
        ("postgresql://db", "is no address"),
        ("postgresql://db/", "is no address"),
        ("postgresql://a,b/gateway", "is no address"),
        ("postgresql:///gateway", "names no server"),
        ("postgresql://db/gateway?host=/run", "names no server"),
        ("postgresql:///gateway?host=run", "no absolute path"),
        ("postgresql://db:0/gateway", "has a port"),
        ("postgresql://db:99999/gateway", "has a port"),
        ("postgresql://db/gateway?password=s3cret", "is none of sslmode, sslrootcert, host"),
        ("postgresql://db/gateway?sslmode=require&sslmode=require", "is none of"),
        ("postgresql://db/gateway?sslmode=", "is none of"),
        ("postgresql://db/gateway?sslmode=strict", "an sslmode that is none of disable, allow"),
        (f"postgresql://db/{'x' * 64}", "longer than 63 bytes"),
        ("postgresql://db/a%00b", "longer than 63 bytes"),
        (f"postgresql://db/{'x' * 3000}", "longer than 2048 characters"),
    ],
)
def test_s17_what_is_no_server_is_told_without_repeating_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_server(text, Path())
    assert "s3cret" not in str(caught.value)


def test_s17_an_address_is_shown_without_its_password(tmp_path: Path) -> None:
    address = Address(URL)
    shown = URL.replace(WRITTEN, "***")
    assert address.masked() == str(address) == f"{address}" == shown
    assert repr(address) == f"Secret({shown})"
    assert "s3cret" not in repr(parse_server(URL, tmp_path))
    assert "s3cret" not in str(parse_server(URL, tmp_path))
    assert str(Address("sqlite:///gateway.db")) == "sqlite:///gateway.db"
    assert "s3cret" not in str(Address("postgresql://me:s3cret@a b/x"))


def test_r11_a_log_is_told_what_to_hide() -> None:
    told = [secret.reveal() for secret in secrets_of(Address(URL))]
    assert told == [URL, WRITTEN, PASSWORD]
    assert secrets_of(Secret("postgresql://me@db/gateway")) == ()
    assert secrets_of(Secret("sqlite:///gateway.db")) == ()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (URL, True),
        ("postgresql://me:pass word@a b", True),
        ("postgresql://me@db/gateway", False),
        ("sqlite:///a:b@c.db", False),
    ],
)
def test_only_an_address_with_a_password_is_a_secret(text: str, *, holds: bool) -> None:
    assert holds_password(text) is holds


def test_a_place_is_a_value() -> None:
    assert PostgresPlace("h", "d", Path("j")) == PostgresPlace("h", "d", Path("j"))
