"""The way to the public listener, as a configuration says it."""

import msgspec
import pytest

from gateway.admin.options import AdminOptions
from gateway.config.compose import Config
from gateway.downstream.options import ListenOptions, TlsFiles
from gateway.office.playground import approach_of
from gateway.words.secret import Secret


@pytest.mark.parametrize(
    ("listen", "origin", "address"),
    [
        (ListenOptions(), "http://127.0.0.1:4000", "http://127.0.0.1:4000/v1"),
        (ListenOptions(host="0.0.0.0", port=80), "http://127.0.0.1:80", "http://127.0.0.1:80/v1"),
        (ListenOptions(host="::"), "http://[::1]:4000", "http://[::1]:4000/v1"),
        (ListenOptions(host="10.0.0.5"), "http://10.0.0.5:4000", "http://10.0.0.5:4000/v1"),
        (ListenOptions(unix="/run/gateway.sock"), "http://localhost:0", ""),
        (
            ListenOptions(tls=TlsFiles(certificate="c.pem", key="k.pem")),
            "https://127.0.0.1:4000",
            "https://127.0.0.1:4000/v1",
        ),
    ],
)
def test_the_way_leads_to_where_the_gateway_listens(
    listen: ListenOptions, origin: str, address: str
) -> None:
    approach = approach_of(Config(listen=listen))
    assert (str(approach.origin), approach.address) == (origin, address)


def test_the_way_shows_the_inner_key_unless_another_is_given() -> None:
    approach = approach_of(msgspec.structs.replace(Config(), inner_key=Secret("inner")))
    assert approach.shown("") == (b"x-gateway-key", b"inner")
    assert approach.shown("own") == (b"x-gateway-key", b"own")
    assert "inner" not in repr(approach)


def test_clients_are_shown_the_address_by_which_they_come() -> None:
    config = Config(admin=AdminOptions(public_url="https://ai.example.com"))
    assert approach_of(config).address == "https://ai.example.com/v1"


def test_without_an_inner_key_none_is_shown() -> None:
    assert approach_of(Config()).shown("") == (b"x-gateway-key", b"")
