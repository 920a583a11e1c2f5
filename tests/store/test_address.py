"""Addresses of the shared store: what is read in them, what is refused, what is never shown."""

import pytest

from gateway.store.address import StoreAddress, parse_store_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis://valkey.example", StoreAddress("valkey.example")),
        ("redis://Valkey.example:6380/3", StoreAddress("valkey.example", 6380, db=3)),
        ("REDISS://valkey.example/", StoreAddress("valkey.example", tls=True)),
        ("redis://[::1]:7000", StoreAddress("::1", 7000)),
        ("unix:///run/valkey/s.sock", StoreAddress(path="/run/valkey/s.sock")),
        ("unix:///run/a%20b.sock?db=2", StoreAddress(path="/run/a b.sock", db=2)),
    ],
)
def test_an_address_is_read_as_it_is_meant(text: str, address: StoreAddress) -> None:
    assert parse_store_url(text) == address


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("redis://ada:s%40cret%2F@host", "ada", "s@cret/"),
        ("redis://:secret@host/1", "", "secret"),
        ("unix://ada:secret@/run/s", "ada", "secret"),
    ],
)
def test_user_and_password_are_decoded(text: str, user: str, password: str) -> None:
    address = parse_store_url(text)
    assert address.password is not None
    assert (address.user, address.password.reveal()) == (user, password)


def test_a_password_is_never_shown() -> None:
    address = parse_store_url("redis://ada:very-long-secret@host:7000")
    assert "long" not in repr(address)
    assert str(address) == "host:7000"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no address"),
        ("http://host", "is no address"),
        ("redis://ada:se@cret@host", "is no address"),
        ("redis://host name", "is no address"),
        ("redis://" + "h" * 3000, "is longer"),
        ("redis://ada@secret.example", "names a user but no password"),
        ("redis://secret.example:0", "has a port"),
        ("redis://secret.example:99999", "has a port"),
        ("redis://secret.example/zero", "has a malformed host"),
        ("redis://secret.example?db=1", "has a malformed host"),
        ("redis://", "has a malformed host"),
        ("redis:///0", "has a malformed host"),
        ("unix://secret/path", "has no absolute path"),
        ("unix:///secret?database=1", "has no absolute path"),
        ("unix:///" + "secret" * 20, "has a path that is no socket's"),
        ("unix:///secret%00", "has a path that is no socket's"),
    ],
)
def test_a_malformed_address_is_refused_and_not_repeated(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}") as caught:
        parse_store_url(text)
    assert "secret" not in str(caught.value)
