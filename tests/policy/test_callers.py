"""Who may call while there are no keys (R27), and where a request came from (R9)."""

import pytest

from gateway.policy.callers import (
    MAX_FORWARDED_BYTES,
    client_address,
    host_name,
    is_loopback,
    refuse_web_pages,
)
from gateway.words.errors import Forbidden


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:4000", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:4000", "::1"),
        ("API.Example.com", "api.example.com"),
        ("", None),
        ("a/b", None),
        ("a?b", None),
        ("a b", None),
        ("user@host", None),
        ("[::g]", None),
        ("[1:2]", None),
        ("host:port", None),
        ("host:123456", None),
    ],
)
def test_a_host_is_a_name_or_an_address_with_a_port(host: str, name: str | None) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_known(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize("name", ["example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0"])
def test_what_is_not_loopback_is_known_too(name: str) -> None:
    assert not is_loopback(name)


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b" Cross-Site "])
@pytest.mark.parametrize("open_use", [True, False])
def test_r27_a_request_from_a_web_page_is_refused(site: bytes, open_use: bool) -> None:
    with pytest.raises(Forbidden):
        refuse_web_pages("localhost", site, open_use=open_use)


@pytest.mark.parametrize("site", [None, b"none", b"same-origin"])
def test_r27_a_request_of_a_program_passes(site: bytes | None) -> None:
    refuse_web_pages("127.0.0.1:4000", site, open_use=False)


@pytest.mark.parametrize("host", ["rebound.example", "evil", "a/b"])
def test_r27_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(Forbidden, match=r"auth\.required = false"):
        refuse_web_pages(host, None, open_use=False)
    refuse_web_pages(host, None, open_use=True)


def test_an_old_client_without_a_host_passes() -> None:
    refuse_web_pages(None, None, open_use=False)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.9", b"1.2.3.4", "10.0.0.9"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", b"1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", b"6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", b"6.6.6.6, 1.2.3.4, 127.0.0.1", "1.2.3.4"),
        ("127.0.0.1", b"junk", "127.0.0.1"),
        ("127.0.0.1", b"\xff", "127.0.0.1"),
        ("127.0.0.1", b"127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", b"1.2.3.4," * MAX_FORWARDED_BYTES, "127.0.0.1"),
    ],
)
def test_r9_forwarded_addresses_count_only_from_trusted_proxies(
    peer: str, forwarded: bytes | None, address: str
) -> None:
    assert client_address(peer, forwarded, {"127.0.0.1"}) == address
